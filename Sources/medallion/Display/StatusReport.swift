import JSON
import Metadata
import Pipeline
import Primitives

/// One line of `medallion status`: an entity, or a gold script.
struct StatusReport: Sendable {
    var entity: EntityID
    /// Why it will not run, or that it never did; empty mostly.
    var note: String
    var steps: [Layer: StepRow]
    var pending: Int
    var blocked: Int
    var cursor: CursorRow?
    /// Checks that are broken after the last merge.
    var broken: [CheckRow] = []
    /// Records in quarantine that nobody resolved.
    var quarantined = 0

    /// Everything that the metadata names, and everything else that ever ran.
    static func read(in workspace: Workspace) async throws -> [StatusReport] {
        let audit = AuditQueries(pool: workspace.pool)
        let steps = Dictionary(grouping: try await audit.lastSteps(), by: \.entity)
        let batches = Dictionary(grouping: try await audit.batches(), by: \.entity)
        let cursors = try await audit.cursors()
        let broken = Dictionary(grouping: try await audit.brokenChecks(in: workspace), by: \.entity)
        let rejects = Dictionary(grouping: try await audit.rejects(), by: \.entity)
        let catalog = workspace.catalog
        let scripts = workspace.gold.order.map { EntityID(system: .gold, name: $0.name) }
        let known = catalog.entities.map(\.id) + scripts
        let gone = Set(steps.keys).union(batches.keys).subtracting(known).sorted()
        return (known + gone).map { id in
            let isActive = catalog.entity(id)?.isActive ?? true && catalog.system(id.system)?.isActive ?? true
            let waiting = batches[id] ?? []
            return StatusReport(
                entity: id,
                note: gone.contains(id)
                    ? "not in the metadata" : !isActive ? "inactive" : steps[id] == nil ? "never ran" : "",
                steps: Dictionary((steps[id] ?? []).map { ($0.layer, $0) }, uniquingKeysWith: { first, _ in first }),
                pending: waiting.count { $0.state != "blocked" }, blocked: waiting.count { $0.state == "blocked" },
                cursor: cursors.first { $0.entity == id }, broken: broken[id] ?? [],
                quarantined: (rejects[id] ?? []).reduce(0) { $0 + $1.records })
        }
    }

    /// A table of the entities, one of the gold scripts, then what failed.
    static func text(_ reports: [StatusReport]) -> String {
        var entities = TextTable(
            "entity", "raw", "bronze", "silver", "last success", "in", "inserted", "updated", "deleted", "rejected",
            "pending", "blocked", "cursor", "note")
        var gold = TextTable("gold", "status", "last success", "rows", "note")
        for report in reports where report.entity.system == .gold {
            gold.add(
                report.entity.name, report.state(.gold), shortTime(report.steps[.gold]?.lastSucceededAt),
                report.count(.gold, \.inserted), report.note)
        }
        for report in reports where report.entity.system != .gold {
            entities.add(
                "\(report.entity)", report.state(.raw), report.state(.bronze), report.state(.silver),
                shortTime(report.steps[.silver]?.lastSucceededAt), report.count(.raw, \.input),
                report.count(.silver, \.inserted), report.count(.silver, \.updated), report.count(.silver, \.deleted),
                report.count(.bronze, \.rejected), report.pending == 0 ? "" : String(report.pending),
                report.blocked == 0 ? "" : String(report.blocked), report.cursorText, report.note)
        }
        var blocks = [entities, gold].filter { !$0.rows.isEmpty }.map(\.text)
        let failures = reports.flatMap { report in
            report.steps.values.filter { $0.error != nil }.sorted { $0.layer < $1.layer }
                .map { "\($0.layer.rawValue) \(report.entity): \($0.error ?? "")" }
        }
        if !failures.isEmpty { blocks.append(failures.joined(separator: "\n")) }
        let broken = reports.flatMap { report in
            report.broken.map { row in
                "check \(row.entity).\(row.name) \(row.severity == "warn" ? "warned" : "failed"): \(row.message ?? "")"
            }
        }
        if !broken.isEmpty { blocks.append(broken.joined(separator: "\n")) }
        let quarantined = reports.filter { $0.quarantined > 0 }
        if !quarantined.isEmpty {
            let counts = quarantined.map { "\($0.entity) \(grouped($0.quarantined))" }.joined(separator: ", ")
            blocks.append("In quarantine: \(counts); see medallion quarantine list")
        }
        if reports.contains(where: { $0.blocked > 0 }) {
            blocks.append("What is blocked, and why: medallion batch list")
        }
        return blocks.isEmpty ? "the metadata has no entities" : blocks.joined(separator: "\n\n")
    }

    private func state(_ layer: Layer) -> String { steps[layer].map { $0.skipReason ?? $0.status } ?? "–" }

    private func count(_ layer: Layer, _ counter: KeyPath<RowCounts, Int>) -> String {
        guard let step = steps[layer], step.status == "succeeded" else { return "" }
        let value = step.counts[keyPath: counter]
        return value == 0 ? "" : grouped(value)
    }

    private var cursorText: String {
        guard let cursor else { return "" }
        return cursor.isReset ? "reset" : cursor.value ?? ""
    }

    /// The line for programs.
    var json: JSONValue {
        var members: [JSONMember] = [
            .text("system", entity.system.rawValue), .text("entity", entity.name),
            .text("note", note.isEmpty ? nil : note), .number("pending_batches", pending),
            .number("blocked_batches", blocked), .text("cursor", cursor?.value),
            .number("quarantined_records", quarantined),
            JSONMember("broken_checks", .array(broken.map { .string($0.name) })),
        ]
        for layer in entity.system == .gold ? [Layer.gold] : [.raw, .bronze, .silver] {
            members.append(JSONMember(layer.rawValue, steps[layer]?.json ?? .null))
        }
        return .object(members)
    }
}

extension StepRow {
    /// The step for programs, under the names of the audit.
    var json: JSONValue {
        .object(
            [
                .text("entity", entity.description), .text("layer", layer.rawValue), .number("attempt", attempt),
                .text("status", status), .text("skip_reason", skipReason), .text("load_type", loadType),
                .instant("started_at", startedAt), .instant("finished_at", finishedAt),
                .instant("last_succeeded_at", lastSucceededAt), .text("cursor_from", cursorFrom),
                .text("cursor_to", cursorTo), .text("error_kind", errorKind), .text("error_message", error),
            ] + counts.members + [
                .decimal("records_per_second", recordsPerSecond), .decimal("bytes_per_second", bytesPerSecond),
            ] + ProcessUsage.members(usage))
    }
}
