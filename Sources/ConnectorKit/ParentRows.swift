public import JSON

/// The rows for each of which an entity is asked (`for_each`): objects of the named columns, some at a time.
public struct ParentRows: Sendable {
    /// Some of the rows.
    public struct Page: Sendable {
        /// Objects of the named columns.
        public var rows: [JSONValue]
        /// The place behind them; nil at the end.
        public var next: String?
        /// Some of the rows.
        public init(rows: [JSONValue], next: String?) {
            self.rows = rows
            self.next = next
        }
    }
    private let page: @Sendable (_ place: String?) async throws -> Page

    /// Rows that are fetched page by page, the first from the place nil on.
    public init(page: @escaping @Sendable (_ place: String?) async throws -> Page) { self.page = page }

    /// These rows.
    public init(_ rows: [JSONValue]) { page = { _ in Page(rows: rows, next: nil) } }

    /// Goes through the rows from the first on.
    public func makeIterator() -> Iterator { Iterator(page: page) }

    /// Where one stands among the rows.
    public struct Iterator {
        private let page: @Sendable (String?) async throws -> Page
        private var rows: [JSONValue] = []
        private var index = 0
        private var place: String?
        private var isLast = false

        fileprivate init(page: @escaping @Sendable (String?) async throws -> Page) { self.page = page }

        /// The next row; nil behind the last one.
        public mutating func next() async throws -> JSONValue? {
            while index == rows.count {
                guard !isLast else { return nil }
                let found = try await page(place)
                (rows, place, index) = (found.rows, found.next, 0)
                isLast = found.next == nil
            }
            defer { index += 1 }
            return rows[index]
        }
    }
}
