import HTTPTransport
import JSON
import Primitives
import Testing

@testable import Connectors

@Suite("A cursor over a page")
struct JSONCursorTests {
    @Test(
        "finds a scalar and skips the rest",
        arguments: [
            (#"{"next":"x"}"#, ["next"], JSONValue.string("x")),
            (#" { "data" : [ {"next":"no"} , "]}" , {"a":[{}]} ] , "next" : 12.50 } "#, ["next"], .number("12.50")),
            (#"{"a":{"b\"c":{"d\u00e9":true}}}"#, ["a", "b\"c", "dé"], .bool(true)),
            (#"[[1,2],[3,[4,"5"]]]"#, ["1", "1", "1"], .string("5")),
            (#"{"a":"\\\"","b":null}"#, ["b"], .null),
            ("\u{FEFF}{\"a\":1}", ["a"], .number("1")),
            (#""text""#, [], .string("text")),
        ])
    func found(text: String, path: [String], expected: JSONValue) {
        var cursor = JSONCursor(Array(text.utf8))
        #expect(cursor.scalar(at: path) == expected)
    }

    @Test(
        "finds nothing where nothing is",
        arguments: [
            ("{}", ["a"]), ("[]", ["0"]), ("[[],5]", ["0", "1"]), (#"{"a":{}}"#, ["a"]), (#"{"a":1}"#, ["a", "b"]),
            ("[1]", ["1"]), ("[1]", ["-1"]), ("[1]", ["x"]), ("", []), ("", ["a"]), (#"{"a""#, ["a"]),
            (#"{"a":"#, ["a"]),
            (#"{"a":"x"#, ["a"]), ("{\"a\":\"\\", ["a"]), ("[[[[", ["0", "0", "0", "0", "0"]),
            (#"{"é":1}"#, ["e\u{301}"]),
        ])
    func missing(text: String, path: [String]) {
        var cursor = JSONCursor(Array(text.utf8))
        #expect(cursor.scalar(at: path) == nil)
    }

    @Test("never leaves a cut page")
    func everyCut() {
        let text = Array(#"{"data":[{"id":1,"t":"a\"b"},[true,null]],"meta":{"next":"c\u0041"}}"#.utf8)
        for end in 0..<text.count {
            var cursor = JSONCursor(Array(text[..<end]))
            #expect(cursor.scalar(at: ["meta", "next"]) == (end >= text.count - 2 ? .string("cA") : nil))
        }
    }
}

@Suite("Headers that steer a load")
struct RestHeaderTests {
    @Test(
        "name the next page",
        arguments: [
            (#"<https://h/?page=2>; rel="next""#, "https://h/?page=2"),
            (#"<a>; rel="prev", <b>;rel=next;title="x""#, "b"),
            (#"<a,b>; title="c, d"; REL="first Next""#, "a,b"),
            (#"<a>; rel="nextish""#, nil), (#"<a>; title="rel=next""#, nil), ("", nil), ("<a", nil), ("<a>", nil),
        ] as [(String, String?)])
    func link(header: String, expected: String?) {
        #expect(linkToNext(header) == expected)
    }

    @Test(
        "ask for time",
        arguments: [
            (["Retry-After": "7"], 7), (["Retry-After": "-7"], 0), (["Retry-After": "soon"], nil), ([:], nil),
            (["Retry-After": "Thu, 01 Jan 1970 00:01:00 GMT"], 50),
            (["Retry-After": "Thu, 01 Jan 1970 00:01:00 GMT", "Date": "Thu, 01 Jan 1970 00:00:58 GMT"], 2),
            (["Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"], 0),
        ] as [([String: String], Double?)])
    func wait(headers: [String: String], expected: Double?) {
        let lines = HTTPHeaders(headers.map { HTTPHeader($0.key, $0.value) })
        #expect(secondsToWait(lines, now: Instant(microseconds: 10_000_000)) == expected)
    }
}
