import ConnectorKit
import Foundation
import LoopbackHTTP
import Synchronization
import Testing

/// Answers in turn, the last one for ever.
private func script(_ answers: LoopbackResponse...) -> LoopbackServer.Handler {
    let turn = Turn()
    return { _ in answers[min(turn.next(), answers.count - 1)] }
}

private final class Turn: Sendable {
    private let count = Mutex(0)
    func next() -> Int {
        count.withLock { count in
            defer { count += 1 }
            return count
        }
    }
}

private let paged = #""records_path": "/data", "pagination": {"type": "page", "total_pages_path": "/pages"}"#

@Suite("A rest source in trouble")
struct RestFaultTests {
    @Test("that passes is asked again (H1)", arguments: [500, 502, 503, 504, 429, 408])
    func passing(status: Int) async throws {
        let api = try RestFixture(script(.json("{}", status: status), .json("{}", status: status), .json("[{}]")))
        #expect(try await api.land().records == 1)
        #expect(api.targets.count == 3)
    }

    @Test("is asked again no more often than allowed, and its own words are quoted (H1)")
    func attempts() async throws {
        let api = try RestFixture(script(.json("{\"error\":\n\"down \u{1B}[31m\"}", status: 503)))
        let error = try await refusal { try await api.land(retry: #""attempts": 3, "base_delay_s": 0"#) }
        let what = "GET \(api.url)/v1/items: the source answered 503"
        #expect(error.message == what + ": '{\"error\": \"down  [31m\"}' (page 1, 3 attempts)")
        #expect(error.isTransient)
        #expect(error.kind == .connector)
        #expect(api.targets.count == 3)
    }

    @Test("is given the time that it asks for, as seconds or as a date against its own clock (H1)")
    func retryAfter() async throws {
        let date = [("Date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("Retry-After", "Sun, 06 Nov 1994 08:49:38 GMT")]
        for headers in [[("Retry-After", "1")], date] {
            let api = try RestFixture(script(.json("{}", status: 429, headers: headers), .json("[]")))
            let started = ContinuousClock.now
            _ = try await api.land()
            #expect(ContinuousClock.now - started >= .seconds(1))
        }
    }

    @Test("that asks for more time than there is fails at once (H2)")
    func rateLimit() async throws {
        let api = try RestFixture(script(.json("{}", status: 429, headers: [("Retry-After", "3600")])))
        let error = try await refusal { try await api.land() }
        #expect(error.kind == .rateLimit)
        #expect(error.isTransient)
        #expect(error.message.hasSuffix("answered 429 (page 1, to be asked again in 3600 s)"))
        #expect(error.hint.contains("connection.retry.deadline_s"))
        #expect(api.targets.count == 1)
    }

    @Test("that limits the rate for ever ends at the deadline (H2)")
    func deadline() async throws {
        let api = try RestFixture(script(.json("{}", status: 429)))
        let started = ContinuousClock.now
        let retry = #""attempts": 100, "base_delay_s": 0.2, "max_delay_s": 0.2, "deadline_s": 1"#
        let error = try await refusal { try await api.land(retry: retry) }
        #expect(error.kind == .rateLimit)
        #expect(api.targets.count < 12)
        #expect(ContinuousClock.now - started < .seconds(15))
    }

    @Test("that refuses the credentials is asked once, and the secret is named (H3)", arguments: [401, 403])
    func refusedCredentials(status: Int) async throws {
        let api = try RestFixture { request in
            .json("{\"echo\":\"\(request.header("Authorization") ?? "")\"}", status: status)
        }
        let error = try await refusal {
            try await api.land(connection: #""auth": {"type": "bearer", "token": {"secret": "api_token"}}"#)
        }
        #expect(error.kind == .auth)
        #expect(!error.isTransient)
        #expect(
            error.message == "GET \(api.url)/v1/items: the source refused the credentials of secret 'api_token' "
                + "with \(status) (page 1)")
        #expect(api.targets.count == 1)
    }

    @Test("with a rate limit behind 403 is no question of credentials")
    func forbiddenForNow() async throws {
        let api = try RestFixture(script(.json("{}", status: 403, headers: [("Retry-After", "0")]), .json("[]")))
        _ = try await api.land()
        #expect(api.targets.count == 2)
    }

    @Test("that loses a later page fails as a whole (H4)", arguments: [404, 410])
    func lostPage(status: Int) async throws {
        let api = try RestFixture { request in
            request.parameter("page") == "3"
                ? .json("{}", status: status) : .json(page([request.parameter("page") == "1" ? 1 : 2], "\"pages\":5"))
        }
        let error = try await refusal { try await api.land(paged) }
        #expect(error.message.contains("answered \(status); the batch is incomplete and is dropped (page 3)"))
        #expect(!error.isTransient)
    }

    @Test("that answers 200 with something else is no data (H5)")
    func notJSON() async throws {
        let login = LoopbackResponse(
            headers: [("Content-Type", "text/html; charset=utf-8")], body: Array("<html>\n<h1>Sign in</h1>".utf8))
        let html = try RestFixture(script(login))
        let error = try await refusal { try await html.land() }
        #expect(error.kind == .parse)
        #expect(
            error.message == "GET \(html.url)/v1/items: the source answered 200 with text/html; charset=utf-8 "
                + "instead of JSON: '<html> <h1>Sign in</h1>' (page 1)")
        for body in ["", "  ", "null", "\"text\"", "<xml/>", "oops"] {
            let api = try RestFixture(script(.json(body)))
            #expect(try await refusal { try await api.land() }.kind == .parse)
        }
    }

    @Test("that answers with a page for people has no CSV and no JSON Lines (H5)", arguments: ["csv", "jsonl"])
    func webPage(format: String) async throws {
        let html = [("Content-Type", "text/html")]
        let login = "\u{FEFF}\n<!DOCTYPE html>\n<h1>Sign in</h1>\n"
        let wall = try RestFixture(script(LoopbackResponse(headers: html, body: Array(login.utf8))))
        let error = try await refusal { try await wall.land(#""format": "\#(format)""#) }
        #expect(error.kind == .parse)
        #expect(
            error.message.contains("answered 200 with text/html instead of \(format == "csv" ? "CSV" : "JSON Lines")"))
        // Only the name is wrong.
        let text = format == "csv" ? "id,name\n1,<b>\n" : #"{"id":1,"name":"<b>"}"# + "\n"
        let named = try RestFixture(script(LoopbackResponse(headers: html, body: Array(text.utf8))))
        #expect(try await named.land(#""format": "\#(format)""#).records == 1)
    }

    @Test("that calls its page for people something else is refused as well", arguments: ["csv", "jsonl", "xml"])
    func disguisedPage(format: String) async throws {
        let more = format == "xml" ? #", "records_path": "/html/body""# : ""
        for body in ["<!DOCTYPE html>\n<html>", "\u{FEFF}\n <HTML lang=en><body><p>Sign in</p></body></html>"] {
            let api = try RestFixture(
                script(LoopbackResponse(headers: [("Content-Type", "text/plain")], body: Array(body.utf8))))
            let error = try await refusal { try await api.land(#""format": "\#(format)"\#(more)"#) }
            #expect(error.kind == .parse)
            #expect(error.message.contains("answered 200 with HTML, called text/plain, instead of "), "\(error)")
        }
    }

    @Test("that echoes a secret is quoted without it", arguments: ["{\"t\":\"%\"}", "%", "<p>%</p>"])
    func echo(template: String) async throws {
        let api = try RestFixture { request in
            let token = String((request.header("Authorization") ?? "").dropFirst(7))
            return .json(String(repeating: "-", count: 190) + template.replacing("%", with: token), status: 400)
        }
        _ = try await refusal {
            try await api.land(connection: #""auth": {"type": "bearer", "token": {"secret": "api_token"}}"#)
        }
    }

    @Test("whose answer breaks off is asked again, and never taken as complete (H6)")
    func cut() async throws {
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n"
        let reset = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[]"
        let api = try RestFixture(
            script(
                .cut("[{\"id\":1}", announced: 40), .raw(Array(chunked.utf8)), .raw(Array(reset.utf8), then: .reset),
                .json("[{\"id\":1}]")))
        #expect(try await api.land().payloads == ["[{\"id\":1}]"])
        #expect(api.targets.count == 4)
        let always = try RestFixture(script(.cut("[]", announced: 40)))
        let error = try await refusal { try await always.land() }
        #expect(error.message.contains("the answer broke off"))
        #expect(error.isTransient)
    }

    @Test(
        "whose JSON breaks off where nothing announced its length is asked again (H6)",
        arguments: [("json", "[{\"id\":1},{\"i"), ("jsonl", "{\"id\":1}\n{\"id")])
    func cutUnannounced(format: String, text: String) async throws {
        let head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
        let whole = text.prefix(9) + "\(format == "json" ? "]" : "")\n"
        let api = try RestFixture(script(.raw(Array((head + text).utf8)), .raw(Array((head + whole).utf8))))
        #expect(try await api.land(#""format": "\#(format)""#).payloads == [String(whole)])
        let always = try RestFixture(script(.raw(Array((head + text).utf8))))
        let error = try await refusal { try await always.land(#""format": "\#(format)""#) }
        #expect(error.message.contains("answered 200, and broke off inside a JSON value (page 1, 4 attempts)"))
        #expect(error.isTransient)
    }

    @Test("that gives a part of a page is refused without a record of it")
    func part() async throws {
        let api = try RestFixture(script(.json(#"[{"name":"Ann"}]"#, status: 206)))
        let error = try await refusal { try await api.land() }
        #expect(error.message == "GET \(api.url)/v1/items: the source answered 206 (page 1)")
        #expect(error.hint.contains("Range"))
    }

    @Test("that is silent or slow ends in a timeout (H7)")
    func slow() async throws {
        let once = #""attempts": 1"#
        let silent = try RestFixture(script(.raw([], then: .silence)))
        let error = try await refusal { try await silent.land(connection: #""timeout_s": 0.3"#, retry: once) }
        #expect(error.kind == .timeout)
        let trickle = LoopbackResponse.json(String(repeating: " ", count: 900)).trickling(everyMilliseconds: 50)
        let slow = try RestFixture(script(trickle))
        #expect(
            try await refusal { try await slow.land(connection: #""idle_timeout_s": 1"#, retry: once) }.kind == .timeout
        )
    }

    @Test("whose page is too large is refused once (H8)")
    func tooLarge() async throws {
        let api = try RestFixture(script(.json(String(repeating: " ", count: 1_100_000) + "[]")))
        let error = try await refusal { try await api.land(connection: #""max_body_mb": 1"#) }
        #expect(error.message.contains("the decoded answer exceeds 1048576 bytes"))
        #expect(api.targets.count == 1)
    }

    @Test(
        "that leads in circles or elsewhere by redirects is not followed (H9)", arguments: ["/v1/items", "file:///x"])
    func redirects(location: String) async throws {
        let api = try RestFixture(script(.redirect(to: location)))
        let error = try await refusal { try await api.land() }
        #expect(error.message.contains("redirect"))
        #expect(error.hint.contains("connection.base_url"))
        #expect(!error.isTransient)
    }

    @Test("takes no key along to another host (H9)")
    func redirectedKey() async throws {
        let other = try RestFixture { request in .json(request.header("X-Api-Key") == nil ? "[]" : "stolen") }
        let port = other.url.split(separator: ":").last ?? ""
        let api = try RestFixture(script(.redirect(to: "http://localhost:\(port)/v1/items")))
        let auth = #""auth": {"type": "api_key", "key": {"secret": "k"}}, "headers": {"X-Other": {"secret": "o"}}"#
        _ = try await api.land(connection: auth)
        #expect(api.requests.first?.header("X-Api-Key") == RestFixture.canary)
        #expect(other.requests.first?.header("X-Api-Key") == nil)
        #expect(other.requests.first?.header("X-Other") == nil)
        #expect(other.requests.first?.header("Accept") == "application/json")
    }

    @Test("that is down is named with host and reason")
    func down() async throws {
        let api = try RestFixture(script(.json("[]")))
        let url = try RestFixture(script(.json("[]"))).url
        let error = try await refusal { try await api.land(base: url) }
        #expect(error.message.contains("no connection"))
    }

    @Test("with a cancelled task ends as cancelled")
    func cancelled() async throws {
        let api = try RestFixture(script(.raw([], then: .silence)))
        let task = Task { try await api.land() }
        while api.targets.isEmpty { await Task.yield() }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }
}
