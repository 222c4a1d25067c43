import JSON
import Testing

/// Reads a text in chunks of `size` bytes: each record's text, or the state that makes it a reject.
private func records(_ text: String, _ format: RecordFormat, size: Int) throws -> [String] {
    var window = RecordWindow(format, paths: [])
    var found: [String] = []
    func collect(_ window: borrowing RecordWindow) {
        for index in 0..<window.count {
            let text = window.withRecord(index) { String(decoding: $0.copied, as: UTF8.self) }
            found.append(window.state(index) == .valid ? text : "\(window.state(index)) \(text)")
        }
    }
    let bytes = Array(text.utf8)
    for start in stride(from: 0, to: bytes.count, by: size) {
        try window.push(bytes[start..<min(start + size, bytes.count)].span)
        collect(window)
    }
    try window.finish()
    collect(window)
    return found
}

private func counted(_ text: String, _ format: RecordFormat, size: Int) throws -> Int {
    var scanner = RecordScanner(format)
    let bytes = Array(text.utf8)
    for start in stride(from: 0, to: bytes.count, by: size) {
        try scanner.feed(bytes[start..<min(start + size, bytes.count)].span)
    }
    try scanner.finish()
    return scanner.records
}

extension Span<UInt8> {
    var copied: [UInt8] { indices.map { self[$0] } }
}

@Suite struct RecordWindowTests {
    static let texts: [(String, RecordFormat, [String])] = [
        (
            #"[{"a":1},{"a":"x]}\""}, {"b":[1,{"c":2}]} ]"#, RecordFormat.text(path: []),
            [#"{"a":1}"#, #"{"a":"x]}\""}"#, #"{"b":[1,{"c":2}]}"#]
        ),
        (
            #"{"page":1,"data":{"x":[9],"items":[{"a":1},{"a":2}]},"next":null}"#, .text(path: ["data", "items"]),
            [#"{"a":1}"#, #"{"a":2}"#]
        ),
        (#"{"items":{"a":1},"z":[]}"#, .text(path: ["items"]), [#"{"a":1}"#]),
        (#"{"x":{"items":[{"no":1}]},"items":[{"a":1}]}"#, .text(path: ["items"]), [#"{"a":1}"#]),
        (#"{"x":[{"items":[{"no":1}]}],"items":[]}"#, .text(path: ["items"]), []),
        ("{\"a\":1}\r\n\n  \n {\"a\":2} \n{\"a\":3}", .lines, [#"{"a":1}"#, #"{"a":2}"#, #"{"a":3}"#]),
        ("\u{FEFF}[{\"a\":1}]", .text(path: []), [#"{"a":1}"#]),
        ("\u{FEFF}{\"a\":1}\n", .lines, [#"{"a":1}"#]),
        (
            #"[1,"two",{"a":1},null,{"a":tru},[{}]]"#, .text(path: []),
            [
                "notAnObject 1", #"notAnObject "two""#, #"{"a":1}"#, "notAnObject null", #"malformed {"a":tru}"#,
                "notAnObject [{}]",
            ]
        ),
        ("{\"a\":1}\n{\"a\":\n{\"a\":3}\n", .lines, [#"{"a":1}"#, #"malformed {"a":"#, #"{"a":3}"#]),
        ("", .lines, []),
    ]

    @Test("records are found whatever the chunk size", arguments: texts)
    func found(text: String, format: RecordFormat, expected: [String]) throws {
        for size in 1...max(1, text.utf8.count) {
            #expect(try records(text, format, size: size) == expected, "chunks of \(size)")
            #expect(try counted(text, format, size: size) == expected.count, "counted in chunks of \(size)")
        }
    }

    @Test(
        "a text that is cut or has no records where they should be is an error with its place",
        arguments: [
            (
                #"[{"a":1},{"a""#, RecordFormat.text(path: []),
                "the JSON text ends inside a value at byte 13: it was cut"
            ),
            (#"[{"a":1}"#, .text(path: []), "the JSON text ends inside a value at byte 8: it was cut"),
            (#"{"b":[]}"#, .text(path: ["a"]), "there is nothing at '/a', where records_path points"),
            (
                #"{"a":7}"#, .text(path: ["a"]),
                "the value at '/a' (byte 5) is neither an array nor an object of records"
            ),
            (#"[{"a":1},,{"a":2}]"#, .text(path: []), "malformed JSON at byte 9"),
            (#"[{"a":1}] x"#, .text(path: []), "malformed JSON at byte 10"),
            ("  ", .text(path: []), "the payload is empty: expected a JSON text"),
        ])
    func refused(text: String, format: RecordFormat, message: String) {
        for size in 1...text.utf8.count {
            #expect { try records(text, format, size: size) } throws: { "\($0)" == message }
            #expect { try counted(text, format, size: size) } throws: { "\($0)" == message }
        }
    }

    static func nested(_ depth: Int) -> String {
        #"{"a":"# + String(repeating: "[", count: depth) + String(repeating: "]", count: depth) + "}"
    }
    static let rejects: [(String, RecordState)] = [
        (#"{"a":"\u0000"}"#, RecordState.nul), (#"{"a":"\ud800"}"#, .loneSurrogate),
        (#"{"a":"\udc00x"}"#, .loneSurrogate), (#"{"a":"\ud83d\ude00"}"#, .valid), (#"{"a":"\\u0000"}"#, .valid),
        (#"{"a":1e400}"#, .number), (#"{"a":1e-400}"#, .number), (#"{"a":123456789012345678901234567890}"#, .valid),
        (#"{"a":01}"#, .malformed), (#"{"a":+1}"#, .malformed), (#"{"a":1.}"#, .malformed), (#"{"a":NaN}"#, .malformed),
        (#"{"a":1,}"#, .malformed), (#"{"a":1}}"#, .malformed), (#"{"a":1} {"#, .malformed),
        (#"{"a":'x'}"#, .malformed),
        (#"{"w":1,"w":2}"#, .duplicateName), ("{\"a\":\"\t\"}", .malformed),
        (nested(200), .tooDeep),
        (nested(100), .valid),
    ]

    @Test("what PostgreSQL would refuse later is refused for that record alone", arguments: rejects)
    func states(record: String, state: RecordState) {
        var window = RecordWindow(.lines, paths: [["w"]])
        window.append(Array(record.utf8).span)
        window.append(Array(#"{"w":7}"#.utf8).span)
        window.extract()
        #expect(window.state(0) == state)
        #expect(window.state(1) == .valid && window.kind(1, 0) == .number)
    }

    @Test("bytes that are not UTF-8 reject their record")
    func notUTF8() {
        var window = RecordWindow(.lines, paths: [])
        window.append((Array(#"{"a":""#.utf8) + [0xC3, 0x28] + Array(#""}"#.utf8)).span)
        window.extract()
        #expect(window.state(0) == .notUTF8)
    }

    @Test("elements of lists are found by their index, as in a JSON pointer")
    func elements() {
        var window = RecordWindow(
            .lines, paths: [["a", "0"], ["a", "1", "b"], ["a", "10"], ["c", "0", "0"], ["a"]])
        let record = #"{"a":["x",{"b":7}],"c":[[true],2]}"#
        window.append(Array(record.utf8).span)
        window.append(Array(#"{"a":{"0":"member"},"c":"no list"}"#.utf8).span)
        window.extract()
        var cells: [String] = []
        for record in 0..<window.count {
            for column in 0..<5 {
                let text = window.withCell(record, column) { String(decoding: $0.copied, as: UTF8.self) }
                cells.append("\(window.kind(record, column)) \(text)")
            }
        }
        #expect(
            cells == [
                "string x", "number 7", "missing ", "true true", #"array ["x",{"b":7}]"#,
                "string member", "missing ", "missing ", "missing ", #"object {"0":"member"}"#,
            ])
    }

    @Test("a record is lent with its members in the order of jsonb")
    func sorted() {
        var window = RecordWindow(.lines, paths: [["id"]])
        let records = [
            #"{"name":"x","id":7,"b" : {"z":1, "a":[2]} ,"a": [ 1 ],"id2":null}"#, "{}", #"{"a":1}"#,
            #"{"b":1,"a":2,"b":3}"#, #"{"bb":1,"n\"e":2,"a":3}"#, #"{"b":1,"a":}"#,
        ]
        for record in records { window.append(Array(record.utf8).span) }
        window.extract()
        let sorted = (0..<records.count).map {
            window.withSortedRecord($0) { String(decoding: $0.copied, as: UTF8.self) }
        }
        #expect(
            sorted == [
                #"{"a":[ 1 ],"b":{"z":1, "a":[2]},"id":7,"id2":null,"name":"x"}"#, "{}", #"{"a":1}"#,
                #"{"a":2,"b":1,"b":3}"#, records[4], records[5],
            ])
    }

    @Test("a record may be read until its paths were seen, and others be left out")
    func partly() {
        var window = RecordWindow(.lines, paths: [["id"], ["a", "b"]], stopsEarly: true)
        let records = [#"{"id":1,"a":{"b":2,"x":},"rest":1e999}"#, #"{"a":{"b":"y"},"id":3}"#, #"{"id":4}"#]
        for record in records { window.append(Array(record.utf8).span) }
        window.extract { $0 != 2 }
        func cell(_ record: Int, _ column: Int) -> String {
            window.withCell(record, column) {
                "\(window.kind(record, column)) " + String(decoding: $0.copied, as: UTF8.self)
            }
        }
        #expect([cell(0, 0), cell(0, 1), cell(1, 0), cell(1, 1)] == ["number 1", "number 2", "number 3", "string y"])
        #expect(window.state(0) == .valid)
        #expect(window.unknownNames.isEmpty)
        window.extract { $0 == 2 }
        #expect([cell(2, 0), cell(2, 1)] == ["number 4", "missing "])
    }

    @Test("cells are lent by path: nested, escaped, missing, objects and lists as their text")
    func cells() {
        let paths = [["id"], ["address", "city"], ["address"], ["tags"], ["gone"], ["n\"e"], ["id"]]
        var window = RecordWindow(.lines, paths: paths)
        window.append(
            Array(#"{"id":7.50,"address":{"city":"K\u00f6ln \ud83d\ude00","x":[1]} , "tags":[ "a" ],"n\"e":null}"#.utf8)
                .span)
        window.append(Array(#"{"id":"","extra":1}"#.utf8).span)
        window.extract()
        func cell(_ record: Int, _ column: Int) -> String {
            window.withCell(record, column) {
                "\(window.kind(record, column)) " + String(decoding: $0.copied, as: UTF8.self)
            }
        }
        #expect(
            (0..<7).map { cell(0, $0) } == [
                "number 7.50", "string Köln 😀", #"object {"city":"K\u00f6ln \ud83d\ude00","x":[1]}"#, #"array [ "a" ]"#,
                "missing ", "null null", "number 7.50",
            ])
        #expect((0..<5).map { cell(1, $0) } == ["string ", "missing ", "missing ", "missing ", "missing "])
        #expect(window.unknownNames == ["extra"])
    }
}
