import Testing
import XML

@Suite struct XMLRecordReaderTests {
    private func read(
        _ text: String, _ path: String, lists: [String] = [], size: Int = .max
    ) throws -> [String] {
        try read(bytes: Array(text.utf8), path, lists: lists, size: size)
    }

    private func read(bytes: [UInt8], _ path: String, lists: [String] = [], size: Int = .max) throws -> [String] {
        var reader = XMLRecordReader(path: path.split(separator: "/").map(String.init), lists: lists)
        var found: [String] = []
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, size == .max ? .max : start + size)
            found += try reader.feed(Array(bytes[start..<end]).span).map { String(decoding: $0.json, as: UTF8.self) }
            start = end
        }
        return found + (try reader.finish().map { String(decoding: $0.json, as: UTF8.self) })
    }

    static let texts: [(text: String, path: String, records: [String])] = [
        ("<a><b>1</b><b>2</b></a>", "/a", [#"{"b":["1","2"]}"#]),
        ("<a><b>1</b><b>2</b></a>", "/a/b", [##"{"#text":"1"}"##, ##"{"#text":"2"}"##]),
        (
            #"<?xml version="1.0"?><r><i id="1" n="x &amp; y"><t>A</t><e/><s> </s></i><i id="2"/></r>"#, "/r/i",
            [#"{"@id":"1","@n":"x & y","t":"A","e":null,"s":" "}"#, #"{"@id":"2"}"#]
        ),
        (
            "<r><i>\n  <t l='en'>Hi <b>you</b> there</t>\n</i></r>", "/r/i",
            [##"{"t":{"@l":"en","b":"you","#text":"Hi  there"}}"##]
        ),
        ("<r><i><t><![CDATA[<x> \"q\" \\]]></t></i></r>", "/r/i", [#"{"t":"<x> \"q\" \\"}"#]),
        ("<r><i><t>a&#10;b&#x9;</t></i></r>", "/r/i", [#"{"t":"a\u000ab\u0009"}"#]),
        (
            #"<f xmlns="u" xmlns:d="v"><e><d:c>1</d:c></e><d:e/></f>"#, "/f/e", [#"{"d:c":"1"}"#]
        ),
        (
            #"<f><e xsi:nil="true">x</e><e><v xsi:nil="true"/></e></f>"#, "/f/e",
            [##"{"@xsi:nil":"true","#text":"x"}"##, #"{"v":null}"#]
        ),
        ("<r><i><i>1</i></i><j><i/></j></r>", "/r/i", [#"{"i":"1"}"#]),
        ("<r></r>", "/r/i", []), ("<r/>", "/r", ["{}"]),
        ("<r><!-- <i/> --><?i x?><i/></r>", "/r/i", ["{}"]),
    ]

    @Test("Elements become objects, split anywhere", arguments: texts.indices)
    func found(index: Int) throws {
        let (text, path, records) = Self.texts[index]
        for size in [Int.max, 7, 1] { #expect(try read(text, path, size: size) == records, "pieces of \(size)") }
    }

    @Test("An element that is named as a list is one, even where it stands alone")
    func lists() throws {
        #expect(
            try read("<r><i><l>1</l><m>2</m></i></r>", "/r/i", lists: ["l"]) == [#"{"l":["1"],"m":"2"}"#])
    }

    @Test("The encoding is what the text says of itself")
    func encodings() throws {
        let latin = Array(#"<?xml version="1.0" encoding="ISO-8859-1"?><r><i>"#.utf8) + [0xE4] + Array("</i></r>".utf8)
        #expect(try read(bytes: latin, "/r/i") == [##"{"#text":"ä"}"##])
        let wide = "<r><i>ä😀</i></r>".utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
        for size in [Int.max, 5] {
            #expect(try read(bytes: [0xFF, 0xFE] + wide, "/r/i", size: size) == [##"{"#text":"ä😀"}"##])
        }
        #expect(try read(bytes: [0xEF, 0xBB, 0xBF] + Array("<r><i/></r>".utf8), "/r/i") == ["{}"])
    }

    static let bomb = """
        <?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
        <!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><r><i>&c;</i></r>
        """

    @Test(
        "What is malformed, cut, made to do harm or not there is an error with its line",
        arguments: [
            (bomb, "line 1: it declares a document type (DOCTYPE), which is refused"),
            (
                #"<!DOCTYPE r SYSTEM "http://127.0.0.1/x.dtd"><r><i/></r>"#,
                "line 1: it declares a document type (DOCTYPE), which is refused"
            ),
            (#"<r><i>&x;</i></r>"#, "line 1: Entity 'x' not defined"),
            ("<r>\n<i>\n</r>", "line 3: Opening and ending tag mismatch: i line 2 and r"),
            ("<r><i></i>", "line 1: "), ("", "line 1: "), ("<r><i/></r><r/>", "line 1: "), ("{}", "line 1: "),
            ("<q><i/></q>", "line 1: there is no element /r, where records_path points"),
            ("<r><i>\u{1}</i></r>", "line 1: "), ("<r><i a='1' a='2'/></r>", "line 1: Attribute a redefined"),
            (
                "<r><i>" + String(repeating: "<x>", count: 300) + String(repeating: "</x>", count: 300) + "</i></r>",
                "line 1: elements are nested more than 256 deep"
            ),
        ])
    func refused(text: String, message: String) {
        for size in [Int.max, 3] {
            do {
                let records = try read(text, "/r/i", size: size)
                Issue.record("read as \(records)")
            } catch {
                #expect("\(error)".hasPrefix(message) && !"\(error)".contains { $0.isNewline }, "\(error)")
            }
        }
    }

    @Test("A record that is too large for memory is refused")
    func large() {
        let text = "<r><i>" + String(repeating: "<x>0123456789</x>", count: 1_000_000) + "</i></r>"
        #expect(throws: XMLError.self) { try read(text, "/r/i", size: 1 << 16) }
    }
}
