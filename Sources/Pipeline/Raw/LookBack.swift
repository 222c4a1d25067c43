internal import Foundation
internal import Metadata
internal import Primitives

/// Moves the lower bound of a delta window back, at most to the least value of the cursor's type: a source refuses what lies before.
///
/// What is none of the type is sent as it is: `cursor set` refuses it, but one may stand from before it did, or from before the column
/// had another type.
enum LookBack {
    /// `amount` seconds of an instant, as many whole days as hold them of a date, units of a number.
    static func apply(_ amount: Int, to cursor: String, of type: ColumnType?) -> String {
        guard amount > 0, let type else { return cursor }
        switch type {
        case .smallint: return whole(cursor, Int64(amount), least: Int64(Int16.min))
        case .int: return whole(cursor, Int64(amount), least: Int64(Int32.min))
        case .bigint: return whole(cursor, Int64(amount), least: .min)
        case .double: return Double(cursor).map { String($0 - Double(amount)) } ?? cursor
        case .numeric: return numeric(cursor, amount)
        case .date: return date(cursor, days: Int64((amount + 86_399) / 86_400))
        case .timestamptz, .timestamp: return moment(cursor, seconds: Int64(amount))
        default: return cursor
        }
    }

    private static func whole(_ cursor: String, _ amount: Int64, least: Int64) -> String {
        Int64(cursor).map { String(max($0, least + amount) - amount) } ?? cursor
    }

    /// A decimal keeps 38 digits: where it cut some off, the window begins a unit of the last one earlier.
    private static func numeric(_ cursor: String, _ amount: Int) -> String {
        guard let value = Decimal(string: cursor) else { return cursor }
        let cut = "\(value)" == cursor ? 0 : value.ulp
        return "\(value - Decimal(amount) - cut)"
    }

    private static func date(_ cursor: String, days: Int64) -> String {
        var reader = TemporalReader()
        let bytes = Array(cursor.utf8)
        guard let date = try? reader.dateOnly(bytes.span) else { return cursor }
        let least = Instant.oldest.microseconds / 86_400_000_000
        return CivilDate(daysSinceEpoch: max(date.daysSinceEpoch, least + days) - days).description
    }

    private static func moment(_ cursor: String, seconds: Int64) -> String {
        var reader = TemporalReader()
        let bytes = Array(cursor.utf8)
        guard let moment = try? reader.dateTime(bytes.span) else { return cursor }
        let back = seconds * 1_000_000
        let instant = Instant(microseconds: moment.local - Int64(moment.offset ?? 0) * 1_000_000)
        let moved = max(instant, Instant.oldest.advanced(byMicroseconds: back))
            .advanced(byMicroseconds: -back).description
        return moment.offset == nil ? String(moved.dropLast()) : moved
    }
}
