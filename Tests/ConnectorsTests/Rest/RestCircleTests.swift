import ConnectorKit
import LoopbackHTTP
import Testing

@Suite("A rest source that never ends or contradicts itself (H10)")
struct RestCircleTests {
    private func refusalOfPaging(
        _ pagination: String, _ handler: @escaping LoopbackServer.Handler
    ) async throws -> ConnectorError {
        let api = try RestFixture(handler)
        return try await refusal {
            try await api.land(#""records_path": "/data", "pagination": \#(pagination)"#)
        }
    }

    @Test("is caught by the bytes of a page when it ignores the page's number")
    func samePage() async throws {
        let error = try await refusalOfPaging(#"{"type": "page"}"#) { _ in .json(page([1, 2])) }
        #expect(error.message.contains("repeated page: page 2 has the same bytes as an earlier one"))
    }

    @Test("is caught by the same cursor", arguments: [["a", "a"], ["a", "b", "a"]])
    func sameCursor(cursors: [String]) async throws {
        let error = try await refusalOfPaging(#"{"type": "cursor", "cursor_path": "/next"}"#) { request in
            let at = request.parameter("cursor").flatMap { cursors.firstIndex(of: $0) } ?? -1
            return .json(page([at], "\"next\":\"\(cursors[at + 1])\",\"n\":\(Int.random(in: 0...1_000_000))"))
        }
        #expect(error.message.contains("repeated page: behind page \(cursors.count) comes one that was fetched before"))
    }

    @Test("is caught by the same next URL")
    func sameURL() async throws {
        let error = try await refusalOfPaging(#"{"type": "next_url", "next_url_path": "/next"}"#) { request in
            .json(page([request.target.count], "\"next\":\"?again\""))
        }
        #expect(error.message.contains("repeated page"))
    }

    @Test("is caught by the limit of pages")
    func endless() async throws {
        let error = try await refusalOfPaging(#"{"type": "page", "max_pages": 4}"#) { request in
            .json(page([request.parameter("page").flatMap(Int.init) ?? 0]))
        }
        #expect(error.message.contains("more than 4 pages"))
        #expect(error.hint.contains("max_pages"))
    }

    @Test("is caught when the number of pages shrinks")
    func shrinking() async throws {
        let error = try await refusalOfPaging(#"{"type": "page", "total_pages_path": "/pages"}"#) { request in
            let number = request.parameter("page").flatMap(Int.init) ?? 0
            return .json(page([number], "\"pages\":\(number == 1 ? 5 : 2)"))
        }
        #expect(error.message.contains("shrank from 5 to 2"))
        #expect(error.isTransient)
    }

    @Test("is caught when fewer records come than it announced")
    func tooFew() async throws {
        let error = try await refusalOfPaging(
            #"{"type": "offset", "page_size": 2, "total_path": "/total"}"#
        ) { request in
            .json(page(request.parameter("offset") == "0" ? [1, 2] : [], "\"total\":5"))
        }
        #expect(error.message.contains("the source announced 5 records, 2 came"))
    }

    @Test("is caught when the page's count is missing")
    func noCount() async throws {
        let error = try await refusalOfPaging(#"{"type": "page", "total_pages_path": "/meta/pages"}"#) { _ in
            .json(page([1]))
        }
        #expect(error.kind == .parse)
        #expect(error.message.contains("page 1 has no whole number at '/meta/pages'"))
    }

    @Test("is caught when it says that there is more but not where")
    func moreWithoutCursor() async throws {
        let pagination = #"{"type": "cursor", "cursor_path": "/next", "has_more_path": "/more"}"#
        let error = try await refusalOfPaging(pagination) { _ in .json(page([1], "\"more\":true")) }
        #expect(error.kind == .parse)
    }

    @Test("is caught when pages go on although the metadata knows of no paging")
    func unknownPaging() async throws {
        let error = try await refusalOfPaging(#"{"type": "none"}"#) { _ in
            .json(page([1]), headers: [("Link", "<?page=2>; rel=next")])
        }
        #expect(error.hint.contains("link_header"))
    }

    @Test(
        "may not lead to another host",
        arguments: ["http://localhost:1/x", "//evil.example/x", "https://127.0.0.1/", "file:///etc/passwd"])
    func foreign(link: String) async throws {
        let error = try await refusalOfPaging(#"{"type": "next_url", "next_url_path": "/next"}"#) { _ in
            .json(page([1], "\"next\":\"\(link)\""))
        }
        #expect(error.message.contains("the next page lies at") || error.message.contains("is refused"))
    }
}
