internal import JSON
internal import Metadata
internal import Primitives

/// Hides what the metadata marks as personal.
struct PersonalData {
    static let mask = "***"
    /// What stands for a record that cannot be masked piece by piece.
    static let hidden = "‹personal data›"

    private let paths: [[String]]
    private let hides: Bool

    init(_ entity: Entity, isShown: Bool) {
        paths = entity.columns.filter { $0.pii != .none }.map(\.path)
        hides = !isShown && !paths.isEmpty
    }

    /// True where a record has to be masked before it is shown.
    var isHidden: Bool { hides }

    /// True for a column that is personal, or holds what is.
    func hides(_ column: Column) -> Bool {
        hides && (column.pii != .none || paths.contains { $0.starts(with: column.path, by: equalBytes) })
    }

    /// A column's value as it may be shown.
    func shown(_ value: String?, of column: Column) -> String? {
        value.map { hides(column) ? PersonalData.mask : $0 }
    }

    /// A JSON record as it may be shown.
    func shown(_ record: [UInt8]) -> String {
        guard hides else { return String(decoding: record, as: UTF8.self) }
        // What cannot be taken apart cannot be masked in part.
        guard var value = try? JSONReader.parse(record) else { return PersonalData.hidden }
        for path in paths { value = PersonalData.masked(value, path[...]) }
        return value.text()
    }

    private static func masked(_ value: JSONValue, _ path: ArraySlice<String>) -> JSONValue {
        guard let token = path.first else { return value == .null ? .null : .string(mask) }
        switch value {
        case .object(let members):
            return .object(
                members.map { member in
                    guard equalBytes(member.name, token) else { return member }
                    return JSONMember(member.name, masked(member.value, path.dropFirst()))
                })
        case .array(let elements):
            guard let wanted = Int(token) else { return value }
            return .array(elements.enumerated().map { $0 == wanted ? masked($1, path.dropFirst()) : $1 })
        default: return value
        }
    }
}

/// PostgreSQL and sources tell names apart that Unicode calls equal.
private func equalBytes(_ left: String, _ right: String) -> Bool { left.utf8.elementsEqual(right.utf8) }
