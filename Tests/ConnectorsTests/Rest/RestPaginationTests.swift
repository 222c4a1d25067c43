import ConnectorKit
import LoopbackHTTP
import Metadata
import Primitives
import Testing

@Suite("A rest source, page by page")
struct RestPaginationTests {
    @Test("brings one page as received where there is no paging")
    func none() async throws {
        let body = "\u{FEFF} [ {\"id\": 1.0, \"x\": \"\\u00e9\"},\r\n {\"id\":2} ]\n"
        let api = try RestFixture { _ in .json(body) }
        let landed = try await api.land()
        #expect(landed.payloads == [body])
        #expect(landed.records == 2)
        #expect(api.targets == ["/v1/items"])
        #expect(landed.request == "GET \(api.url)/v1/items")
    }

    @Test("counts pages until one is empty")
    func pages() async throws {
        let api = try RestFixture { request in
            let number = request.parameter("page").flatMap(Int.init) ?? 0
            return .json(page(number <= 2 ? [number * 2, number * 2 + 1] : []))
        }
        let landed = try await api.land(
            #""records_path": "/data", "pagination": {"type": "page", "size_param": "per_page", "page_size": 5}"#)
        #expect(landed.payloads == [page([2, 3]), page([4, 5]), page([])])
        #expect(api.targets == [1, 2, 3].map { "/v1/items?per_page=5&page=\($0)" })
    }

    @Test("stops at a short page only when told to")
    func shortPage() async throws {
        let api = try RestFixture { request in .json(page(request.parameter("p") == "0" ? [1, 2] : [3])) }
        let landed = try await api.land(
            #""records_path": "/data", "pagination": {"type": "page", "page_param": "p", "start_page": 0, "#
                + #""page_size": 2, "stop_on": "short"}"#)
        #expect(landed.records == 3)
        #expect(api.targets == ["/v1/items?p=0", "/v1/items?p=1"])
    }

    @Test("stops at the announced number of pages")
    func totalPages() async throws {
        let api = try RestFixture { request in
            .json(page([request.parameter("page").flatMap(Int.init) ?? 0], #""meta":{"pages":3}"#))
        }
        let landed = try await api.land(
            #""records_path": "/data", "pagination": {"type": "page", "total_pages_path": "/meta/pages"}"#)
        #expect(landed.records == 3)
        #expect(api.targets.count == 3)
    }

    @Test("moves the offset by what came, because a source may cap its pages")
    func offset() async throws {
        let api = try RestFixture { request in
            let start = request.parameter("offset").flatMap(Int.init) ?? 0
            return .json(page(start..<min(start + 3, 7)))
        }
        let landed = try await api.land(
            #""records_path": "/data", "pagination": {"type": "offset", "page_size": 100}"#)
        #expect(landed.records == 7)
        #expect(api.targets == [0, 3, 6, 7].map { "/v1/items?limit=100&offset=\($0)" })
    }

    @Test("stops when the announced number of records is there")
    func offsetWithTotal() async throws {
        let api = try RestFixture { request in
            let start = request.parameter("offset").flatMap(Int.init) ?? 0
            return .json(page(start..<min(start + 4, 8), "\"total\":8"))
        }
        let landed = try await api.land(
            #""records_path": "/data", "pagination": {"type": "offset", "page_size": 4, "total_path": "/total"}"#)
        #expect(landed.records == 8)
        #expect(api.targets.count == 2)
    }

    @Test(
        "follows cursors until there is none",
        arguments: ["\"next\":null", "\"next\":\"\"", "\"x\":1", "\"next\":\"c3\",\"more\":false"])
    func cursor(last: String) async throws {
        let api = try RestFixture { request in
            switch request.parameter("cursor") {
            case nil: .json(page([1], "\"next\":\"a b&c\",\"more\":true"))
            case "a b&c": .json(page([2], "\"next\":17,\"more\":true"))
            default: .json(page([3], last))
            }
        }
        let landed = try await api.land(
            #""records_path": "/data", "params": {"q": "1"}, "pagination": {"type": "cursor", "#
                + #""cursor_path": "/next", "has_more_path": "/more", "size_param": "n", "page_size": 1}"#)
        #expect(landed.records == 3)
        #expect(
            api.targets == [
                "/v1/items?q=1&n=1", "/v1/items?q=1&n=1&cursor=a%20b%26c", "/v1/items?q=1&n=1&cursor=17",
            ])
    }

    @Test("follows Link headers")
    func linkHeader() async throws {
        let api = try RestFixture { request in
            let next = request.path.hasSuffix("items") ? "</v1/more?a,b=%3E>; title=\"a, b\"; rel=\"prev next\"" : ""
            return .json(
                "[{\"id\":\(request.path.count)}]", headers: [("Link", "<http://x/>; rel=\"last\", \(next)")])
        }
        #expect(try await api.land(#""pagination": {"type": "link_header"}"#).records == 2)
        #expect(api.targets == ["/v1/items", "/v1/more?a,b=%3E"])
    }

    @Test("follows URLs in the body, relative or absolute")
    func nextURL() async throws {
        let api = try RestFixture { request in
            switch request.target {
            case "/v1/items?s=1": .json(page([1], #""links":{"next":"?s=1&page=2"}"#))
            case "/v1/items?s=1&page=2":
                .json(page([2], #""links":{"next":"http:\/\/\#(request.header("Host") ?? "")/v1/items?p=3"}"#))
            default: .json(page([3], #""links":{"next":null}"#))
            }
        }
        let landed = try await api.land(
            #""records_path": "/data", "params": {"s": 1}, "pagination": {"type": "next_url", "#
                + #""next_url_path": "/links/next"}"#)
        #expect(landed.records == 3)
        #expect(api.targets == ["/v1/items?s=1", "/v1/items?s=1&page=2", "/v1/items?p=3"])
    }

    @Test("sends parameters in order, encoded, lists repeated")
    func parameters() async throws {
        let api = try RestFixture { _ in .json("[]") }
        _ = try await api.land(
            #""params": {"z": "a b", "fields": ["id", "n&m"], "deep": true, "rate": 1.50, "a": "é"}"#)
        #expect(api.targets == ["/v1/items?z=a%20b&fields=id&fields=n%26m&deep=true&rate=1.50&a=%C3%A9"])
    }

    @Test("is asked for changes by the request parameter of the entity")
    func delta() async throws {
        let api = try RestFixture { request in
            .json(page(request.parameter("page") == "1" ? [1] : []))
        }
        let delta = DeltaLoad(mode: .cursor, cursorColumn: "updated_at", requestParameter: "updated_since")
        let source = #""records_path": "/data", "params": {"sort": "id"}, "pagination": {"type": "page"}"#
        let from = LoadWindow(loadType: .delta, from: "2026-03-01T00:00:00+01:00", until: .oldest)
        let landed = try await api.land(source, delta: delta, window: from)
        let query = "sort=id&updated_since=2026-03-01T00%3A00%3A00%2B01%3A00"
        #expect(api.targets == ["/v1/items?\(query)&page=1", "/v1/items?\(query)&page=2"])
        #expect(landed.request == "GET \(api.url)/v1/items?\(query)&page=1")

        let first = LoadWindow(loadType: .delta, from: nil, until: .oldest)
        let full = LoadWindow(loadType: .full, from: "2026-03-01", until: .oldest)
        for window in [first, full] {
            let plain = try RestFixture { _ in .json(page([])) }
            _ = try await plain.land(source, delta: delta, window: window)
            #expect(plain.targets == ["/v1/items?sort=id&page=1"])
        }
    }

    @Test("without content has no page")
    func noContent() async throws {
        let api = try RestFixture { _ in LoopbackResponse(status: 204) }
        #expect(try await api.land().payloads == [])
    }

    @Test("joins base and path with one slash", arguments: ["items", "/items", "//items"])
    func path(path: String) async throws {
        let api = try RestFixture { _ in .json("[]") }
        _ = try await api.land(path: path)
        #expect(api.targets == ["/v1/items"])
    }
}
