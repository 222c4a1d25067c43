import JSON
import Metadata
import Testing

@Suite("Field check")
struct FieldCheckTests {
    private func check(_ text: String, _ fields: [Field]) throws -> (value: JSONValue, lines: [String]) {
        var check = FieldCheck(file: "f")
        let value = check.check(try JSONReader.parse(text), against: fields)
        return (value, check.problems.map(\.description))
    }

    @Test("Wrong members are left out, right ones and defaults stay, elements keep their index")
    func remains() throws {
        let fields = [
            Field("a", .int(0...9), "A."), Field("b", .array(.int(0...9)), "B."),
            Field("c", .object([Field("d", .string, default: .string("x"), "D."), Field("e", .bool, "E.")]), "C."),
            Field("f", .string, default: .string("y"), "F."), Field("g", .string, "G."),
        ]
        let (value, lines) = try check(#"{"b": [1, 10, 3], "a": "1", "c": {"e": 1}, "z": 0}"#, fields)
        #expect(value.text() == #"{"b":[1,null,3],"c":{"d":"x"},"f":"y"}"#)
        #expect(
            lines == [
                "f: b[1]: 10 is out of range, expected a whole number from 0 to 9",
                "f: a: a string, expected a whole number from 0 to 9", "f: c.e: a number, expected true or false",
                "f: z: unknown key 'z', expected one of a, b, c, f, g",
            ])
    }

    @Test("Of alternatives the one that takes the JSON type speaks")
    func alternatives() throws {
        let type = FieldType.either([.string, .object([Field("secret", .string, required: true, "S.")])])
        let fields = [Field("h", .map(type), "H.")]
        #expect(try check(#"{"h": {"A-b": "x", "C": {"secret": "s"}}}"#, fields).lines == [])
        #expect(
            try check(#"{"h": {"A-b": {"secrt": "s"}, "C": 1}}"#, fields).lines == [
                "f: h.A-b.secrt: unknown key 'secrt'; did you mean 'secret'?",
                "f: h.A-b.secret: missing, expected a string",
                "f: h.C: a number, expected a string or an object",
            ])
    }

    @Test("A secret is a reference in arrays and maps too")
    func secrets() throws {
        let fields = [
            Field("list", .array(.string), secret: true, "L."), Field("map", .map(.string), secret: true, "M."),
        ]
        #expect(try check(#"{"list": [{"secret": "a"}], "map": {"x": {"secret": "B_2"}}}"#, fields).lines == [])
        let lines = try check(#"{"list": ["a"], "map": {"x": {"secret": "../b"}}}"#, fields).lines
        #expect(
            lines.count == 2 && lines[0].hasPrefix("f: list[0]: a literal") && lines[1].hasPrefix("f: map.x: an object")
        )
    }

    @Test("Numbers beyond a Double and whole numbers beyond 64 bits are out of range")
    func hugeNumbers() throws {
        let fields = [
            Field("n", .number(0...Double.greatestFiniteMagnitude), "N."), Field("i", .int(Int.min...Int.max), "I."),
        ]
        #expect(
            try check(#"{"n": 1e999, "i": 99999999999999999999}"#, fields).lines == [
                "f: n: 1e999 is out of range, expected a number of at least 0",
                "f: i: the number 99999999999999999999, expected a whole number of 64 bits",
            ])
    }

    @Test("The user info of a URL is not shown")
    func userInfo() throws {
        let fields = [Field("url", .pattern("^https://[^@]*$"), "U.")]
        #expect(
            try check(#"{"url": "https://me:pa@ss@example.com/x"}"#, fields).lines == [
                "f: url: 'https://…example.com/x' is not allowed, expected a string that matches ^https://[^@]*$"
            ])
    }

    @Test("A key that looks like a known one in another notation finds its name")
    func foreignNotation() throws {
        let fields = [Field("max_delete_fraction", .bool, "M."), Field("load_type", .bool, "L.")]
        #expect(
            try check(#"{"maxDeleteFraction": true, "Load Type": true}"#, fields).lines == [
                "f: maxDeleteFraction: unknown key 'maxDeleteFraction'; did you mean 'max_delete_fraction'?",
                #"f: ["Load Type"]: unknown key 'Load Type'; did you mean 'load_type'?"#,
            ])
    }
}
