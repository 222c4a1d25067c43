import JSON
import Testing

@Suite("JSON reader")
struct JSONReaderTests {
    @Test("Every kind of value is read, members in the file's order, numbers with their text")
    func everyKind() throws {
        let value = try JSONReader.parse(
            #"{"b": [null, true, false, -0.10E+2, 12345678901234567890.50], "a": {"": "é\n\u00e9\ud83d\ude00\/"}, "c": []}"#
        )
        let expected = JSONValue.object([
            JSONMember(
                "b",
                .array([.null, .bool(true), .bool(false), .number("-0.10E+2"), .number("12345678901234567890.50")])),
            JSONMember("a", .object([JSONMember("", .string("é\né😀/"))])),
            JSONMember("c", .array([])),
        ])
        #expect(value == expected)
    }

    @Test(
        "A scalar, white space around it and empty containers are JSON texts",
        arguments: [
            ("0", JSONValue.number("0")), (" \t\r\n\"x\" ", .string("x")), ("{ }", .object([])), ("[\n]", .array([])),
            ("-1e-5", .number("-1e-5")), ("null", .null),
        ])
    func smallTexts(text: String, expected: JSONValue) throws {
        #expect(try JSONReader.parse(text) == expected)
    }

    @Test(
        "What is not JSON is refused with line, column and what was expected",
        arguments: [
            ("", "line 1, column 1: no JSON value in the text, expected a value"),
            (" \n ", "line 2, column 2: no JSON value in the text, expected a value"),
            ("[1,]", "line 1, column 4: trailing comma, expected a value"),
            ("{\"a\": 1,\n}", "line 2, column 1: trailing comma, expected a member"),
            ("[1 2]", "line 1, column 4: '2' after an element, expected ',' or ']'"),
            ("{\"a\" 1}", "line 1, column 6: '1' after the name 'a', expected ':'"),
            ("{\"a\":1 \"b\"}", "line 1, column 8: '\"' after a member, expected ',' or '}'"),
            ("{a: 1}", "line 1, column 2: 'a', expected a name in double quotes or '}'"),
            ("{'a': 1}", "line 1, column 2: ''', expected a name in double quotes or '}'"),
            ("{\"é\": ?}", "line 1, column 7: '?', expected a value"),
            ("[1] [2]", "line 1, column 5: '[' after the value, expected the end of the text"),
            ("[", "line 1, column 2: the end of the text, expected a value"),
            ("{\"a\":", "line 1, column 6: the end of the text, expected a value"),
            ("[1", "line 1, column 3: the end of the text after an element, expected ',' or ']'"),
            ("// no\n1", "line 1, column 1: '/', expected a value"),
            ("tru", "line 1, column 1: 't', expected a value"),
            ("NaN", "line 1, column 1: 'N', expected a value"),
            ("01", "line 1, column 1: number with a leading zero, expected digits without it"),
            ("-", "line 1, column 2: the end of the text, expected a digit after a minus sign"),
            ("1.", "line 1, column 3: the end of the text, expected a digit after a decimal point"),
            (".5", "line 1, column 1: '.', expected a value"),
            ("+1", "line 1, column 1: '+', expected a value"),
            ("1e", "line 1, column 3: the end of the text, expected a digit after an exponent"),
            ("\"a", "line 1, column 1: string without end, expected a closing '\"'"),
            ("\"a\nb\"", "line 1, column 3: U+000A in a string, expected it as an escape"),
            (
                "\"\\x\"",
                "line 1, column 2: unknown escape in a string, expected one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u"
            ),
            ("\"\\u12g4\"", "line 1, column 2: incomplete \\u escape, expected four hexadecimal digits"),
            ("\"\\u0000\"", "line 1, column 2: U+0000 in a string, expected text that a database can keep"),
            (
                "\"\\ud800\"",
                "line 1, column 2: lone surrogate in a string, expected a pair \\uD800-\\uDBFF \\uDC00-\\uDFFF"
            ),
            (
                "\"\\udc00\\ud800\"",
                "line 1, column 2: lone surrogate in a string, expected a pair \\uD800-\\uDBFF \\uDC00-\\uDFFF"
            ),
            (
                "\"\\ud800\\u0041\"",
                "line 1, column 2: lone surrogate in a string, expected a pair \\uD800-\\uDBFF \\uDC00-\\uDFFF"
            ),
            ("[1,\u{A0}2]", "line 1, column 4: U+00A0, expected a value"),
        ])
    func refusals(text: String, message: String) {
        let error = #expect(throws: JSONError.self) { try JSONReader.parse(text) }
        #expect(error?.description == message)
    }

    @Test("Of two members of one name both places are told, at any depth")
    func duplicates() {
        let error = #expect(throws: JSONError.self) {
            try JSONReader.parse("{\"a\": {\n  \"x\": 1,\n  \"\\u0078\": 2}}")
        }
        #expect(
            error?.description
                == "line 3, column 3: second member 'x' (the first is at line 2, column 3), expected each name once")
    }

    @Test("Composed and decomposed letters are different names")
    func canonicallyEqualNames() throws {
        let value = try JSONReader.parse("{\"\\u00e9\": 1, \"e\\u0301\": 2}")
        #expect(value.objectValue?.count == 2)
        #expect(value["\u{E9}"] == .number("1"))
        #expect(value["e\u{301}"] == .number("2"))
    }

    @Test("A byte order mark is skipped and is no column")
    func byteOrderMark() throws {
        #expect(try JSONReader.parse([0xEF, 0xBB, 0xBF] + Array("{}".utf8)) == .object([]))
        let error = #expect(throws: JSONError.self) { try JSONReader.parse([0xEF, 0xBB, 0xBF] + Array("[,".utf8)) }
        #expect(error?.column == 2)
    }

    @Test(
        "Bytes that are not UTF-8 are refused at their place",
        arguments: [
            ([0x22, 0xFF, 0x22], "line 1, column 2: bytes that are not UTF-8, expected UTF-8"),
            ([0x5B, 0x0A, 0x22, 0xC3, 0x22, 0x5D], "line 2, column 2: bytes that are not UTF-8, expected UTF-8"),
            ([0x22, 0xED, 0xA0, 0x80, 0x22], "line 1, column 2: bytes that are not UTF-8, expected UTF-8"),
            ([0x22, 0xC0, 0x80, 0x22], "line 1, column 2: bytes that are not UTF-8, expected UTF-8"),
            ([0xFF, 0xFE, 0x31, 0x00], "line 1, column 1: UTF-16 text, expected UTF-8"),
        ] as [([UInt8], String)])
    func encoding(bytes: [UInt8], message: String) {
        let error = #expect(throws: JSONError.self) { try JSONReader.parse(bytes) }
        #expect(error?.description == message)
    }

    @Test("128 levels are read, 129 are refused, 100,000 do not overflow the stack")
    func depth() throws {
        let brackets = { (count: Int) in String(repeating: "[", count: count) + String(repeating: "]", count: count) }
        _ = try JSONReader.parse(brackets(128))
        let error = #expect(throws: JSONError.self) { try JSONReader.parse(brackets(129)) }
        #expect(error?.description == "line 1, column 129: nesting deeper than 128, expected at most 128 levels")
        #expect(throws: JSONError.self) { try JSONReader.parse(brackets(100_000)) }
    }

    @Test("A text cut anywhere is refused, never read as something shorter")
    func everyCut() {
        let text = Array(#"{"a": [1.5, "é😀", {"b": null}], "c": true}"#.utf8)
        for end in 0..<text.count {
            #expect(throws: JSONError.self, "cut at \(end)") { try JSONReader.parse(Array(text[..<end])) }
        }
    }
}
