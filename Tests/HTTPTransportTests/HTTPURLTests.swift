import HTTPTransport
import Testing

@Suite("A URL")
struct HTTPURLTests {
    @Test("is taken apart")
    func parts() throws {
        let url = try HTTPURL("HTTPS://API.Example.com/a/../b c?q=ü#part")
        #expect(url.scheme == "https")
        #expect(url.host == "api.example.com")
        #expect(url.port == 443)
        #expect(url.path == "/b%20c")
        #expect(!url.text.contains("#"))
        #expect(url.origin == "https://api.example.com")
        #expect(url.description == "https://api.example.com/b%20c")
    }

    @Test(
        "is refused where it is no plain http or https URL",
        arguments: [
            "", "example.com", "/path", "file:///etc/passwd", "ftp://h/", "http://", "http://user@h/",
            "http://user:pw@h/", "http://h:99999/", "http://h/\r\nX: 1", "http://h/\u{0}", "javascript:alert(1)",
        ])
    func refused(text: String) throws {
        let error = try #require(throws: HTTPError.self) { try HTTPURL(text) }
        #expect(error.kind == .invalidRequest)
        #expect(!error.description.contains("pw"))
    }

    @Test(
        "resolves references as a page would",
        arguments: [
            ("?page=2", "http://h:81/a/b?page=2"), ("c", "http://h:81/a/c"), ("/c", "http://h:81/c"),
            ("//other/x", "http://other/x"), ("https://h/x", "https://h/x"), ("../x", "http://h:81/x"),
        ])
    func resolving(reference: String, expected: String) throws {
        #expect(try HTTPURL("http://h:81/a/b?q=1").resolving(reference).text == expected)
    }

    @Test("takes parameters behind those that it has, encoded and in order")
    func parameters() throws {
        let added = [("b", "x y&z=/?ü"), ("a", "2026-01-01T00:00:00+02:00"), ("b", "")]
        let query = "b=x%20y%26z%3D%2F%3F%C3%BC&a=2026-01-01T00%3A00%3A00%2B02%3A00&b="
        #expect(try HTTPURL("http://h/p").adding(added).text == "http://h/p?\(query)")
        #expect(try HTTPURL("http://h/p?q=1").adding(added).text == "http://h/p?q=1&\(query)")
    }

    @Test("has the origin of another only with the same scheme, host and port")
    func origin() throws {
        let url = try HTTPURL("http://h/")
        #expect(url.isSameOrigin(as: try HTTPURL("http://H:80/x?y")))
        #expect(!url.isSameOrigin(as: try HTTPURL("https://h/")))
        #expect(!url.isSameOrigin(as: try HTTPURL("http://h:81/")))
        #expect(!url.isSameOrigin(as: try HTTPURL("http://g/")))
    }
}
