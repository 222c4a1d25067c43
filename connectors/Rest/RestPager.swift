import ConnectorKit
import HTTPTransport

/// Where a paged load stands: pure, so that every way of paging can be tried without a server.
struct RestPager {
    /// The first page's URL.
    let first: HTTPURL
    /// The page to fetch next; nil at the end.
    private(set) var next: HTTPURL?
    /// The number of that page, counted from 1.
    private(set) var number = 1

    private let pagination: RestPagination
    private let base: HTTPURL
    private var records = 0
    private var announcedPages: Int?
    private var seenPages: Set<String> = []
    private var seenURLs: Set<String>

    /// A load that starts at `first`, the resource's URL with its parameters but those of paging.
    init(_ pagination: RestPagination, first base: HTTPURL) throws {
        self.pagination = pagination
        switch pagination.kind {
        case .none, .linkHeader, .nextURL:
            self.base = base
            first = base
        case .page(let numbers):
            self.base = try base.adding(size(numbers.sizeParam, numbers.pageSize))
            first = try self.base.adding([(numbers.pageParam, String(numbers.startPage))])
        case .offset(let offsets):
            self.base = try base.adding(size(offsets.limitParam, offsets.pageSize))
            first = try self.base.adding([(offsets.offsetParam, String(offsets.startOffset))])
        case .cursor(let cursors):
            self.base = try base.adding(size(cursors.sizeParam, cursors.pageSize))
            first = self.base
        }
        next = first
        seenURLs = [first.text]
    }

    /// Finds the next page behind one that has landed.
    /// - Throws: `ConnectorError` when the source turns in a circle, contradicts itself or never ends.
    mutating func advance(past page: RestPage, records landed: Int, checksum: String) throws {
        guard landed == 0 || seenPages.insert(checksum).inserted else {
            throw error("repeated page: page \(number) has the same bytes as an earlier one", Self.circleHint)
        }
        records += landed
        guard let found = try successor(of: page, landed) else {
            next = nil
            return try checkTotal(page)
        }
        guard seenURLs.insert(found.text).inserted else {
            throw error("repeated page: behind page \(number) comes one that was fetched before", Self.circleHint)
        }
        guard number < pagination.maxPages else {
            throw error(
                "more than \(pagination.maxPages) pages", "raise pagination.max_pages if the source really has more")
        }
        next = found
        number += 1
    }

    private func successorOfSingle(_ page: RestPage) throws -> HTTPURL? {
        guard page.nextLink == nil else {
            throw error(
                "the answer announces a next page, but pagination is none; its records would look deleted",
                "set pagination to {\"type\": \"link_header\"}")
        }
        return nil
    }

    private mutating func successor(of page: RestPage, _ landed: Int) throws -> HTTPURL? {
        switch pagination.kind {
        case .none: return try successorOfSingle(page)
        case .page(let numbers):
            guard try !isLast(page, landed, numbers) else { return nil }
            return try base.adding([(numbers.pageParam, String(numbers.startPage + number))])
        case .offset(let offsets):
            guard try !isLast(page, landed, offsets) else { return nil }
            // By what came, not by what was asked for: a source may cap the size of its pages.
            return try base.adding([(offsets.offsetParam, String(offsets.startOffset + records))])
        case .cursor(let cursors):
            guard let cursor = try nextCursor(page, cursors) else { return nil }
            return try base.adding([(cursors.cursorParam, cursor)])
        case .linkHeader: return try page.nextLink.map { try sameOrigin($0, as: page) }
        case .nextURL(let path):
            guard let link = page.text(at: path), !link.isEmpty else { return nil }
            return try sameOrigin(link, as: page)
        }
    }

    private mutating func isLast(
        _ page: RestPage, _ landed: Int, _ numbers: RestPagination.Numbers
    ) throws -> Bool {
        guard let path = numbers.totalPagesPath else {
            return landed == 0 || numbers.stopOn == .short && numbers.pageSize.map { landed < $0 } == true
        }
        let total = try wholeNumber(page, path, "pagination.total_pages_path")
        if let announcedPages, total < announcedPages {
            throw error(
                "the number of pages shrank from \(announcedPages) to \(total) while reading; records may be missing",
                "run it again when the source is quiet, or page by cursor", isTransient: true)
        }
        announcedPages = total
        return number >= total
    }

    private func isLast(_ page: RestPage, _ landed: Int, _ offsets: RestPagination.Offsets) throws -> Bool {
        if let path = pagination.totalPath {
            return try landed == 0 || records >= wholeNumber(page, path, "pagination.total_path")
        }
        return landed == 0 || offsets.stopOn == .short && landed < offsets.pageSize
    }

    private func nextCursor(_ page: RestPage, _ cursors: RestPagination.Cursors) throws -> String? {
        let more = cursors.hasMorePath.map { page.bool(at: $0) }
        if more == .some(false) { return nil }
        let cursor = page.text(at: cursors.cursorPath)
        guard let cursor, !cursor.isEmpty else {
            guard more == .some(true) else { return nil }
            throw error(
                "page \(number) says that there is more, but has no cursor at '\(cursors.cursorPath)'",
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
        guard target.isSameOrigin(as: first) else {
            throw error(
                "the next page lies at \(target.origin); credentials go to \(first.origin) only",
                "set connection.base_url to the address that serves every page")
        }
        return target
    }

    private func checkTotal(_ page: RestPage) throws {
        guard let path = pagination.totalPath else { return }
        let total = try wholeNumber(page, path, "pagination.total_path")
        guard records >= total else {
            throw error(
                "the source announced \(total) records, \(records) came", "run it again when the source is quiet",
                isTransient: true)
        }
    }

    private func wholeNumber(_ page: RestPage, _ path: String, _ attribute: String) throws -> Int {
        guard let number = page.text(at: path).flatMap(Int.init) else {
            throw error(
                "page \(number) has no whole number at '\(path)'", "check \(attribute)", kind: .parse)
        }
        return number
    }

    private func error(
        _ what: String, _ hint: String, kind: ConnectorError.Kind = .connector, isTransient: Bool = false
    ) -> ConnectorError {
        ConnectorError("GET \(first): \(what)", kind: kind, hint: hint, isTransient: isTransient)
    }

    private static let circleHint = "check pagination: the source may ignore the parameter that asks for the next page"
}

private func size(_ parameter: String?, _ size: Int?) -> [(name: String, value: String)] {
    guard let parameter, let size else { return [] }
    return [(parameter, String(size))]
}
