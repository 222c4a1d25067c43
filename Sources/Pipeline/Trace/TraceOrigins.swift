internal import JSON
internal import Metadata
internal import Postgres
internal import Primitives

/// The records behind a key: those that became changes, and those that were rejected.
struct TraceOrigins {
    /// A record that never became a change.
    struct Rejected {
        var run: RunIdentity
        var column: String?
        var reason: String
        var origin: Trace.Origin
    }

    /// What was found.
    struct Found {
        var origins: [RawRecords.Place: Trace.Origin] = [:]
        /// Changes that silver rejected, and why.
        var refused: [RawRecords.Place: String] = [:]
        var rejects: [Rejected] = []
        var filesNotSearched = 0

        func origin(at place: RawRecords.Place) -> Trace.Origin {
            origins[place] ?? Trace.Origin(file: place.file, record: place.record)
        }
    }

    /// Files with rejects that are searched for the key, newest first.
    private static let searchedFiles = 20

    let query: TraceQuery
    let key: UUIDValue

    private var entity: Entity { query.table.entity }
    private var records: RawRecords {
        RawRecords(
            store: query.store, entity: entity, parent: query.table.parent, timezone: query.table.system.timezone)
    }

    func read(on connection: PostgresConnection) async throws -> Found {
        var found = Found()
        for file in try await changedFiles(on: connection) {
            for (place, origin) in origins(file.places, of: file) { found.origins[place] = origin }
        }
        try await readRejects(into: &found, on: connection)
        return found
    }

    // MARK: Changes

    private struct File {
        var run: RunIdentity
        var number: Int
        var places: Set<Int>
    }

    private func changedFiles(on connection: PostgresConnection) async throws -> [File] {
        let rows = try await connection.query(
            """
            SELECT _run_id, _run_timestamp, _raw_file, array_agg(_record_no::bigint) AS records
            FROM \(table: query.table.system.schemas.bronze, entity.id.table) WHERE _key_hash = \(key) AND _raw_file > 0
            GROUP BY _run_id, _run_timestamp, _raw_file
            """)
        return try rows.map { row in
            File(
                run: RunIdentity(id: try row.get("_run_id"), timestamp: try row.get("_run_timestamp")),
                number: try row.get("_raw_file"), places: Set(try row.get("records", as: [Int].self)))
        }
    }

    /// The records of one file; where it cannot be read, each says why.
    private func origins(_ places: Set<Int>, of file: File) -> [(RawRecords.Place, Trace.Origin)] {
        var texts: [Int: String] = [:]
        var problem: String?
        var path: String?
        do {
            path = try records.path(of: file.number, in: file.run.id)
            if query.personal.isHidden {
                texts = try records.documents(file: file.number, in: file.run.id, records: places)
                    .mapValues { query.personal.shown($0) }
            } else {
                texts = try records.texts(file: file.number, in: file.run.id, records: places)
                    .mapValues { String(decoding: $0, as: UTF8.self) }
            }
        } catch {
            problem = "\(error)"
        }
        return places.map { place in
            let missing = problem ?? "the file has no record \(place) that can be read"
            return (
                RawRecords.Place(run: file.run.id, file: file.number, record: place),
                Trace.Origin(
                    file: file.number, record: place, path: path, text: texts[place],
                    problem: texts[place] == nil ? missing : nil)
            )
        }
    }

    // MARK: Rejects

    private func readRejects(into found: inout Found, on connection: PostgresConnection) async throws {
        for (place, reason) in try await reasons(at: Array(found.origins.keys), on: connection) {
            found.refused[place] = (reason.column.map { "column \($0) " } ?? "") + reason.text
        }
        let files = try await connection.query(
            """
            SELECT run_id, run_timestamp, raw_file, array_agg(record_no::bigint) AS records, count(*) OVER () AS nr_files
            FROM audit.rejected_record
            WHERE system_id = \(entity.id.system.rawValue) AND entity_name = \(entity.id.name) AND raw_file > 0
            GROUP BY run_id, run_timestamp, raw_file
            ORDER BY run_timestamp DESC, raw_file DESC LIMIT \(TraceOrigins.searchedFiles)
            """)
        found.filesNotSearched = (try files.first?.get("nr_files", as: Int.self) ?? 0) - files.count
        for row in files.reversed() {
            try Task.checkCancellation()
            let file = File(
                run: RunIdentity(id: try row.get("run_id"), timestamp: try row.get("run_timestamp")),
                number: try row.get("raw_file"), places: Set(try row.get("records", as: [Int].self)))
            let mine = placesOfKey(in: file).filter { record in
                found.origins[RawRecords.Place(run: file.run.id, file: file.number, record: record)] == nil
            }
            guard !mine.isEmpty else { continue }
            let records = origins(mine, of: file).sorted { $0.0.record < $1.0.record }
            let reasons = try await reasons(at: records.map(\.0), on: connection)
            for (place, origin) in records {
                guard let reason = reasons[place] else { continue }
                found.rejects.append(
                    Rejected(run: file.run, column: reason.column, reason: reason.text, origin: origin))
            }
        }
    }

    /// Why the records at some places were rejected.
    private func reasons(
        at places: [RawRecords.Place], on connection: PostgresConnection
    ) async throws -> [RawRecords.Place: (column: String?, text: String)] {
        guard !places.isEmpty else { return [:] }
        let rows = try await connection.query(
            """
            SELECT r.run_id, r.raw_file, r.record_no, r.column_name, r.reason FROM audit.rejected_record r
            JOIN unnest(\(places.map(\.run)), \(places.map(\.file)), \(places.map(\.record))) AS p (run, file, record)
                ON r.run_id = p.run AND r.raw_file = p.file AND r.record_no = p.record
            WHERE r.system_id = \(entity.id.system.rawValue) AND r.entity_name = \(entity.id.name)
            """)
        var reasons: [RawRecords.Place: (column: String?, text: String)] = [:]
        for row in rows {
            let place = RawRecords.Place(
                run: try row.get("run_id"), file: try row.get("raw_file"), record: try row.get("record_no"))
            reasons[place] = (try row.get("column_name"), try row.get("reason"))
        }
        return reasons
    }

    /// The rejected records of a file whose key can be read and is the one that is asked for.
    private func placesOfKey(in file: File) -> Set<Int> {
        var mine: Set<Int> = []
        // A file that is gone or damaged holds nothing that could be said of the key; doctor tells of it.
        try? records.visit(file: file.number, in: file.run.id, records: file.places) { window, index, record, isText in
            var reader = DocumentReader(entity, timezone: query.table.system.timezone, readsLooseBooleans: isText)
            if case .rejected(_, _, false) = reader.read(window, index) { return }
            if reader.keyHash() == key { mine.insert(record) }
        }
        return mine
    }
}
