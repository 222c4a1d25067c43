import ConnectorKit
import Foundation
import HTTPTransport
import JSON
import Primitives

/// `export` of a source that prepares its data first: a job is started, polled until it is done, and then `path` is
/// downloaded, which may name `{{ job.… }}` and `{{ result.… }}`, also as the URL of another host.
struct RestExport: Sendable {
    private let start: RestRequestTemplate
    private let poll: RestRequestTemplate
    private let donePath: [String]
    private let done: [String]
    private let failed: [String]
    private let interval: Double
    private let deadline: Double

    /// Reads a checked `export`.
    init(_ object: JSONValue) throws(RestMistake) {
        do {
            start = try RestRequestTemplate(object["start"] ?? .object([]))
        } catch {
            throw error.within(["export", "start"])
        }
        do {
            poll = try RestRequestTemplate(object["poll"] ?? .object([]))
        } catch {
            throw error.within(["export", "poll"])
        }
        guard let pointer = JSONPointer(path: object["state_path"]?.stringValue ?? "") else {
            throw RestMistake(["export", "state_path"], "no path", expected: "a JSON pointer such as /status")
        }
        donePath = pointer.tokens
        done = object["done"]?.arrayValue?.compactMap(\.scalarText) ?? []
        failed = object["failed"]?.arrayValue?.compactMap(\.scalarText) ?? []
        interval = object["every_s"]?.doubleValue ?? 5
        deadline = object["deadline_s"]?.doubleValue ?? 3600
    }

    /// Starts a job and waits for its end.
    /// - Returns: The scope with `job` and `result`, the answers to the start and to the last poll.
    /// - Throws: `ConnectorError` where the job fails, or is not done in time.
    func run(in scope: TemplateScope, over requests: RestRequests, _ rules: [RestErrorRule]) async throws
        -> TemplateScope
    {
        let began = ContinuousClock.now
        let expected = RestExpectation(rules: rules)
        let call = try start.call(in: scope, base: requests.base)
        let job = try await value(call, expected, requests)
        let polled = scope.adding("job", .json(job))
        while true {
            try Task.checkCancellation()
            let question = try poll.call(in: polled, base: requests.base)
            let result = try await value(question, expected, requests)
            guard let state = donePath.reduce(result as JSONValue?, { $0?[$1] })?.scalarText else {
                throw ConnectorError(
                    "\(question.description): the answer has no state at '\(JSONPointer(donePath))'", kind: .parse,
                    hint: "check export.state_path")
            }
            if done.contains(state) { return polled.adding("result", .json(result)) }
            if failed.contains(state) {
                throw ConnectorError(
                    "\(question.description): the export ended as '\(state)'",
                    hint: "see the source's own log of its exports", isTransient: true)
            }
            guard (ContinuousClock.now - began) / .seconds(1) + interval < deadline else {
                throw ConnectorError(
                    "\(question.description): the export is still '\(state)' after \(Int(deadline)) s", kind: .timeout,
                    hint: "raise export.deadline_s, or name that state in export.done or export.failed",
                    isTransient: true)
            }
            try await Task.sleep(for: .seconds(interval))
        }
    }

    private func value(
        _ call: RestCall, _ expected: RestExpectation, _ requests: RestRequests
    ) async throws -> JSONValue {
        guard case .page(let page) = try await requests.page(call, expected, number: 1) else { return .null }
        do {
            return try JSONReader.parse(page.body)
        } catch {
            throw ConnectorError("\(call.description): the answer is no JSON: \(error)", kind: .parse)
        }
    }
}
