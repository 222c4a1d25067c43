import ConnectorKit
import JSON
import LoopbackHTTP
import Metadata
import Primitives
import Synchronization
import Testing

@testable import Connectors

@Suite("The part of a rest source that is asked for")
struct RestWindowTests {
    private static let until = Instant(iso8601: "2026-03-10T12:00:00Z") ?? .oldest
    private let delta = DeltaLoad(mode: .cursor, cursorColumn: "updated_at")

    private func window(_ type: LoadType, from: String? = nil, parents: [JSONValue]? = nil) -> LoadWindow {
        var window = LoadWindow(loadType: type, from: from, until: Self.until)
        window.parents = parents.map { ParentRows($0) }
        return window
    }

    @Test("a window is asked for in steps, from its start to the run's instant")
    func steps() async throws {
        let api = try RestFixture { _ in .json("[]") }
        let source =
            #""steps": {"size": "7d", "start": "2026-02-20"}, "params": {"from": "{{ step.from | date('%Y-%m-%d') }}", "to": "{{ step.until | epoch }}"}"#
        _ = try await api.land(source, delta: delta, window: window(.full))
        #expect(
            api.targets == [
                "/v1/items?from=2026-02-20&to=1772150400", "/v1/items?from=2026-02-27&to=1772755200",
                "/v1/items?from=2026-03-06&to=1773144000",
            ])
        let changes = try await api.land(source, delta: delta, window: window(.delta, from: "2026-03-09T00:00:00Z"))
        #expect(api.targets.suffix(1) == ["/v1/items?from=2026-03-09&to=1773144000"])
        #expect(!changes.isUnfiltered)
        let error = try await refusal {
            try await api.land(source, delta: delta, window: window(.delta, from: "17"))
        }
        #expect(error.message == "source.steps: the window begins with '17', which is no date or timestamp")
    }

    @Test("an expression with the window lets the source filter; without one the pipeline does")
    func filters() async throws {
        let api = try RestFixture { _ in .json("[]") }
        let from = window(.delta, from: "2026-03-09T00:00:00Z")
        let params = #""params": {"since": "{{ cursor | default('1970-01-01') | epoch }}"}"#.replacing(
            "cursor |", with: "cursor | default('1970-01-01') |")
        #expect(try await !api.land(params, delta: delta, window: from).isUnfiltered)
        #expect(try await !api.land(params, delta: delta, window: window(.full)).isUnfiltered)
        #expect(api.targets == ["/v1/items?since=1773014400", "/v1/items?since=0"])
        #expect(try await api.land(delta: delta, window: from).isUnfiltered)
        #expect(try await !api.land(delta: delta, window: window(.full)).isUnfiltered)
    }

    @Test("pages that come newest first end with the window")
    func stopsWhenOlder() async throws {
        let api = try RestFixture { request in
            let day = 10 - (request.parameter("page").flatMap(Int.init) ?? 0)
            return .json(#"[{"id":\#(day),"updated_at":"2026-03-\#(day < 10 ? "0" : "")\#(day)T00:00:00Z"}]"#)
        }
        var newest = delta
        newest.stopsWhenOlder = true
        let landed = try await api.land(
            #""pagination": {"type": "page", "max_pages": 8}"#, delta: newest,
            window: window(.delta, from: "2026-03-07T12:00:00+01:00"), columns: ["updated_at"])
        #expect(api.targets.count == 3)
        #expect(landed.records == 3)
        #expect(landed.isUnfiltered)
    }

    @Test("the source is asked once for each parent, whose row goes with what it brings")
    func parents() async throws {
        let api = try RestFixture { request in
            .json(page(request.parameter("page") == "1" ? [Int(request.path.split(separator: "/")[2]) ?? 0] : []))
        }
        let rows = try [#"{"id":3,"kind":"a"}"#, #"{"id":4,"kind":"b c"}"#].map { try JSONReader.parse($0) }
        let landed = try await api.land(
            #""records_path": "/data", "params": {"k": "{{ parent.kind }}"}, "pagination": {"type": "page"}"#,
            path: "/{{ parent.id }}/lines", window: window(.full, parents: rows))
        #expect(
            api.targets == [
                "/v1/3/lines?k=a&page=1", "/v1/3/lines?k=a&page=2", "/v1/4/lines?k=b%20c&page=1",
                "/v1/4/lines?k=b%20c&page=2",
            ])
        #expect(landed.parents == rows.flatMap { [$0.text(), $0.text()] })
        let nobody = try await api.land(path: "/{{ parent.id }}", window: window(.full, parents: []))
        #expect(nobody.payloads.isEmpty && nobody.request == "GET /{{ parent.id }}")
        let error = try await refusal {
            try await api.land(path: "/{{ parent.no }}", window: window(.full, parents: rows))
        }
        #expect(
            error.description.contains("'{{ parent.no }}': there is no 'parent.no' here; did you mean 'parent.id'?"))
    }

    @Test("what did not change since the last batch costs one request")
    func unchanged() async throws {
        let api = try RestFixture { request in
            request.header("If-None-Match") == "\"v1\""
                ? LoopbackResponse(status: 304) : .json("[{\"id\":1}]", headers: [("ETag", "\"v1\"")])
        }
        let first = try await api.land(window: window(.full))
        #expect(first.state == #"{"etag":"\"v1\""}"# && !first.isUnchanged)
        var again = window(.full)
        again.unchangedSince = first.state
        let second = try await api.land(window: again)
        #expect(second.isUnchanged && second.payloads.isEmpty)
        #expect(try await !api.land(#""revalidate": "never""#, window: again).isUnchanged)
        // The first page of many says nothing of the others, unless the metadata say so.
        let paging = #""pagination": {"type": "page", "max_pages": 3, "stop_when": [{"path": "/0/id"}]}"#
        #expect(try await !api.land(paging, window: again).isUnchanged)
        #expect(try await api.land(#""revalidate": "first_page", \#(paging)"#, window: again).isUnchanged)
    }

    @Test("an export is started, polled and fetched, also from another host, which gets no credentials")
    func exports() async throws {
        let store = try RestFixture { _ in .json("[{\"id\":1}]") }
        let polls = RestFixture.Log()
        let api = try RestFixture { request in
            switch request.path {
            case "/v1/jobs": return .json(#"{"id":"j 1"}"#)
            case "/v1/jobs/j 1":
                let count = polls.requests.withLock { requests in
                    requests.append(request)
                    return requests.count
                }
                return .json(
                    count < 3 ? #"{"state":"running"}"# : #"{"state":"done","url":"\#(store.url)/file?sig=1"}"#)
            default: return LoopbackResponse(status: 404)
            }
        }
        let auth = #""auth": {"type": "bearer", "token": {"secret": "t"}}"#
        let export =
            #""export": {"start": {"path": "/jobs", "body": {"type": "json", "json": {"since": "{{ cursor }}"}}}, "poll": {"path": "/jobs/{{ job.id }}"}, "state_path": "/state", "done": ["done"], "failed": ["broken"], "every_s": 0.01}"#
        let closed = try await refusal { try await api.land(export, connection: auth, path: "{{ result.url }}") }
        #expect(closed.message.contains("the source sends us there without TLS"))
        let http = #"\#(auth), "allow_http": true"#
        let outside = try await refusal { try await api.land(export, connection: http, path: "{{ result.url }}") }
        #expect(outside.message.contains("its address lies inside our own network"))
        #expect(store.targets.isEmpty)
        let landed = try await api.land(
            export, connection: http + #", "allow_private": true"#, path: "{{ result.url }}")
        #expect(landed.records == 1)
        #expect(api.requests.prefix(4).map(\.method) == ["POST", "GET", "GET", "GET"])
        #expect(String(decoding: api.requests[0].body, as: UTF8.self) == #"{"since":null}"#)
        #expect(api.requests.allSatisfy { $0.header("Authorization") != nil })
        #expect(store.targets == ["/file?sig=1"])
        #expect(store.requests.allSatisfy { $0.header("Authorization") == nil })
    }

    @Test("an export that fails or never ends is told by its state")
    func failedExports() async throws {
        let api = try RestFixture { request in
            .json(
                request.path.hasSuffix("jobs")
                    ? "{}" : #"{"state":"\#(request.path.hasSuffix("a") ? "broken" : "slow")"}"#)
        }
        func export(_ job: String) -> String {
            #""export": {"start": {"path": "/jobs", "method": "POST"}, "poll": {"path": "/\#(job)"}, "state_path": "/state", "done": ["done"], "failed": ["broken"], "every_s": 0.4, "deadline_s": 1}"#
        }
        let broken = try await refusal { try await api.land(export("a")) }
        #expect(broken.message == "GET \(api.url)/v1/a: the export ended as 'broken'")
        let slow = try await refusal { try await api.land(export("b")) }
        #expect(slow.kind == .timeout && slow.message.contains("the export is still 'slow' after 1 s"))
    }

    @Test("a page that was announced and does not come is no end")
    func announced() async throws {
        let api = try RestFixture { request in
            request.parameter("cursor") == nil
                ? .json(page([1], #""next":"b","pages":2"#)) : LoopbackResponse(status: 204)
        }
        let paging = #""records_path": "/data", "pagination": {"type": "cursor", "cursor_path": "/next"}"#
        let error = try await refusal { try await api.land(paging) }
        #expect(error.message.contains("page 2 was announced, but came without content"))
        let changed = try RestFixture { _ in LoopbackResponse(status: 304) }
        let odd = try await refusal { try await changed.land() }
        #expect(odd.message.contains("the source answered 304"))
    }

    @Test("no zone makes a record older than it is")
    func zones() {
        let oldest = RestOldest(path: [], from: "2026-11-20T09:30:00.000000Z")
        #expect(!oldest.isReached(by: "2026-11-20T05:10:00"))
        #expect(oldest.isReached(by: "2026-11-19T05:10:00") && oldest.isReached(by: "2026-11-20T09:29:59Z"))
        #expect(!oldest.isReached(by: "2026-11-20T05:10:00-05:00"))
        #expect(RestOldest(path: [], from: "17").isReached(by: "9"))
    }

    @Test("rules say what answers mean")
    func rules() async throws {
        let asked = RestFixture.Log()
        let api = try RestFixture { request in
            let count = asked.requests.withLock { requests in
                requests.append(request)
                return requests.count
            }
            switch request.path {
            case "/v1/none": return LoopbackResponse(status: 404, body: Array(#"{"code":"EMPTY"}"#.utf8))
            case "/v1/busy": return count < 3 ? .json(#"{"error":{"code":"BUSY"}}"#) : .json("[]")
            default: return .json(#"{"error":{"code":"GONE"}}"#, headers: [("X-Fault", "of ours")])
            }
        }
        let rules =
            #""errors": [{"status": [404], "body_path": "/code", "body_equals": "EMPTY", "action": "ignore"}, {"body_path": "/error/code", "body_equals": "BUSY", "action": "retry"}, {"header": "X-Fault", "header_contains": "ours", "action": "fail"}]"#
        #expect(try await api.land(connection: rules, path: "/none").payloads.isEmpty)
        asked.requests.withLock { $0.removeAll() }
        #expect(try await api.land(connection: rules, path: "/busy").payloads == ["[]"])
        #expect(asked.requests.withLock(\.count) == 3)
        let error = try await refusal { try await api.land(connection: rules, path: "/other") }
        #expect(error.message.contains("the source answered 200: '{\"error\":{\"code\":\"GONE\"}}'"))
    }
}
