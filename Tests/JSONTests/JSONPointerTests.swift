import JSON
import Testing

@Suite("JSON pointer")
struct JSONPointerTests {
    @Test(
        "RFC 6901 is read and written",
        arguments: [
            ("", []), ("/", [""]), ("/a/b", ["a", "b"]), ("/a~1b/m~0n", ["a/b", "m~n"]), ("/a//0", ["a", "", "0"]),
            ("/~01", ["~1"]),
        ] as [(String, [String])])
    func standardNotation(text: String, tokens: [String]) throws {
        let pointer = try #require(JSONPointer(text))
        #expect(pointer.tokens == tokens)
        #expect(pointer.description == text)
    }

    @Test("What is no pointer is refused", arguments: ["a", "a/b", "/~", "/~2", "/a~"])
    func refusedPointers(text: String) {
        #expect(JSONPointer(text) == nil)
    }

    @Test(
        "The dotted notation is read and written",
        arguments: [
            ("a", ["a"]), ("entities[3].columns[1].type", ["entities", "3", "columns", "1", "type"]),
            ("[0].x", ["0", "x"]),
            (#"a["odd.name"][""]"#, ["a", "odd.name", ""]), (#"a["b\"c\\"].d"#, ["a", "b\"c\\", "d"]),
        ] as [(String, [String])])
    func dottedNotation(text: String, tokens: [String]) throws {
        let pointer = try #require(JSONPointer(dotted: text))
        #expect(pointer.tokens == tokens)
        #expect(pointer.dotted == text)
    }

    @Test(
        "What is no dotted path is refused",
        arguments: ["", ".", "a.", ".a", "a..b", "a[", "a[]", "a[1", "a]", "a[x]", "a[\"x]", "a[0]b"])
    func refusedPaths(text: String) {
        #expect(JSONPointer(dotted: text) == nil)
    }

    @Test("A path attribute is a pointer when it starts with a slash, else dotted")
    func paths() {
        #expect(JSONPointer(path: "/a.b/c")?.tokens == ["a.b", "c"])
        #expect(JSONPointer(path: "a.b[0]")?.tokens == ["a", "b", "0"])
        #expect(JSONPointer(path: "") == nil)
    }

    @Test("A place is found in a value, or is not there")
    func lookup() throws {
        let value = try JSONReader.parse(#"{"a": [{"b": 1}], "0": 2}"#)
        #expect(value[JSONPointer(["a", "0", "b"])] == .number("1"))
        #expect(value[JSONPointer(["0"])] == .number("2"))
        #expect(value[.root] == value)
        for tokens in [["a", "1"], ["a", "00"], ["a", "-"], ["a", "b"], ["a", "0", "b", "c"], ["x"]] {
            #expect(value[JSONPointer(tokens)] == nil)
        }
    }
}
