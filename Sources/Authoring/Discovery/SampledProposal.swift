import ConnectorKit
import JSON
import Metadata
import Pipeline

/// Makes a proposal of what samples show.
struct SampledProposal {
    /// From so many samples on, a column that always has a value is proposed as never NULL.
    static let enoughForNotNull = 100

    let inference: ColumnInference
    private var naming = ColumnNaming()
    private(set) var columns: [ProposedColumn] = []
    /// For each column the member that it is read from.
    private var members: [String: ColumnInference.Member] = [:]

    init(_ inference: ColumnInference, parent: ForEach?) {
        self.inference = inference
        for name in parent?.names ?? [] { addParent(name) }
        for member in inference.members where !(parent != nil && member.name == Explosion.parentMember) {
            add(member)
        }
    }

    private var samples: String {
        inference.records == 1 ? "the only sample" : "all \(grouped(inference.records)) samples"
    }

    private mutating func add(_ member: ColumnInference.Member) {
        let name = naming.name(for: member.name)
        let isComplete = member.values == inference.records
        let reason =
            switch member.values {
            case 0: "no value in \(samples)"
            case inference.records: samples
            default: "\(grouped(member.values)) of \(grouped(inference.records)) samples; NULL in the others"
            }
        columns.append(
            ProposedColumn(
                name: name,
                path: name.utf8.elementsEqual(member.name.utf8) ? nil : JSONPointer([member.name]).description,
                type: member.type, isNullable: !(isComplete && inference.records >= Self.enoughForNotNull),
                reason: reason))
        members[name] = member
    }

    /// A column of the row that was asked for. Its values are those of another entity, which has their type.
    private mutating func addParent(_ name: String) {
        let column = naming.name(for: "parent_\(name)")
        columns.append(
            ProposedColumn(
                name: column, path: JSONPointer([Explosion.parentMember, name]).description, type: .text,
                isNullable: true, reason: "for_each; give it the type that it has there"))
    }

    // MARK: Key and cursor

    /// The key that names and samples suggest; with the columns of `for_each` before it, since a row's own key may be
    /// one within its parent only.
    func key(entity: String) -> (columns: [String], reason: String) {
        guard inference.records > 0 else { return ([], "no samples") }
        let parents = columns.filter { $0.path?.hasPrefix("/\(Explosion.parentMember)/") == true }.map(\.name)
        let candidates = members.filter { $0.value.values == inference.records && $0.value.type.canBeKey }.keys.sorted {
            let ranks = (rank($0, entity), rank($1, entity))
            return ranks.0 != ranks.1 ? ranks.0 < ranks.1 : place($0) < place($1)
        }
        let distinct = candidates.filter { members[$0]?.isDistinct == true }
        if let named = distinct.first(where: { rank($0, entity) < Self.unnamed }) {
            let others = distinct.dropFirst().prefix(3).joined(separator: ", ")
            let reason = "distinct in \(samples), and by name" + (others.isEmpty ? "" : "; also distinct: \(others)")
            return (parents + [named], reason)
        }
        for (index, first) in candidates.enumerated() where rank(first, entity) < Self.unnamed {
            for second in candidates.dropFirst(index + 1) where inference.isKey([name(first), name(second)]) {
                return (parents + [first, second], "distinct together in \(samples)")
            }
        }
        if inference.records > 1, let any = distinct.first {
            return (parents + [any], "distinct in \(samples); its name does not tell")
        }
        return ([], "no column is distinct in \(samples)")
    }

    private func name(_ column: String) -> String { members[column]?.name ?? column }

    private func place(_ column: String) -> Int { columns.firstIndex { $0.name == column } ?? 0 }

    private static let unnamed = 6

    /// How much a column's name looks like that of a key; small is much.
    private func rank(_ column: String, _ entity: String) -> Int {
        let one = entity.hasSuffix("s") ? String(entity.dropLast()) : entity
        switch column {
        case "id": return 0
        case "\(one)_id", "\(entity)_id": return 1
        case "uuid", "guid", "key": return 2
        case _ where column.hasSuffix("_id") || column.hasSuffix("_uuid"): return 3
        case "code", "number", "no", "nr", "sku", "slug": return 4
        case _ where ["_code", "_number", "_no", "_nr", "_key"].contains { column.hasSuffix($0) }: return 5
        case _ where column.hasPrefix("alpha_"): return 5
        default: return Self.unnamed
        }
    }

    /// The column that looks as if it told when a record last changed.
    var cursor: (column: String, reason: String)? {
        let words = ["updat", "modif", "chang", "last_seen", "lastmod"]
        for word in words {
            let found = columns.first { column in
                column.name.contains(word) && [.timestamptz, .timestamp].contains(column.type)
            }
            if let found { return (found.name, "by name; \(samples)") }
        }
        return nil
    }
}

extension ColumnType {
    /// True for types whose values tell records apart.
    fileprivate var canBeKey: Bool {
        switch self {
        case .smallint, .int, .bigint, .uuid, .text, .string, .date: true
        case .numeric(_, let scale): scale == 0
        default: false
        }
    }
}

/// `1000` as `1,000`.
func grouped(_ number: Int) -> String {
    let digits = Array(String(number).utf8)
    return digits.enumerated().reduce(into: "") { text, digit in
        if digit.offset > 0, (digits.count - digit.offset) % 3 == 0 { text += "," }
        text.unicodeScalars.append(Unicode.Scalar(digit.element))
    }
}
