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
        var pageParam: String
        var startPage: Int
        var sizeParam: String?
        var pageSize: Int?
        var totalPagesPath: String?
        var stopOn: Stop
    }

    /// Attributes of `offset`.
    struct Offsets: Decodable, Sendable {
        var offsetParam: String
        var startOffset: Int
        var limitParam: String
        var pageSize: Int
        var stopOn: Stop
    }

    /// Attributes of `cursor`.
    struct Cursors: Decodable, Sendable {
        var cursorParam: String
        var cursorPath: String
        var hasMorePath: String?
        var sizeParam: String?
        var pageSize: Int?
    }

    var kind: Kind
    /// JSON pointer to the number of all records.
    var totalPath: String?
    /// More pages than this are an error.
    var maxPages: Int

    private enum CodingKeys: String, CodingKey {
        case type, totalPath, maxPages
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
            case "link_header": .linkHeader
            case "next_url": .nextURL(path: try container.decode(String.self, forKey: .nextURLPath))
            case let other:
                throw DecodingError.dataCorruptedError(
                    forKey: .type, in: container, debugDescription: "unknown pagination '\(other)'")
            }
        totalPath = try container.decodeIfPresent(String.self, forKey: .totalPath)
        // `none` has one page and no limits of its own.
        maxPages = try container.decodeIfPresent(Int.self, forKey: .maxPages) ?? 1
    }
}
