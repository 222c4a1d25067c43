public import ConnectorKit
import JSON
public import Metadata

/// Made-up records, computed and never held in memory: for tests, demonstrations and measurements.
///
/// ```json
/// {"id": "fake", "name": "Fake", "description": "Made-up records", "type": "fake",
///  "connection": {"seed": 1, "day": 1}}
///
/// {"name": "items", "system_id": "fake", "description": "Made-up items", "load_type": "full", "key": ["id"],
///  "source": {"rows": 1000, "page_size": 100, "change_fraction": 0.1, "delete_fraction": 0.01},
///  "columns": [{"name": "id", "type": "bigint"}, {"name": "price", "type": "numeric", "precision": 12, "scale": 2},
///              {"name": "city", "type": "text", "path": "/address/city"}]}
/// ```
///
/// Each record has 12 fields in about 300 bytes: `id` (from 1), `code`, `name`, `email`, `status`, `quantity`,
/// `price`, `is_active`, `created_at`, `updated_at`, `address {street, city, zip}` and the list `tags`. Seed and day
/// decide every byte. From one day to the next a part of the records change (and with them `updated_at`), some are
/// absent for that day, and new ones come behind the last. A delta load with a window brings the records whose
/// `updated_at` is not before it.
public struct FakeConnector: Connector {
    /// A system's `connection`.
    public struct Configuration: ConnectorConfiguration {
        /// Selects one of many worlds.
        public var seed: Int
        /// The day of that world, from 1.
        public var day: Int
        /// Every attribute.
        public static let fields = [
            Field("seed", .int(0...Int(Int32.max)), default: .number("1"), "Selects one of many worlds of records."),
            Field(
                "day", .int(1...3650), default: .number("1"),
                "The day of that world; the next day shows changed, absent and new records."),
        ]
    }

    /// An entity's `source`.
    public struct Source: ConnectorConfiguration {
        /// Records on day 1.
        public var rows: Int
        /// Records per page.
        public var pageSize: Int
        /// Milliseconds before each page.
        public var delayMs: Int
        /// The page that fails; 0 = none.
        public var failAtPage: Int
        /// Every k-th record is malformed; 0 = none.
        public var malformedEvery: Int
        /// Part of the records that change each day, 0…1.
        public var changeFraction: Double
        /// Part of the records that are absent each day, 0…1.
        public var deleteFraction: Double
        /// Part of `rows` that is new each day, 0…1.
        public var newFraction: Double
        /// Every attribute.
        public static let fields = [
            Field("rows", .int(0...1_000_000_000), default: .number("1000"), "Records on day 1."),
            Field("page_size", .int(1...100_000), default: .number("1000"), "Records per page; each is a raw file."),
            Field("delay_ms", .int(0...600_000), default: .number("0"), "Milliseconds to wait before each page."),
            Field("fail_at_page", .int(0...Int(Int32.max)), default: .number("0"), "The page that fails; 0 = none."),
            Field(
                "malformed_every", .int(0...Int(Int32.max)), default: .number("0"),
                "Every k-th record has in turn a text for its quantity, an impossible updated_at or a lone surrogate in "
                    + "its name; 0 = none."),
            Field(
                "change_fraction", .number(0...1), default: .number("0.1"),
                "Part of the records that change from one day to the next."),
            Field(
                "delete_fraction", .number(0...1), default: .number("0.01"),
                "Part of the records that are absent on a day after their first; most are back on the next."),
            Field(
                "new_fraction", .number(0...1), default: .number("0.01"),
                "Part of rows that is new on each day after the first."),
        ]
    }

    /// `fake`.
    public static let name = "fake"
    /// One sentence.
    public static let summary = "Makes up records that change from day to day: for tests and demonstrations."
    /// A complete system and entity.
    public static let example = """
        [
          {"id": "fake", "name": "Fake", "description": "Made-up records", "type": "fake",
           "connection": {"seed": 1, "day": 1}},
          {"name": "items", "system_id": "fake", "description": "Made-up items", "load_type": "full", "key": ["id"],
           "source": {"rows": 1000, "page_size": 100, "change_fraction": 0.1, "delete_fraction": 0.01},
           "columns": [{"name": "id", "type": "bigint"},
                       {"name": "price", "type": "numeric", "precision": 12, "scale": 2},
                       {"name": "city", "type": "text", "path": "/address/city"}]}
        ]
        """

    private let configuration: Configuration

    /// A connector of one world and day.
    public init(_ configuration: Configuration, context: ConnectorContext) { self.configuration = configuration }

    /// Pages as JSON objects with their records in `data`.
    public func shape(of source: Source) -> DocumentShape { DocumentShape(format: .json, recordsPath: "/data") }

    /// Lands page after page; one page is in memory.
    public func land(
        _ entity: Entity, source: Source, window: LoadWindow, into writer: inout RawWriter
    ) async throws {
        let world = FakeWorld(configuration, source)
        let since = window.loadType == .delta ? window.from.map(FakeWorld.comparable) : nil
        let pages = max(1, (world.lastID + source.pageSize - 1) / source.pageSize)
        writer.note(request: "fake seed \(configuration.seed) day \(configuration.day), \(pages) pages")
        var page: [UInt8] = []
        for number in 1...pages {
            try Task.checkCancellation()
            if source.delayMs > 0 { try await Task.sleep(for: .milliseconds(source.delayMs)) }
            guard number != source.failAtPage else {
                throw ConnectorError(
                    "page \(number) of \(pages) failed, as source.fail_at_page demands",
                    hint: "set fail_at_page to 0", isTransient: true)
            }
            page.removeAll(keepingCapacity: true)
            page += "{\"page\":\(number),\"pages\":\(pages),\"data\":[".utf8
            let first = (number - 1) * source.pageSize + 1
            world.append(from: first, count: min(source.pageSize, world.lastID - first + 1), since: since, to: &page)
            page += "\n]}\n".utf8
            try writer.write(page)
        }
    }
}
