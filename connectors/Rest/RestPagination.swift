import JSON

/// `pagination` of a source: how the next page is found, and what must hold for all pages together.
struct RestPagination: Decodable, Sendable {
    /// How the next page is found.
    enum Kind: Sendable {
        /// One request brings everything.
        case none
        /// `page=1`, `page=2` …
        case page(Numbers)
        /// `offset=0`, `offset=100` …
        case offset(Offsets)
        /// Each page names the cursor of the next.
        case cursor(Cursors)
        /// The last record of a page names where the next begins.
        case keyset(Keys)
        /// `Link: <…>; rel="next"` (RFC 8288).
        case linkHeader
        /// Each page holds the URL of the next.
        case nextURL(path: String)
    }

    /// Which page ends a load whose length is not announced.
    enum Stop: String, Decodable, Sendable {
        /// One without records.
        case empty
        /// One with fewer than `page_size` records.
        case short
    }

    /// Attributes of `page`.
    struct Numbers: Decodable, Sendable {
        var pageParam: String?
        var startPage: Int
        var sizeParam: String?
        var pageSize: Int?
        var totalPagesPath: String?
        var stopOn: Stop
    }

    /// Attributes of `offset`.
    struct Offsets: Decodable, Sendable {
        var offsetParam: String?
        var startOffset: Int
        var limitParam: String?
        var pageSize: Int
        var stopOn: Stop
    }

    /// Attributes of `cursor`.
    struct Cursors: Decodable, Sendable {
        var cursorParam: String?
        var cursorPath: String?
        var cursorHeader: String?
        var hasMorePath: String?
        var sizeParam: String?
        var pageSize: Int?
    }

    /// Attributes of `keyset`.
    struct Keys: Decodable, Sendable {
        var keyParam: String?
        var keyPath: String
        var start: String?
        var sizeParam: String?
        var pageSize: Int?
        var stopOn: Stop

        /// `keyPath` as reference tokens.
        var tokens: [String] { JSONPointer(path: keyPath)?.tokens ?? [] }
    }

    /// `stop_when`: what a page says where it is the last one.
    struct Condition: Decodable, Sendable {
        var path: String
        var equals: String?

        /// True where the page says so: the text is the one, or there is a value that is neither null, false nor empty.
        func holds(_ page: RestPage) -> Bool {
            guard let equals else {
                return page.bool(at: path) ?? !(page.text(at: path) ?? "").isEmpty
            }
            let found = page.bool(at: path).map { $0 ? "true" : "false" } ?? page.text(at: path)
            return found.map { $0.utf8.elementsEqual(equals.utf8) } ?? false
        }
    }

    var kind: Kind
    /// True where the parameters of paging are members of the body.
    var inBody: Bool
    /// The first of them that holds ends the load.
    var stopWhen: [Condition]
    /// JSON pointer to the number of all records.
    var totalPath: String?
    /// The header with the number of all records.
    var totalHeader: String?
    /// More pages than this are an error.
    var maxPages: Int

    private enum CodingKeys: String, CodingKey {
        case type, totalPath, totalHeader, maxPages, stopWhen
        case place = "in"
        case nextURLPath = "nextUrlPath"
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        kind =
            switch try container.decode(String.self, forKey: .type) {
            case "none": .none
            case "page": .page(try Numbers(from: decoder))
            case "offset": .offset(try Offsets(from: decoder))
            case "cursor": .cursor(try Cursors(from: decoder))
            case "keyset": .keyset(try Keys(from: decoder))
            case "link_header": .linkHeader
            case "next_url": .nextURL(path: try container.decode(String.self, forKey: .nextURLPath))
            case let other:
                throw DecodingError.dataCorruptedError(
                    forKey: .type, in: container, debugDescription: "unknown pagination '\(other)'")
            }
        inBody = try container.decodeIfPresent(String.self, forKey: .place) == "body"
        stopWhen = try container.decodeIfPresent([Condition].self, forKey: .stopWhen) ?? []
        totalHeader = try container.decodeIfPresent(String.self, forKey: .totalHeader)
        totalPath = try container.decodeIfPresent(String.self, forKey: .totalPath)
        // `none` has one page and no limits of its own.
        maxPages = try container.decodeIfPresent(Int.self, forKey: .maxPages) ?? 1
    }
}
