import ConnectorKit
import Metadata
import Primitives

/// A value bound to a statement.
enum SQLValue: Sendable, Hashable {
    case null
    case integer(Int64)
    case unsigned(UInt64)
    case real(Double)
    /// Digits of a number that a double cannot hold.
    case decimal(String)
    case text(String)
    case blob([UInt8])
    /// A date or time, in the words of metadata: `2026-11-21T02:40:42.123456Z`, `2026-11-21`.
    case moment(String)
}

/// How a column of the source can be compared with a cursor.
enum SQLOrder: Sendable, Equatable {
    /// An instant: with time zone.
    case instant
    /// A date and time of day on some clock.
    case localTime
    case date
    case number
    /// Text whose comparison can be told to go by bytes.
    case text
    case uuid
    case other
}

/// What a load asks for, in terms of a database.
struct SQLWindow: Sendable {
    private let window: LoadWindow
    private let entity: EntityID
    /// The cursor's column in metadata.
    let cursor: Column?

    init(_ entity: Entity, _ window: LoadWindow) {
        self.window = window
        self.entity = entity.id
        let name = entity.delta?.mode == .cursor ? entity.delta?.cursorColumn : nil
        cursor = entity.columns.first { column in name.map { $0.utf8.elementsEqual(column.name.utf8) } ?? false }
    }

    /// True for a delta load that begins somewhere.
    var isLimited: Bool { window.from != nil && cursor != nil }

    /// What is bound to a parameter of the user's own SQL.
    func value(of parameter: SQLParameter) throws -> SQLValue {
        switch parameter {
        case .system: .text(entity.system.rawValue)
        case .entity: .text(entity.name)
        case .until: .moment(window.until.description)
        default: try from
        }
    }

    /// In a full load the least value that there is, so that one query serves both.
    private var from: SQLValue {
        get throws {
            guard let cursor else {
                throw ConnectorError(
                    ":from has no value: the entity has no cursor",
                    hint: #"add "delta": {"mode": "cursor", "cursor_column": …} or remove :from"#)
            }
            guard let text = window.from else { return Self.least(cursor.type) }
            return try Self.value(text, cursor.type)
        }
    }

    private static func least(_ type: ColumnType) -> SQLValue {
        switch type {
        case .smallint, .int, .bigint: .integer(.min)
        case .double: .real(-.greatestFiniteMagnitude)
        case .numeric: .decimal("-1" + String(repeating: "0", count: 64))
        case .date: .moment("0001-01-01")
        case .timestamp: .moment("0001-01-01T00:00:00")
        case .timestamptz: .moment("0001-01-01T00:00:00Z")
        case .uuid: .text("00000000-0000-0000-0000-000000000000")
        default: .text("")
        }
    }

    private static func value(_ text: String, _ type: ColumnType) throws -> SQLValue {
        switch type {
        case .smallint, .int, .bigint:
            guard let number = Int64(text) else { throw mismatch(text, "a whole number") }
            return .integer(number)
        case .double:
            guard let number = Double(text) else { throw mismatch(text, "a number") }
            return .real(number)
        case .numeric: return .decimal(text)
        case .date, .timestamp, .timestamptz: return .moment(text)
        default: return .text(text)
        }
    }

    private static func mismatch(_ text: String, _ expected: String) -> ConnectorError {
        ConnectorError("the cursor '\(text)' is not \(expected)", hint: "set it anew with 'medallion cursor set'")
    }

    // MARK: Limits that we add

    /// The condition that keeps a statement to the window.
    struct Limit: Sendable {
        var lower: SQLValue
        var upper: SQLValue?
        /// False where it lets older rows through: the pipeline then leaves them out.
        var isExact: Bool
    }

    /// nil where the database cannot compare the column with the cursor: then everything is read.
    ///
    /// A clock time of the source is up to fourteen hours away from UTC, and only the pipeline knows its zone.
    func limit(_ order: SQLOrder) throws -> Limit? {
        guard let cursor, let text = window.from, cursor.format == nil else { return nil }
        let value = try Self.value(text, cursor.type)
        switch (cursor.type, order) {
        case (.timestamptz, .instant):
            return Limit(lower: value, upper: .moment(window.until.description), isExact: true)
        case (.timestamptz, .localTime), (.timestamptz, .date):
            // 'initial' may be a day alone, which needs no more than a day's margin either.
            guard let day = Day(text) else { return nil }
            return Limit(lower: .moment(day.before), upper: nil, isExact: false)
        case (.timestamp, .localTime), (.date, .date), (.uuid, .uuid), (.text, .text), (.string, .text),
            (.smallint, .number), (.int, .number), (.bigint, .number), (.numeric, .number), (.double, .number):
            return Limit(lower: value, upper: nil, isExact: true)
        default: return nil
        }
    }

    /// The day before that of the lower bound, as text that begins like ISO 8601: a bound for texts of any such form.
    var dayBefore: String? { window.from.flatMap(Day.init)?.before }

    /// What the noted request says of the bounds.
    var note: String {
        window.loadType == .delta
            ? " [from \(window.from ?? "the beginning"), until \(window.until)]" : " [until \(window.until)]"
    }
}

/// The date that a text of ISO 8601 begins with.
private struct Day {
    private let date: CivilDate

    init?(_ text: String) {
        let parts = text.prefix(10).split(separator: "-").compactMap { Int($0) }
        guard text.utf8.count >= 10, parts.count == 3,
            let date = CivilDate(year: parts[0], month: parts[1], day: parts[2])
        else { return nil }
        self.date = date
    }

    var before: String { CivilDate(daysSinceEpoch: date.daysSinceEpoch - 1).description }
}
