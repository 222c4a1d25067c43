import ConnectorKit
import Foundation
import JSON
import Testing

@Suite struct CSVDialectTests {
    private func read(_ bytes: [UInt8], _ dialect: CSVDialect, size: Int = .max) throws -> [String] {
        guard var converter = try RecordConverter.make(DocumentShape(format: .csv, csv: dialect)) else { return [] }
        var found: [String] = []
        func take(_ record: ConvertedRecord) {
            found.append(record.problem ?? String(decoding: record.document, as: UTF8.self))
        }
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, size == .max ? .max : start + size)
            try converter.feed(Array(bytes[start..<end]).span, take)
            start = end
        }
        try converter.finish(take)
        return found
    }

    static let cases: [(CSVDialect, String, [String])] = [
        (CSVDialect(delimiter: ";"), "a;b\n1,5;\"x;y\"\n", [#"{"a":"1,5","b":"x;y"}"#]),
        (CSVDialect(delimiter: "\t", quote: ""), "a\tb\n\"1\tit's \"\n", [#"{"a":"\"1","b":"it's \""}"#]),
        (CSVDialect(quote: "'"), "a,b\n'1,''2',\"\n", [#"{"a":"1,'2","b":"\""}"#]),
        (CSVDialect(names: ["x", "y"]), "1,2\n\n3,\n", [#"{"x":"1","y":"2"}"#, #"{"x":"3","y":null}"#]),
        (CSVDialect(names: ["x"]), "", []),
        (
            CSVDialect(nullTexts: ["NA", "\\N", "-"]), "a,b,c\nNA,\"NA\",\\N\n-,NAN, -\n",
            [#"{"a":null,"b":"NA","c":null}"#, #"{"a":null,"b":"NAN","c":" -"}"#]
        ),
        (
            CSVDialect(skippedLines: 2, comment: "#"), "Report \"of\r\nday, 1\r\n# names\r\na,b\r\n#x\r\n1,#2\r\n",
            [##"{"a":"1","b":"#2"}"##]
        ),
        (CSVDialect(skippedLines: 1), "\u{FEFF}first\ra\r1\r", [#"{"a":"1"}"#]),
        (CSVDialect(names: ["x", "y"]), "1\n1,2\n", ["1 cell where the header has 2", #"{"x":"1","y":"2"}"#]),
    ]

    @Test("A dialect is read as it says, split anywhere", arguments: cases.indices)
    func dialects(index: Int) throws {
        let (dialect, text, expected) = Self.cases[index]
        for size in [Int.max, 3, 1] { #expect(try read(Array(text.utf8), dialect, size: size) == expected) }
    }

    @Test("Every encoding that metadata may name is known to this machine", arguments: CSVDialect.encodings)
    func known(encoding: String) throws {
        let text = "a\n1\n"
        let bytes: [UInt8] =
            switch encoding {
            case "utf-16", "utf-16le": text.utf16.flatMap { [UInt8($0), 0] }
            case "utf-16be": text.utf16.flatMap { [0, UInt8($0)] }
            case "utf-32": text.utf16.flatMap { [UInt8($0), 0, 0, 0] }
            default: Array(text.utf8)
            }
        for size in [Int.max, 1] {
            #expect(try read(bytes, CSVDialect(encoding: encoding), size: size) == [#"{"a":"1"}"#])
        }
    }

    @Test("Bytes that are no text in an encoding spoil their row, and no other")
    func badText() throws {
        let euro = Array("a,b\n".utf8) + [0x80, 0x2C, 0xE4, 0x0A, 0x81, 0x2C, 0x31, 0x0A, 0x32, 0x2C, 0x33, 0x0A]
        #expect(
            try read(euro, CSVDialect(encoding: "windows-1252")) == [
                #"{"a":"€","b":"ä"}"#, "invalid UTF-8", #"{"a":"2","b":"3"}"#,
            ])
        #expect(throws: ConnectorError.self) { try read([0x61, 0x00, 0x0A], CSVDialect(encoding: "utf-16le")) }
    }

    @Test(
        "What contradicts itself is said",
        arguments: [
            CSVDialect(delimiter: ""), CSVDialect(delimiter: ";;"), CSVDialect(delimiter: "ä"),
            CSVDialect(delimiter: "\n"), CSVDialect(delimiter: "\""), CSVDialect(quote: "\"\""),
            CSVDialect(comment: ","),
            CSVDialect(names: []), CSVDialect(names: ["a", "a"]), CSVDialect(names: ["a", ""]),
        ])
    func contradictions(dialect: CSVDialect) { #expect(dialect.problem != nil) }

    @Test("What is written in a random dialect is read back")
    func roundTrips() throws {
        var generator = SystemRandomNumberGenerator()
        let pieces = ["a", "ä", "", ",", ";", "\t", "|", "\"", "'", "\n", "\r\n", "\\", "#", " ", "NA", "1.5", "\u{1}"]
        for round in 0..<300 {
            let isWide = round % 3 == 2
            let dialect = CSVDialect(
                delimiter: [",", ";", "\t", "|"][round % 4], quote: ["\"", "'"][round % 2],
                names: round % 5 == 0 ? ["a", "b", "c"] : nil,
                encoding: isWide ? "utf-16le" : round % 3 == 1 ? "latin1" : "utf-8",
                nullTexts: ["NA"], skippedLines: round % 3, comment: round % 7 == 0 ? "#" : nil)
            let rows = (0..<5).map { _ in
                (0..<3).map { _ -> String? in
                    Int.random(in: 0..<5, using: &generator) == 0
                        ? nil
                        : (0..<Int.random(in: 0..<4, using: &generator)).map { _ in
                            pieces.randomElement(using: &generator) ?? ""
                        }.joined()
                }
            }
            var text = String(repeating: "skipped \(dialect.quote)\n", count: dialect.skippedLines)
            if dialect.names == nil { text += ["a", "b", "c"].joined(separator: dialect.delimiter) + "\n" }
            for row in rows {
                if dialect.comment != nil { text += "#comment\(dialect.delimiter)\(dialect.quote)\n" }
                text +=
                    row.map { cell in
                        guard let cell else { return Bool.random(using: &generator) ? "NA" : "" }
                        return dialect.quote + cell.replacing(dialect.quote, with: dialect.quote + dialect.quote)
                            + dialect.quote
                    }.joined(separator: dialect.delimiter) + "\r\n"
            }
            let bytes: [UInt8] =
                isWide
                ? text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
                : dialect.encoding == "latin1"
                    ? text.unicodeScalars.map { UInt8($0.value) } : Array(text.utf8)
            let read = try read(bytes, dialect, size: Int.random(in: 1..<20, using: &generator)).map { document in
                try JSONReader.parse(document).objectValue?.map(\.value.stringValue) ?? []
            }
            #expect(read == rows, "\(dialect) \(text)")
        }
    }
}
