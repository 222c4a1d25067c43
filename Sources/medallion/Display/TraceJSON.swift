import JSON
import Metadata
import Pipeline
import Primitives

extension Trace {
    /// The trace for programs, under the names of silver, bronze and the audit; of one instant only, where it is given.
    func json(at instant: Instant?) -> JSONValue {
        let shown = instant.map { instant in versions.filter { $0.holds(at: instant) } } ?? versions
        return .object([
            .text("system_id", entity.system.rawValue), .text("entity_name", entity.name), .text("table", table),
            JSONMember("key", .object(key.map { .text($0.column, $0.value) })),
            .text("key_hash", keyHash.description), .number("nr_versions", versions.count),
            JSONMember("versions", .array(shown.map(\.json))), JSONMember("loose_changes", .array(loose.map(\.json))),
            JSONMember("rejects", .array(rejects.map(\.json))), .number("nr_files_not_searched", filesNotSearched),
            JSONMember("advice", .array(advice.map { .string($0) })),
        ])
    }
}

extension Trace.Version {
    fileprivate var json: JSONValue {
        .object([
            .number("number", number), .instant("valid_from", validFrom), .instant("valid_to", validTo),
            JSONMember("is_current", .bool(isCurrent)), JSONMember("is_deleted", .bool(isDeleted)),
            .instant("recorded_at", recordedAt), .instant("superseded_at", supersededAt), JSONMember("run", run.json),
            .text("updated_by_run_id", updatedBy.description),
            JSONMember("values", .object(values.map { .text($0.column, $0.value) })),
            JSONMember("differences", .array(differences.map(\.json))),
            JSONMember("changes", .array(changes.map(\.json))),
        ])
    }
}

extension Trace.Change {
    fileprivate var json: JSONValue {
        .object(
            [.text("change", change), .text("effect", effect.name), .text("reason", effect.reason)] + [
                JSONMember("run", run.json), .instant("effective_at", effectiveAt),
            ] + origin.members + [JSONMember("differences", .array(differences.map(\.json)))])
    }
}

extension Trace.Reject {
    fileprivate var json: JSONValue {
        .object([.text("column_name", column), .text("reason", reason), JSONMember("run", run.json)] + origin.members)
    }
}

extension Trace.Run {
    fileprivate var json: JSONValue {
        .object([
            .text("run_id", id.description), .instant("run_timestamp", timestamp), .text("trigger_type", trigger),
            .text("trigger_ref", triggerReference),
        ])
    }
}

extension Trace.Origin {
    fileprivate var members: [JSONMember] {
        [
            .number("raw_file", file), .number("record_no", record), .text("path", path), .text("record", text),
            .text("problem", problem),
        ]
    }
}

extension Trace.Difference {
    fileprivate var json: JSONValue {
        .object([.text("column", column), .text("old", old), .text("new", new)])
    }
}

extension Trace.Effect {
    fileprivate var name: String {
        switch self {
        case .opened: "opened"
        case .corrected: "corrected"
        case .overwrote: "overwrote"
        case .closed: "closed"
        case .none: "none"
        case .replaced: "replaced"
        case .late: "late"
        case .waiting: "waiting"
        case .rejected: "rejected"
        }
    }

    fileprivate var reason: String? {
        if case .rejected(let reason) = self { reason } else { nil }
    }
}
