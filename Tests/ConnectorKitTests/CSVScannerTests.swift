import ConnectorKit
import Testing

@Suite struct CSVScannerTests {
    /// What a text gives: documents of good rows, `line N: problem` of bad ones, and the error at its end.
    private func scan(_ text: [UInt8], cutAt cuts: [Int] = [], limit: Int = 16 << 20) -> [String] {
        var scanner = CSVScanner(maximumRowBytes: limit)
        var result: [String] = []
        var number = 0
        func take(_ record: ConvertedRecord) {
            number += 1
            #expect(record.number == number)
            #expect(record.document.isEmpty == (record.problem != nil))
            result.append(
                record.problem.map { "line \(record.line): \($0)" } ?? String(decoding: record.document, as: UTF8.self))
        }
        do {
            var start = 0
            for end in cuts + [text.count] {
                try scanner.feed(text.span.extracting(start..<end), take)
                start = end
            }
            try scanner.finish(take)
            #expect(scanner.records == number)
        } catch {
            result.append("error: \(error)")
        }
        return result
    }

    static let cases: [(text: String, expected: [String])] = [
        ("a,b\n1,2\n", [#"{"a":"1","b":"2"}"#]),
        ("a,b\r\n1,2\r\n3,4", [#"{"a":"1","b":"2"}"#, #"{"a":"3","b":"4"}"#]),
        ("a,b\r1,2\r3,4\r", [#"{"a":"1","b":"2"}"#, #"{"a":"3","b":"4"}"#]),
        ("\u{FEFF}a\n1", [#"{"a":"1"}"#]),
        ("a,b\n,\n", [#"{"a":null,"b":null}"#]),
        ("a,b\n,\"\"", [#"{"a":null,"b":""}"#]),
        ("a,b\n\"x,y\",\"line\r\nfeed\"\n", [#"{"a":"x,y","b":"line\r\nfeed"}"#]),
        ("a\n\"say \"\"hi\"\"\"\n", [#"{"a":"say \"hi\""}"#]),
        ("a\n\"\"\"\"", [#"{"a":"\""}"#]),
        ("a\n\\N\t\u{1}\u{7F}\n", ["{\"a\":\"\\\\N\\t\\u0001\u{7F}\"}"]),
        ("\"a \"\"b\"\"\",\"c\\d\"\n1,2", [#"{"a \"b\"":"1","c\\d":"2"}"#]),
        ("Größe,é,e\u{301}\nä,日本,👍", ["{\"Größe\":\"ä\",\"é\":\"日本\",\"e\u{301}\":\"👍\"}"]),
        ("a\n\n\r\n1\n\n\n2\n\n", [#"{"a":"1"}"#, #"{"a":"2"}"#]),
        ("a\n 1 \n", [#"{"a":" 1 "}"#]),
        ("a,b\n", []),
        ("a,b", []),
        (
            "a,b\n1\n1,2,3\n4,5\n",
            ["line 2: 1 cell where the header has 2", "line 3: 3 cells where the header has 2", #"{"a":"4","b":"5"}"#]
        ),
        ("a,b\n1,\"x\ny\"\n\n1\n", [#"{"a":"1","b":"x\ny"}"#, "line 5: 1 cell where the header has 2"]),
        (
            "a,b\n5\" pipe,2\n3,4",
            ["line 2: a quote within a cell that does not begin with one", #"{"a":"3","b":"4"}"#]
        ),
        ("a,b\n\"x\"y,\"2\n2\"\n3,4", ["line 2: text behind a closing quote", #"{"a":"3","b":"4"}"#]),
        (
            "a,b\n1,2\n3,\"4\n5,6\n",
            [
                #"{"a":"1","b":"2"}"#,
                "error: line 3: a quoted cell of the row that begins here is never closed; add the missing quote",
            ]
        ),
        ("", ["error: line 1: there is no header; the first line must name the columns"]),
        ("\n\n", ["error: line 3: there is no header; the first line must name the columns"]),
        ("a,,c\n", ["error: line 1: column 2 of the header has no name; name every column"]),
        (
            "a,b,a\n",
            ["error: line 1: columns 1 and 3 of the header are both called 'a'; give every column a name of its own"]
        ),
        ("\na,b\"\n", ["error: line 2: the header has a quote within a cell that does not begin with one"]),
        ("a\0b\n", ["error: line 1: the header holds NUL characters; save the file as UTF-8"]),
    ]

    @Test("A text gives its rows wherever its bytes are split", arguments: cases)
    func rows(text: String, expected: [String]) {
        let bytes = Array(text.utf8)
        #expect(scan(bytes) == expected)
        for cut in 0...bytes.count { #expect(scan(bytes, cutAt: [cut]) == expected, "cut at \(cut)") }
        #expect(scan(bytes, cutAt: Array(0..<bytes.count)) == expected, "byte by byte")
    }

    @Test("A row with invalid UTF-8 is bad, its neighbours are good")
    func invalidUTF8() {
        let bytes = Array("a,b\n1,".utf8) + [0xFF] + Array("\n2,ok\n".utf8) + [0xC3, 0x0A]
        let expected = ["line 2: invalid UTF-8", #"{"a":"2","b":"ok"}"#, "line 4: 1 cell where the header has 2"]
        #expect(scan(bytes) == expected)
        #expect(scan(bytes, cutAt: Array(0..<bytes.count)) == expected)
    }

    @Test(
        "A header that is not UTF-8 is an error",
        arguments: [[0xFF, 0xFE, 0x61, 0x00], [0xEF, 0xBB, 0x61, 0x0A], [0xEF, 0xBB], [0xEF, 0x0A]] as [[UInt8]])
    func headerEncoding(bytes: [UInt8]) {
        for result in [scan(bytes), scan(bytes, cutAt: [1])] {
            #expect(result.count == 1)
            #expect(result.first?.hasPrefix("error: line 1: the header is not UTF-8") == true)
        }
    }

    @Test("A row longer than the limit is an error and not a full memory")
    func limit() {
        let text = Array(("a\n1\n\"" + String(repeating: "x", count: 200)).utf8)
        let expected = "error: line 3: the row that begins here is longer than 100 bytes; look for a missing quote"
        #expect(scan(text, limit: 100) == [#"{"a":"1"}"#, expected])
    }

    @Test("The header is known once its line is read")
    func header() throws {
        var scanner = CSVScanner()
        try scanner.feed(Array("a,b".utf8).span) { _ in }
        #expect(scanner.header == ["a"])
        try scanner.feed(Array("\n".utf8).span) { _ in }
        #expect(scanner.header == ["a", "b"])
    }

    @Test("An error of the receiver comes through")
    func receiver() {
        struct Stop: Error {}
        #expect(throws: Stop.self) {
            var scanner = CSVScanner()
            try scanner.feed(Array("a\n1\n".utf8).span) { _ in throw Stop() }
        }
    }
}
