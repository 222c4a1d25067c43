public import JSON
public import Metadata

/// An entity as `metadata/entities.json` would have it, and why each part of it is proposed.
public struct EntityProposal: Sendable {
    /// One part of the proposal.
    public struct Part: Sendable, Hashable {
        /// What is proposed: a column, `key`, `cursor`, `records_path`.
        public var what: String
        /// The proposal.
        public var proposal: String
        /// Why.
        public var reason: String
    }

    /// The entity.
    public var id: EntityID
    /// The object of the metadata.
    public var value: JSONValue
    /// Its parts, in the order of the object.
    public var parts: [Part]
    /// What the author should know beside it.
    public var notes: [String]
}

/// A column that is proposed.
struct ProposedColumn {
    var name: String
    /// The member it is read from, where that is called otherwise.
    var path: String?
    var type: ColumnType
    var isNullable: Bool
    var description = ""
    var reason: String

    var value: JSONValue {
        var members = [JSONMember("name", .string(name)), JSONMember("type", .string(type.name))]
        func add(_ name: String, _ number: Int?) {
            if let number { members.append(JSONMember(name, .number(String(number)))) }
        }
        switch type {
        case .string(let length): add("length", length)
        case .numeric(let precision, let scale):
            add("precision", precision)
            if precision != nil { add("scale", scale) }
        default: break
        }
        if let path { members.append(JSONMember("path", .string(path))) }
        if !isNullable { members.append(JSONMember("nullable", .bool(false))) }
        if !description.isEmpty { members.append(JSONMember("description", .string(description))) }
        return .object(members)
    }

    var part: EntityProposal.Part {
        var text = type.name
        switch type {
        case .string(let length?): text += "(\(length))"
        case .numeric(let precision?, let scale): text += "(\(precision),\(scale ?? 0))"
        default: break
        }
        if !isNullable { text += " not null" }
        if let path { text += " from \(path)" }
        return EntityProposal.Part(what: name, proposal: text, reason: reason)
    }
}

/// An entity while it is put together.
struct ProposalDraft {
    var id: EntityID
    var description: String
    var source: JSONValue
    var forEach: JSONValue?
    var columns: [ProposedColumn]
    var key: [String]
    var keyReason: String
    var cursor: (column: String, reason: String)?
    /// Parts that come before the columns.
    var parts: [EntityProposal.Part] = []
    var notes: [String] = []

    /// The finished proposal. Without a key each load replaces the last one, for nothing else tells rows apart.
    var proposal: EntityProposal {
        var members = [
            JSONMember("name", .string(id.name)), JSONMember("system_id", .string(id.system.rawValue)),
            JSONMember("description", .string(description.isEmpty ? "\(id.name) of \(id.system)" : description)),
            JSONMember("load_type", .string("full")),
        ]
        if key.isEmpty { members.append(JSONMember("history", .string("latest"))) }
        members.append(JSONMember("source", source))
        if let forEach { members.append(JSONMember("for_each", forEach)) }
        if !key.isEmpty { members.append(JSONMember("key", .array(key.map { .string($0) }))) }
        members.append(
            JSONMember(
                "columns",
                .array(
                    columns.map { column in
                        var column = column
                        // A key column is never NULL, and need not say so.
                        if key.contains(column.name) { column.isNullable = true }
                        return column.value
                    })))
        var proposal = EntityProposal(
            id: id, value: .object(members), parts: parts + columns.map(\.part), notes: notes)
        if key.isEmpty {
            proposal.parts.append(.init(what: "key", proposal: "none: history latest", reason: keyReason))
        } else {
            proposal.parts.append(.init(what: "key", proposal: key.joined(separator: ", "), reason: keyReason))
        }
        if let cursor {
            proposal.parts.append(.init(what: "cursor", proposal: cursor.column, reason: cursor.reason))
            proposal.notes.append(
                "to load changes only: \"load_type\": \"delta\", \"delta\": {\"cursor_column\": \"\(cursor.column)\"}")
        }
        return proposal
    }
}
