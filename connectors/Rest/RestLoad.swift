import ConnectorKit
import HTTPTransport
import JSON
import Metadata
import Primitives

/// One landing: for each parent, for each step of the window, page after page.
struct RestLoad: Sendable {
    let entity: Entity
    let source: RestConnector.Source
    let window: LoadWindow
    let template: RestRequestTemplate
    let export: RestExport?
    let requests: RestRequests
    private let scope: TemplateScope
    private let expected: RestExpectation

    init(
        _ entity: Entity, _ source: RestConnector.Source, _ window: LoadWindow, config: JSONValue,
        _ requests: RestRequests
    ) throws {
        self.entity = entity
        self.source = source
        self.window = window
        self.requests = requests
        do {
            template = try RestRequestTemplate(entity.source)
            export =
                try source.hasExport
                ? entity.source["export"].map { value throws(RestMistake) in try RestExport(value) } : nil
        } catch {
            let place = (["source"] + error.place).joined(separator: ".")
            throw ConnectorError("\(place): \(error.what)", hint: error.expected)
        }
        scope = RestScope.of(entity, window, config: config)
        expected = RestExpectation(
            format: source.format, isGraphQL: template.isGraphQL, rules: source.errors)
    }

    /// Lands everything, or fails as a whole: a missing page would look like deleted records.
    func land(into writer: inout RawWriter) async throws {
        if window.from != nil, window.loadType == .delta, !asksForWindow || entity.delta?.stopsWhenOlder == true {
            writer.noteUnfiltered()
        }
        guard let parents = window.parents else { return try await landSteps(in: scope, into: &writer) }
        var rows = parents.makeIterator()
        while let row = try await rows.next() {
            try Task.checkCancellation()
            writer.note(parent: row)
            try await landSteps(in: scope.adding("parent", .json(row)), into: &writer)
        }
        if writer.request == nil { writer.note(request: "\(template.method) \(template.path.source)") }
    }

    /// True where the source filters by the window itself.
    private var asksForWindow: Bool {
        entity.delta?.requestParameter != nil || RestScope.asksForWindow(template.roots)
    }

    private func landSteps(in scope: TemplateScope, into writer: inout RawWriter) async throws {
        guard let steps = source.steps else { return try await landPages(in: scope, into: &writer) }
        for piece in try steps.pieces(of: window) {
            let step = JSONValue.object([
                JSONMember("from", .string(piece.from.description)),
                JSONMember("until", .string(piece.until.description)),
            ])
            try await landPages(in: scope.adding("step", .json(step)), into: &writer)
        }
    }

    private func landPages(in scope: TemplateScope, into writer: inout RawWriter) async throws {
        var scope = scope
        if let export { scope = try await export.run(in: scope, over: requests, source.errors) }
        var pager = RestPager(source.pagination, records: source.records, oldest: oldest)
        guard let place = pager.next else { return }
        let first = try firstCall(at: place, in: scope, &writer)
        try pager.begin(first)
        var answer = try await requests.page(first, expected, number: 1)
        if case .unchanged = answer { return writer.noteUnchanged() }
        while case .page(let page) = answer {
            try Task.checkCancellation()
            if pager.number == 1, mayBeUnchanged, let validators = RestValidators(page.headers) {
                writer.note(state: validators.text)
            }
            let payloads = try scan(page, writer)
            try pager.advance(past: page, records: payloads.reduce(0) { $0 + $1.records })
            guard let place = pager.next else {
                for payload in payloads { try writer.write(payload) }
                return
            }
            let call = try self.call(at: place, in: scope)
            try pager.begin(call)
            let number = pager.number
            // The source works on the next page while this one is hashed and written.
            async let following = requests.page(call, expected, number: number)
            for payload in payloads { try writer.write(payload) }
            answer = try await following
        }
        try pager.end()
    }

    /// The request for the first page, noted in the manifest; what is known of the first file may make it a question.
    private func firstCall(
        at place: RestPlace, in scope: TemplateScope, _ writer: inout RawWriter
    ) throws -> RestCall {
        var call = try self.call(at: place, in: scope)
        guard writer.fileCount == 0 else { return call }
        if writer.request == nil { writer.note(request: requests.noted(call)) }
        if mayBeUnchanged, let known = RestValidators(window.unchangedSince) { known.add(to: &call) }
        return call
    }

    /// The request for a page: with what paging adds, and what a delta load asks for.
    private func call(at place: RestPlace, in scope: TemplateScope) throws -> RestCall {
        let scope = scope.adding("page", .json(.object(place.values)))
        var call = try template.call(in: scope, base: requests.base, mayLeave: export != nil)
        do {
            if let link = place.link {
                call.url = link
                return call
            }
            if window.loadType == .delta, let name = entity.delta?.requestParameter, let from = window.from {
                call = try call.adding([(name, .string(from))], inBody: source.pagination.inBody)
            }
            // Where an expression says where the page goes, nothing is added beside it.
            guard !template.roots.contains("page") else { return call }
            return try call.adding(place.parameters, inBody: source.pagination.inBody)
        } catch {
            throw ConnectorError("\(call.description): \(error.message)")
        }
    }

    /// A source that is one request in all, or says of its first page that it stands for all, may be unchanged.
    private var mayBeUnchanged: Bool {
        guard source.revalidate != .never, window.loadType == .full, export == nil, window.parents == nil else {
            return false
        }
        guard source.steps == nil else { return false }
        if case .none = source.pagination.kind { return true }
        return source.revalidate == .firstPage
    }

    private var oldest: RestOldest? {
        guard let delta = entity.delta, delta.stopsWhenOlder, window.loadType == .delta, let from = window.from,
            let column = entity.columns.first(where: { $0.name == delta.cursorColumn })
        else { return nil }
        return RestOldest(path: column.path, from: from)
    }

    /// - Throws: `ConnectorError` that names the request beside what is wrong with its answer.
    private func scan(_ page: RestPage, _ writer: borrowing RawWriter) throws -> [ScannedPayload] {
        do {
            var payloads: [ScannedPayload] = []
            for bytes in try RestUnpacking(page, limit: requests.bodyLimit, copy: writer.temporaryPath).texts {
                payloads.append(try writer.scan(bytes))
            }
            return payloads
        } catch let error as ConnectorError {
            throw ConnectorError(
                "\(template.method) \(page.url): \(error.message)", kind: error.kind, hint: error.hint,
                isTransient: error.isTransient)
        }
    }
}

/// What a source gives to recognize an unchanged answer by.
struct RestValidators {
    private let entityTag: String?
    private let lastModified: String?

    /// What an answer's headers give; nil where they give nothing.
    init?(_ headers: HTTPHeaders) {
        entityTag = headers["ETag"]
        lastModified = headers["Last-Modified"]
        if entityTag == nil, lastModified == nil { return nil }
    }

    /// What was noted as a state; nil for anything else.
    init?(_ state: String?) {
        guard let state else { return nil }
        // A state of another version of the connector gives nothing to compare with.
        let value = try? JSONReader.parse(state)
        entityTag = value?["etag"]?.stringValue
        lastModified = value?["last_modified"]?.stringValue
        if entityTag == nil, lastModified == nil { return nil }
    }

    /// As a state.
    var text: String {
        JSONValue.object(
            [("etag", entityTag), ("last_modified", lastModified)].compactMap { name, value in
                value.map { JSONMember(name, .string($0)) }
            }
        ).text()
    }

    /// Asks for the body only where it is another one.
    func add(to call: inout RestCall) {
        if let entityTag { call.headers.append(HTTPHeader("If-None-Match", entityTag)) }
        if let lastModified { call.headers.append(HTTPHeader("If-Modified-Since", lastModified)) }
    }
}

/// `revalidate` of a source: when a full load may end with the word that nothing changed.
enum RestRevalidation: String, Decodable, Sendable, CaseIterable {
    /// Where it is one request in all.
    case auto
    /// Also where it is paged: the first page changes whenever any record does.
    case firstPage = "first_page"
    /// Never.
    case never
}
