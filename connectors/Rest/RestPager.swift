import ConnectorKit
import HTTPTransport
import Hashing
import JSON
import Primitives

/// A page that can be asked for.
struct RestPlace: Sendable {
    /// What is added to the request, in its query or body.
    var parameters: [(name: String, value: JSONValue)] = []
    /// The page's own URL, given by the page before.
    var link: HTTPURL?
    /// What expressions know as `page`.
    var values: [JSONMember] = []
}

/// Where a paged load stands: pure, so that every way of paging can be tried without a server.
struct RestPager {
    /// The page to fetch next; nil at the end.
    private(set) var next: RestPlace?
    /// The number of that page, counted from 1.
    private(set) var number = 1

    private let pagination: RestPagination
    private let records: RestRecords
    private let oldest: RestOldest?
    private var first: RestCall?
    private var count = 0
    private var announcedPages: Int?
    /// The number of all records that the last page announced.
    private var announcedTotal: Int?
    private var seenPages: Set<UUIDValue> = []
    private var seenCalls: Set<String> = []

    /// - Parameter oldest: Ends a load whose records come newest first.
    init(_ pagination: RestPagination, records: RestRecords, oldest: RestOldest? = nil) {
        self.pagination = pagination
        self.records = records
        self.oldest = oldest
        next = RestPlace()
        next = place(cursor: nil)
    }

    /// Notes that a page is asked for.
    /// - Throws: `ConnectorError` when it was asked for before.
    mutating func begin(_ call: RestCall) throws {
        if first == nil { first = call }
        guard seenCalls.insert(call.identity).inserted else {
            throw error("repeated page: behind page \(number - 1) comes one that was fetched before", Self.circleHint)
        }
    }

    /// Finds the next page behind one that has landed.
    /// - Throws: `ConnectorError` when the source turns in a circle, contradicts itself or never ends.
    mutating func advance(past page: RestPage, records landed: Int) throws {
        guard landed == 0 || seenPages.insert(XXH3.hash128(page.body.span)).inserted else {
            throw error("repeated page: page \(number) has the same bytes as an earlier one", Self.circleHint)
        }
        count += landed
        announcedTotal = try total(page)
        if landed > 0, let oldest, let value = records.last(of: page, landed, at: oldest.path),
            oldest.isReached(by: value)
        {
            return next = nil
        }
        guard !pagination.stopWhen.contains(where: { $0.holds(page) }), let found = try successor(of: page, landed)
        else {
            next = nil
            return try checkTotal()
        }
        guard number < pagination.maxPages else {
            throw error(
                "more than \(pagination.maxPages) pages", "raise pagination.max_pages if the source really has more")
        }
        number += 1
        next = found
    }

    /// Ends where the source answered that there is nothing instead of a page.
    /// - Throws: `ConnectorError` where the page had been announced: its records would look deleted.
    func end() throws {
        let isAnnounced: Bool
        switch pagination.kind {
        case .cursor, .linkHeader, .nextURL: isAnnounced = number > 1
        case .page: isAnnounced = announcedPages.map { number <= $0 } ?? false
        case .none, .offset, .keyset: isAnnounced = false
        }
        guard !isAnnounced, announcedTotal.map({ count >= $0 }) ?? true else {
            throw error(
                "page \(number) was announced, but came without content",
                "if that is an error of the source, name it in source.errors as \"retry\" or \"fail\"")
        }
    }

    /// A page by what the kind of paging counts or remembers; `number` is that of the page before.
    private func place(cursor: String?) -> RestPlace {
        var place = RestPlace()
        func add(_ parameter: String?, _ value: String?, as name: String) {
            guard let value else { return place.values.append(JSONMember(name, .null)) }
            let json: JSONValue = name == "cursor" ? .string(value) : .number(value)
            if let parameter { place.parameters.append((parameter, json)) }
            place.values.append(JSONMember(name, json))
        }
        // The first page is made before anything was counted.
        let isFirst = first == nil
        switch pagination.kind {
        case .none, .linkHeader, .nextURL: break
        case .page(let numbers):
            add(numbers.sizeParam, numbers.pageSize.map(String.init), as: "size")
            add(numbers.pageParam, String(numbers.startPage + (isFirst ? 0 : number)), as: "number")
        case .offset(let offsets):
            add(offsets.limitParam, String(offsets.pageSize), as: "size")
            // By what came, not by what was asked for: a source may cap the size of its pages.
            add(offsets.offsetParam, String(offsets.startOffset + count), as: "offset")
        case .cursor(let cursors):
            add(cursors.sizeParam, cursors.pageSize.map(String.init), as: "size")
            add(cursors.cursorParam, cursor, as: "cursor")
        case .keyset(let keys):
            add(keys.sizeParam, keys.pageSize.map(String.init), as: "size")
            add(keys.keyParam, cursor ?? keys.start, as: "cursor")
        }
        return place
    }

    private mutating func successor(of page: RestPage, _ landed: Int) throws -> RestPlace? {
        switch pagination.kind {
        case .none:
            guard page.nextLink == nil else {
                throw error(
                    "the answer announces a next page, but pagination is none; its records would look deleted",
                    "set pagination to {\"type\": \"link_header\"}")
            }
            return nil
        case .page(let numbers): return try isLast(page, landed, numbers) ? nil : place(cursor: nil)
        case .offset(let offsets): return try isLast(page, landed, offsets) ? nil : place(cursor: nil)
        case .cursor(let cursors): return try nextCursor(page, cursors).map { place(cursor: $0) }
        case .keyset(let keys):
            guard landed > 0, !(keys.stopOn == .short && keys.pageSize.map { landed < $0 } == true) else { return nil }
            guard let key = records.last(of: page, landed, at: keys.tokens) else {
                throw error(
                    "the last record of page \(number) has no text or number at '\(keys.keyPath)'",
                    "check pagination.key_path", kind: .parse)
            }
            return place(cursor: key)
        case .linkHeader: return try page.nextLink.map { RestPlace(link: try sameOrigin($0, as: page)) }
        case .nextURL(let path):
            guard let link = page.text(at: path), !link.isEmpty else { return nil }
            return RestPlace(link: try sameOrigin(link, as: page))
        }
    }

    private mutating func isLast(
        _ page: RestPage, _ landed: Int, _ numbers: RestPagination.Numbers
    ) throws -> Bool {
        guard let path = numbers.totalPagesPath else {
            return landed == 0 || numbers.stopOn == .short && numbers.pageSize.map { landed < $0 } == true
        }
        let total = try wholeNumber(page.text(at: path), "at '\(path)'", "pagination.total_pages_path")
        if let announcedPages, total < announcedPages {
            throw error(
                "the number of pages shrank from \(announcedPages) to \(total) while reading; records may be missing",
                "run it again when the source is quiet, or page by cursor", isTransient: true)
        }
        announcedPages = total
        return number >= total
    }

    private func isLast(_ page: RestPage, _ landed: Int, _ offsets: RestPagination.Offsets) throws -> Bool {
        if let announcedTotal { return landed == 0 || count >= announcedTotal }
        return landed == 0 || offsets.stopOn == .short && landed < offsets.pageSize
    }

    private func nextCursor(_ page: RestPage, _ cursors: RestPagination.Cursors) throws -> String? {
        let more = cursors.hasMorePath.map { page.bool(at: $0) }
        if more == .some(false) { return nil }
        let cursor = cursors.cursorPath.map { page.text(at: $0) } ?? cursors.cursorHeader.flatMap { page.headers[$0] }
        guard let cursor, !cursor.isEmpty else {
            guard more == .some(true) else { return nil }
            let place = cursors.cursorPath.map { "at '\($0)'" } ?? "in the header \(cursors.cursorHeader ?? "")"
            throw error(
                "page \(number) says that there is more, but has no cursor \(place)",
                "check pagination.cursor_path", kind: .parse)
        }
        return cursor
    }

    private func sameOrigin(_ link: String, as page: RestPage) throws -> HTTPURL {
        let target: HTTPURL
        do {
            target = try page.url.resolving(link)
        } catch {
            throw self.error("the link to the next page is refused: \(error.message)", "", kind: .parse)
        }
        guard let first, target.isSameOrigin(as: first.url) else {
            throw error(
                "the next page lies at \(target.origin); credentials go to \(first?.url.origin ?? "one host") only",
                "set connection.base_url to the address that serves every page")
        }
        return target
    }

    private func checkTotal() throws {
        guard let announcedTotal, count < announcedTotal else { return }
        throw error(
            "the source announced \(announcedTotal) records, \(count) came", "run it again when the source is quiet",
            isTransient: true)
    }

    /// The number of all records that the page announces; nil where none is expected.
    private func total(_ page: RestPage) throws -> Int? {
        if let path = pagination.totalPath {
            return try wholeNumber(page.text(at: path), "at '\(path)'", "pagination.total_path")
        }
        if let header = pagination.totalHeader {
            return try wholeNumber(page.headers[header], "in the header \(header)", "pagination.total_header")
        }
        return nil
    }

    private func wholeNumber(_ text: String?, _ place: String, _ attribute: String) throws -> Int {
        guard let number = text.flatMap(Int.init) else {
            throw error("page \(number) has no whole number \(place)", "check \(attribute)", kind: .parse)
        }
        return number
    }

    private func error(
        _ what: String, _ hint: String, kind: ConnectorError.Kind = .connector, isTransient: Bool = false
    ) -> ConnectorError {
        ConnectorError("\(first?.description ?? "a page"): \(what)", kind: kind, hint: hint, isTransient: isTransient)
    }

    private static let circleHint = "check pagination: the source may ignore the parameter that asks for the next page"
}

/// Ends a load whose records come newest first (`delta.stop_when_older`).
struct RestOldest: Sendable {
    /// Where the cursor column stands in a record.
    var path: [String]
    /// The start of the window.
    var from: String

    /// True for a value before the window: instants by time, numbers by size, other texts by their bytes.
    func isReached(by value: String) -> Bool {
        if let left = Instant(iso8601: value), let right = Instant(utcByDefault: from) { return left < right }
        // Without an offset the record's zone is its own: no zone is more than 14 hours west or east.
        if let left = Instant(utcByDefault: value), let right = Instant(utcByDefault: from) {
            return left.advanced(byMicroseconds: 14 * 3_600_000_000) < right
        }
        if let left = Double(value), let right = Double(from) { return left < right }
        return value.utf8.lexicographicallyPrecedes(from.utf8)
    }
}

/// Where the records of a page stand.
struct RestRecords: Sendable {
    /// The array of records within a JSON text; nil for JSON Lines.
    var path: [String]?

    /// The text of a string or number within the page's last record.
    func last(of page: RestPage, _ count: Int, at tokens: [String]) -> String? {
        guard let path else {
            let lines = page.body.split(separator: UInt8(ascii: "\n")).last { line in line.contains { $0 > 0x20 } }
            var cursor = JSONCursor(Array(lines ?? []))
            return cursor.scalar(at: tokens)?.scalarText
        }
        var cursor = JSONCursor(page.body)
        if let found = cursor.scalar(at: path + [String(count - 1)] + tokens)?.scalarText { return found }
        // A page may be one object that is the only record.
        return count == 1 ? cursor.scalar(at: path + tokens)?.scalarText : nil
    }
}
