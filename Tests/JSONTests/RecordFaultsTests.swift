import JSON
import TestKit
import Testing

/// A record is judged by itself: its neighbours in the window change nothing, and what is valid is valid JSON.
@Suite("Records with faults")
struct RecordFaultsTests {
    private static let paths = [["id"], ["b"], ["c", "d"], ["c"], ["e", "0"], ["e", "1", "f"], ["g\"h"]]
    private static let fragments: [[UInt8]] =
        [
            "\"", "\\", "{", "}", "[", "]", ":", ",", " ", "\n", "1", "-0", "1e5", "1e400", "null", "true", "fals",
            "\\u0000", "\\ud800", "\\ud83d\\ude00", "é", "\t", "x", "\"id\":", "\"b\":", "\"a\"", "\u{1}", "\\\"",
            "\\\\",
        ].map { Array($0.utf8) } + [[0xC3], [0xED, 0xA0, 0x80]]

    @Test("ends as alone and as a strict reader has it", arguments: UInt64(0)..<40)
    func anyFault(seed: UInt64) {
        var numbers = SeededGenerator(seed: seed)
        let records = (0..<120).map { _ in Self.record(&numbers) }
        for stopsEarly in [false, true] {
            var together = RecordWindow(.lines, paths: Self.paths, stopsEarly: stopsEarly)
            for record in records { together.append(record.span) }
            together.extract()
            var unknown: Set<String> = []
            for (index, record) in records.enumerated() {
                var alone = RecordWindow(.lines, paths: Self.paths, stopsEarly: stopsEarly)
                alone.append(record.span)
                alone.extract()
                unknown.formUnion(alone.unknownNames)
                let text = String(decoding: record, as: UTF8.self)
                #expect(together.state(index) == alone.state(0), "\(text)")
                for column in Self.paths.indices {
                    #expect(Self.cell(together, index, column) == Self.cell(alone, 0, column), "\(text)")
                }
                guard !stopsEarly else { continue }
                #expect(Self.sorted(together, index) == Self.sorted(alone, 0), "\(text)")
                #expect((alone.state(0) == .valid) == Self.isAccepted(record, alone.state(0)), "\(text)")
            }
            #expect(Set(together.unknownNames) == unknown)
        }
    }

    @Test(
        "a list or object that goes on as the other is no record",
        arguments: [
            #"{"id":["",{"f":""},"#, #"{"id":["",{"f":""},}"#, #"{"z":true,"g\"h":"d":"a"}"#, #"{"z":["a","f":""]}"#,
            #"{"z":[{"f":1}},"c":[2}"#, #"{"z":{1]}"#, #"{"z":{"a"}}"#, #"{"z":[1 2]}"#, #"{"z":[,1]}"#, #"{"z":[1,]}"#,
            #"{"z""a":1}"#, #"{:1}"#, #"{"z":}"#, #"{"z"}"#, #"{,}"#, #"{"#, #"{""#, #"{"z":[}"#, #"{"z":"a"x}"#,
        ])
    func mixedUp(text: String) {
        for neighbour in ["{}", #"{"a":"x"}"#, "\"", #"{"a"#] {
            var window = RecordWindow(.lines, paths: Self.paths)
            for record in [neighbour, text, neighbour, "{}"] { window.append(Array(record.utf8).span) }
            window.extract()
            #expect(window.state(1) == .malformed, "\(text)")
            #expect(window.state(3) == .valid)
        }
    }

    /// A strict reader's verdict. It takes no name twice, where only wanted ones matter here, and any number.
    private static func isAccepted(_ record: [UInt8], _ state: RecordState) -> Bool {
        do {
            guard case .object = try JSONReader.parse(record) else { return false }
            return ![.number, .duplicateName].contains(state)
        } catch {
            return state == .valid && "\(error)".contains("second member")
        }
    }

    private static func cell(_ window: borrowing RecordWindow, _ record: Int, _ column: Int) -> String {
        window.withCell(record, column) { kind, cell in "\(kind) \(String(decoding: cell.copied, as: UTF8.self))" }
    }

    private static func sorted(_ window: borrowing RecordWindow, _ record: Int) -> [UInt8] {
        window.withSortedRecord(record) { $0.copied }
    }

    /// A record of a few members, two of three with one to three bytes or pieces too many or too few.
    private static func record(_ numbers: inout SeededGenerator) -> [UInt8] {
        func below(_ bound: Int) -> Int { Int(numbers.next() % UInt64(bound)) }
        let scalars = ["12", "-1.5e3", "null", "true", "\"x\"", #""é\u00e9""#, #""a\"b""#, "\"\"", #""a,{b}:""#]
        func scalar() -> String { scalars[below(scalars.count)] }
        let names = [#""id""#, #""b""#, #""c""#, #""e""#, #""zz""#, #""g\"h""#, #""i\u0064""#, #""y y""#]
        let first = below(names.count)
        let members = (0..<below(6)).map { place in
            let value =
                switch below(6) {
                case 0: #"{"d":\#(scalar()),"q":[1,{"d":\#(scalar())}]}"#
                case 1: #"[\#(scalar()),{"f":\#(scalar())} ]"#
                case 2: "[]"
                default: scalar()
                }
            return names[(first + place) % names.count] + (below(6) == 0 ? " : " : ":") + value
        }
        var record = Array("{\(members.joined(separator: ","))}".utf8)
        for _ in 0..<(below(3) == 0 ? 0 : below(4)) {
            let place = below(record.count)
            if below(2) == 0, record.count > 3 {
                record.removeSubrange(place..<min(place + 1 + below(2), record.count))
            } else {
                record.insert(contentsOf: fragments[below(fragments.count)], at: place)
            }
        }
        // As a scanner gives it: without white space around.
        while let last = record.last, [0x20, 0x0A, 0x0D, 0x09].contains(last) { record.removeLast() }
        while let first = record.first, [0x20, 0x0A, 0x0D, 0x09].contains(first) { record.removeFirst() }
        return record.isEmpty ? Array("1".utf8) : record
    }
}
