internal import Metadata
public import Postgres
internal import Primitives

/// Answers where the values of one key come from: silver, bronze, audit and raw, read only.
public struct TraceQuery: Sendable {
    let table: NamedTable
    let store: RawStore
    let pool: PostgresPool
    let personal: PersonalData

    /// Questions about one table.
    /// - Parameter showsPersonalData: Show columns and records that the metadata marks as personal.
    public init(_ table: NamedTable, store: RawStore, pool: PostgresPool, showsPersonalData: Bool = false) {
        self.table = table
        self.store = store
        self.pool = pool
        personal = PersonalData(table.entity, isShown: showsPersonalData)
    }

    /// One change as bronze has it.
    struct LoggedChange {
        var change: String
        var run: RunIdentity
        var effectiveAt: Instant?
        var file: Int
        var record: Int
        var document: String?
        var candidate: ChangePlacement.Candidate
    }

    /// Everything about the key that is written `column=value`, all key columns or `_key_hash`.
    /// - Throws: `UsageError` for a key that the table cannot have.
    public func trace(_ assignments: [String]) async throws -> Trace {
        let key = try TraceKey(assignments, of: table)
        var trace = Trace(entity: table.entity.id, table: table.silver, key: key.values, keyHash: key.hash)
        trace.key = key.values.map { name, value in
            let column = table.entity.columns.first { $0.name == name }
            return (name, column.flatMap { personal.shown(value, of: $0) } ?? value)
        }
        return try await pool.withConnection { connection in
            var trace = trace
            let tables = LiveNames(silver: table.silver, bronze: table.bronze)
            guard try await tables.exist(on: connection) else {
                trace.advice = ["its tables are not made yet: medallion run --entity \(table.entity.id)"]
                return trace
            }
            let versions = try await versions(of: key.hash, on: connection)
            let changes = try await changes(of: key.hash, on: connection)
            let origins = try await TraceOrigins(query: self, key: key.hash).read(on: connection)
            let runs = try await runs(versions, changes, origins.rejects.map(\.run), on: connection)
            trace.versions = versions.map { runs.completed($0) }
            trace.rejects = origins.rejects.map { reject in
                Trace.Reject(
                    run: runs.run(reject.run), column: reject.column, reason: reject.reason, origin: reject.origin)
            }
            trace.filesNotSearched = origins.filesNotSearched
            try await place(changes, in: &trace, runs, origins, on: connection)
            if trace.versions.isEmpty {
                trace.advice = try await TraceAdvice(entity: table.entity).lines(for: trace, on: connection)
            }
            return trace
        }
    }

    // MARK: Silver

    private func versions(of key: UUIDValue, on connection: PostgresConnection) async throws -> [Trace.Version] {
        let rows = try await connection.query(
            "SELECT t.* FROM \(table: table.system.schemas.silver, table.entity.id.table) t WHERE t._key_hash = \(key)")
        let names = Set(rows.columnNames)
        let columns = table.entity.storedColumns.filter { names.contains($0.name) }
        var versions = try rows.map { row in
            Trace.Version(
                number: 0, validFrom: try row.get("_valid_from"), validTo: try row.get("_valid_to"),
                isDeleted: try row.get("_is_deleted"),
                recordedAt: names.contains("_recorded_at") ? try row.get("_recorded_at") : nil,
                supersededAt: names.contains("_superseded_at") ? try row.get("_superseded_at") : nil,
                run: Trace.Run(id: try row.get("_run_id"), timestamp: try row.get("_run_timestamp")),
                updatedBy: try row.get("_updated_by_run_id"),
                values: try columns.map { ($0.name, try row.get($0.name, as: String?.self)) })
        }
        versions.sort { ($0.validFrom, $0.recordedAt ?? .oldest) < ($1.validFrom, $1.recordedAt ?? .oldest) }
        for index in versions.indices {
            versions[index].number = index + 1
            let before = versions[..<index].last {
                $0.validFrom < versions[index].validFrom && $0.isKnown(with: versions[index])
            }
            guard let before else { continue }
            versions[index].differences = zip(before.values, versions[index].values).compactMap { old, new in
                guard !SilverText.areEqual(old.value, new.value) else { return nil }
                return Trace.Difference(column: new.column, old: shown(old), new: shown(new))
            }
        }
        for index in versions.indices {
            versions[index].values = versions[index].values.map { ($0.column, shown($0)) }
        }
        return versions
    }

    private func shown(_ cell: (column: String, value: String?)) -> String? {
        guard let column = table.entity.columns.first(where: { $0.name == cell.column }) else { return cell.value }
        return personal.shown(cell.value, of: column)
    }

    // MARK: Bronze

    private func changes(of key: UUIDValue, on connection: PostgresConnection) async throws -> [LoggedChange] {
        let rows = try await connection.query(
            """
            SELECT _change, _effective_at, coalesce(_applies_at, _effective_at, _run_timestamp) AS counts_from, _run_id,
                _run_timestamp, _raw_file, _record_no, doc::text AS doc
            FROM \(table: table.system.schemas.bronze, table.entity.id.table) WHERE _key_hash = \(key)
            ORDER BY counts_from, _order NULLS FIRST, _run_timestamp, _raw_file, _record_no
            """)
        var documents = LoggedDocuments(table)
        var changes: [LoggedChange] = []
        for row in rows {
            let document: String? = try row.get("doc")
            let hashes = document.flatMap { documents.hashes(of: $0) }
            let change: String = try row.get("_change")
            let run = RunIdentity(id: try row.get("_run_id"), timestamp: try row.get("_run_timestamp"))
            let effective: Instant? = try row.get("_effective_at")
            changes.append(
                LoggedChange(
                    change: change, run: run, effectiveAt: effective, file: try row.get("_raw_file"),
                    record: try row.get("_record_no"), document: document,
                    candidate: ChangePlacement.Candidate(
                        change: change, instant: try row.get("counts_from"), run: run.id, runTimestamp: run.timestamp,
                        overwritten: hashes?.overwritten, versioned: hashes?.versioned)))
        }
        return changes
    }

    /// Gives each change to its versions, with its effect and its record.
    private func place(
        _ changes: [LoggedChange], in trace: inout Trace, _ runs: TraceRuns, _ origins: TraceOrigins.Found,
        on connection: PostgresConnection
    ) async throws {
        let places = ChangePlacement(
            versions: trace.versions, changes: changes.map(\.candidate), keepsFirst: table.entity.history == .append,
            leavesOutLate: table.entity.lateArrivals != .splice
        ).places()
        var documents = LoggedDocuments(table)
        var last: String?
        for (logged, place) in zip(changes, places) {
            var place = place
            let spot = RawRecords.Place(run: logged.run.id, file: logged.file, record: logged.record)
            if let reason = origins.refused[spot] { place.effect = .rejected(reason) }
            if runs.isWaiting(logged.run.id) { place.effect = .waiting }
            var change = Trace.Change(
                change: logged.change, effect: place.effect, run: runs.run(logged.run),
                effectiveAt: logged.effectiveAt, origin: origins.origin(at: spot))
            if place.effect == .overwrote, let last, let now = logged.document {
                change.differences = try await documents.differences(from: last, to: now, personal, on: connection)
            }
            if place.effect != .late { last = logged.document ?? last }
            if place.versions.isEmpty { trace.loose.append(change) }
            for index in place.versions { trace.versions[index].changes.append(change) }
        }
    }

    // MARK: Audit

    private func runs(
        _ versions: [Trace.Version], _ changes: [LoggedChange], _ others: [RunIdentity],
        on connection: PostgresConnection
    ) async throws -> TraceRuns {
        let known = versions.map { RunIdentity(id: $0.run.id, timestamp: $0.run.timestamp) } + changes.map(\.run)
        return try await TraceRuns.read(known + others, of: table.entity.id, on: connection)
    }
}

/// Looks whether tables exist.
private struct LiveNames {
    let silver: String
    let bronze: String

    func exist(on connection: PostgresConnection) async throws -> Bool {
        // Names from metadata hold nothing that would have to be quoted, but a word of SQL may be among them.
        func quoted(_ name: String) -> String {
            name.split(separator: ".").map { SQLText.quoted(identifier: String($0)) }.joined(separator: ".")
        }
        let row = try await connection.query(
            """
            SELECT pg_catalog.to_regclass(\(quoted(silver))) IS NOT NULL
                AND pg_catalog.to_regclass(\(quoted(bronze))) IS NOT NULL
            """)[0]
        return try row.get(0)
    }
}
