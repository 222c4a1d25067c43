internal import Foundation
internal import JSON
public import Metadata
internal import Primitives

/// What samples tell of a source's records: their members, and for each the narrowest type that takes every sample.
///
/// A type is right when the product's own reader accepts every value with it, so what is proposed here is read
/// without a reject, as far as the samples reach. The length of a text is never guessed.
public struct ColumnInference {
    /// A member of the records.
    public struct Member: Sendable {
        /// The member's name as the source writes it.
        public var name: String
        /// The narrowest type.
        public var type: ColumnType
        /// Records that have a value there: neither missing nor null.
        public var values: Int
        /// True where no two values are equal.
        public var isDistinct: Bool
    }

    /// Records that were read.
    public private(set) var records = 0
    /// Samples that are no records: their reasons, once each.
    public private(set) var faults: [String] = []

    private let isTabular: Bool
    private var names: [String] = []
    /// By the names' bytes: composed and decomposed letters are different names.
    private var places: [[UInt8]: Int] = [:]
    /// By member, then by record; nil where a record has none.
    private var cells: [[JSONValue?]] = []

    /// An inference over rows of strings, as in CSV, or over JSON.
    public init(isTabular: Bool) { self.isTabular = isTabular }

    /// Adds a record.
    public mutating func add(_ document: [UInt8]) {
        let value: JSONValue
        do { value = try JSONReader.parse(document) } catch { return note("\(error.what)") }
        guard let members = value.objectValue else { return note("it is not a JSON object") }
        for member in members {
            let place = places[Array(member.name.utf8)] ?? names.count
            if place == names.count {
                places[Array(member.name.utf8)] = place
                names.append(member.name)
                cells.append(Array(repeating: nil, count: records))
            }
            cells[place].append(member.value == .null ? nil : member.value)
        }
        records += 1
        for place in cells.indices where cells[place].count < records { cells[place].append(nil) }
    }

    private mutating func note(_ fault: String) {
        if !faults.contains(fault) { faults.append(fault) }
    }

    /// Every member, in the order in which they first came.
    public var members: [Member] {
        names.indices.map { place in
            let values = cells[place].compactMap(\.self)
            return Member(
                name: names[place], type: type(of: values), values: values.count,
                isDistinct: Set(values.map { $0.serialized() }).count == values.count)
        }
    }

    /// True where no two records have the same values in these members, and none lacks one.
    public func isKey(_ members: [String]) -> Bool {
        let chosen = members.compactMap { places[Array($0.utf8)] }
        guard chosen.count == members.count, records > 0 else { return false }
        var seen: Set<[[UInt8]]> = []
        for record in 0..<records {
            let values = chosen.compactMap { cells[$0][record]?.serialized() }
            guard values.count == chosen.count, seen.insert(values).inserted else { return false }
        }
        return true
    }

    // MARK: Types

    private func type(of values: [JSONValue]) -> ColumnType {
        candidates(for: values).first { accepts($0, values) } ?? .json
    }

    private func candidates(for values: [JSONValue]) -> [ColumnType] {
        // Nothing is known; a text takes whatever comes but objects and lists.
        guard let first = values.first else { return [.text] }
        let kinds = Set(values.map(\.cellKind))
        if kinds.contains(.object) || kinds.contains(.array) { return [.json] }
        switch first {
        case .bool where kinds.isSubset(of: [.true, .false]): return [.boolean]
        case .number where kinds == [.number]: return numbers(values)
        case .string where kinds == [.string]:
            let temporal: [ColumnType] = [.uuid, .date, .timestamp, .timestamptz, .time, .text]
            // In JSON the source chose a string: an article number, a postal code. In CSV it had no choice.
            return (isTabular ? numbers(values) + [.boolean] : []) + temporal
        default: return [.text]
        }
    }

    /// A number keeps its decimals; one with an exponent, or with more of them than amounts have, is measured.
    private func numbers(_ values: [JSONValue]) -> [ColumnType] {
        var number = NumericText()
        var (whole, scale, written, isMeasured) = (0, 0, 0, false)
        for value in values {
            let text = Array((value.stringValue ?? value.text()).utf8)
            guard number.read(text.span) else { return [] }
            whole = max(whole, number.wholeDigits)
            scale = max(scale, number.scale)
            written = max(written, number.writtenScale)
            isMeasured = isMeasured || text.contains { $0 | 0x20 == UInt8(ascii: "e") }
        }
        if isMeasured || written > Self.mostDecimals { return [.double] }
        if written > 0 {
            let decimals = max(scale, written)
            return [.numeric(precision: max(Self.usualPrecision, whole + decimals), scale: decimals)]
        }
        return [.int, .bigint, .numeric(precision: max(38, whole), scale: 0)]
    }

    private static let mostDecimals = 9
    private static let usualPrecision = 18

    private func accepts(_ type: ColumnType, _ values: [JSONValue]) -> Bool {
        var row = TypedRow(columns: 1)
        var reader = ColumnReader(
            Column(name: "sample", type: type), timezone: "UTC", readsLooseBooleans: isTabular)
        return values.allSatisfy { value in
            row.clear()
            let text = Array((value.stringValue ?? value.text()).utf8)
            guard case .accepted = reader.read(value.cellKind, text.span, into: &row, at: 0) else { return false }
            return true
        }
    }
}

extension JSONValue {
    fileprivate var cellKind: CellKind {
        switch self {
        case .null: .null
        case .bool(let value): value ? .true : .false
        case .number: .number
        case .string: .string
        case .array: .array
        case .object: .object
        }
    }
}
