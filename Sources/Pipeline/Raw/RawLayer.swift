internal import ConnectorKit
internal import JSON
internal import Metadata
internal import Postgres
internal import Primitives

/// raw: lands what a source gives, as received.
///
/// Files and manifest are durable before the database hears of them; cursor, batch and audit row are then one
/// transaction. So the cursor may be ahead of silver, never ahead of durable raw.
struct RawLayer: Sendable {
    let store: RawStore
    let pool: PostgresPool
    let metadataHash: UUIDValue
    let catalog: Catalog

    /// Lands one batch of the entity.
    /// - Parameter follower: Reads behind the landing of a full batch, where bronze is to follow.
    func land(
        _ entity: Entity, timezone: String, with connector: AnyConnector, loadType: LoadType,
        follower: LandingFollower? = nil, step: Step
    ) async throws {
        if store.runs(of: entity.id).contains(step.run.id) {
            // An earlier attempt of this run made the batch durable, and its connection was lost at COMMIT.
            let (manifest, sha256) = try store.manifest(of: entity.id, run: step.run.id)
            return try await register(manifest, sha256: sha256, of: entity.id, step: step)
        }
        var (window, cursor) = try await window(of: entity, loadType: loadType, until: step.run.timestamp)
        if window.loadType == .delta, connector.keepsState { window.state = try await lastState(of: entity.id) }
        window.parents = try await parents(of: entity, window.loadType)
        let (largest, standing) =
            window.loadType == .full ? try await lastBatch(of: entity.id, step: step) : (0, nil)
        if connector.revalidates, let standing,
            store.holds(standing.manifest.files, of: entity.id, run: standing.holder)
        {
            window.unchangedSince = standing.manifest.state
        }
        let folder = try store.prepareFolder(of: entity.id, run: step.run.id)
        do {
            let shape = try connector.shape(of: entity)
            var manifest = Manifest(
                runID: step.run.id, runTimestamp: step.run.timestamp, entity: entity.id, loadType: window.loadType,
                cursorFrom: window.from, cursorTo: nil, request: nil, shape: shape, metadataHash: metadataHash,
                sameAs: nil, files: [])
            var writer = RawWriter(
                folder: folder, shape: shape, compresses: entity.rawCompression == .zstd,
                standing: standing.map { store.folder(of: entity.id, run: $0.holder) })
            if window.loadType == .full,
                let progress = await follower?.follow(manifest, behind: largest, in: folder, step: step)
            {
                writer.tell(progress)
            }
            try await connector.land(entity, window: window, into: &writer)
            writer.tellEnd()
            manifest.request = writer.request.map { step.known.mask($0) }
            manifest.files = writer.files
            if writer.isUnfiltered { manifest.isUnfiltered = true }
            let state = try checked(writer.state, of: entity.id, step.known)
            manifest.state = state ?? window.state
            if let standing, writer.isUnchanged {
                guard writer.files.isEmpty else {
                    throw StepError(
                        .internal, "the connector says that nothing changed, and landed \(writer.fileCount) files")
                }
                manifest.files = standing.manifest.files
                manifest.state = state ?? standing.manifest.state
                (manifest.cursorTo, manifest.sameAs) = (standing.manifest.cursorTo, standing.holder)
            } else {
                if let standing,
                    try repeats(
                        manifest, standing, of: entity.id, isCompared: !writer.hasWritten, step: step)
                {
                    store.removeFiles(of: entity.id, run: step.run.id, names: manifest.files.map(\.name))
                    manifest.sameAs = standing.holder
                } else {
                    await follower?.expect(records: manifest.recordCount)
                    try writer.writeRepeated()
                }
                manifest.cursorTo = try greatestCursor(
                    of: entity, timezone: timezone, in: manifest,
                    folder: store.folder(of: entity.id, run: manifest.sameAs ?? step.run.id), after: cursor)
            }
            if let delta = entity.delta, delta.mode == .cursor, manifest.cursorTo == nil, cursor == nil,
                manifest.recordCount > 0, let name = delta.cursorColumn
            {
                step.notice(
                    "no record has a value in the cursor column '\(name)': the next load brings everything again")
            }
            try Task.checkCancellation()
            let sha256 = try store.publish(manifest, of: entity.id, &writer)
            try await register(manifest, sha256: sha256, of: entity.id, step: step)
        } catch {
            await follower?.abandon()
            // Without a manifest the batch never existed; with one it is adopted by the next run.
            let isPublished = store.runs(of: entity.id).contains(step.run.id)
            if !isPublished { store.removeFiles(of: entity.id, run: step.run.id) }
            throw error
        }
    }

    /// True where the batch brings the files of the standing one, and those are still what they were.
    private func repeats(
        _ manifest: Manifest, _ standing: StandingBatch, of entity: EntityID,
        isCompared: Bool, step: Step
    ) throws -> Bool {
        guard !manifest.files.isEmpty, manifest.files == standing.manifest.files else { return false }
        if try isCompared || store.areIntact(standing.manifest.files, of: entity, run: standing.holder) {
            return true
        }
        step.notice(Self.landedAgain(standing.holder))
        return false
    }

    private static func landedAgain(_ run: UUIDValue) -> String {
        "the raw files of run \(run) are gone or damaged; they are landed again by this one"
    }

    /// A state has to stay as it is, so it cannot be masked.
    private func checked(_ state: String?, of entity: EntityID, _ known: KnownSecrets) throws -> String? {
        guard let state, !known.mask(state).utf8.elementsEqual(state.utf8) else { return state }
        throw ConnectorError(
            "entity '\(entity)': the state that its source wants to go on from holds a secret, and manifests keep states",
            hint: "let the source keep its secrets out of its state")
    }

    private func register(_ manifest: Manifest, sha256: String, of entity: EntityID, step: Step) async throws {
        var counts = RowCounts()
        counts.input = manifest.recordCount
        counts.inserted = manifest.recordCount
        counts.bytes = manifest.byteCount
        try await pool.withConnection { connection in
            try await connection.transaction {
                try await BatchLedger.insert(manifest, sha256: sha256, of: entity, at: step.now, on: connection)
                try await step.commit(
                    counts, load: (manifest.loadType, manifest.cursorFrom, manifest.cursorTo), closes: true,
                    on: connection)
            }
        }
    }

    /// What to ask for. The upper bound is the run's own instant, noted before the first request.
    /// With it the cursor in force, which a delta load never moves back.
    private func window(
        of entity: Entity, loadType: LoadType, until: Instant
    ) async throws -> (LoadWindow, cursor: String?) {
        let full = LoadWindow(loadType: .full, until: until)
        guard loadType == .delta else { return (full, nil) }
        guard let delta = entity.delta else {
            throw StepError(
                .internal,
                "a delta load of \(entity.id) needs its \"delta\" attribute; add "
                    + "{\"mode\": \"cursor\", \"cursor_column\": …} or {\"mode\": \"all\"} to the entity")
        }
        let cursor = try await pool.withConnection { try await BatchLedger.cursor(of: entity.id, on: $0) }
        if case .reset = cursor { return (full, nil) }
        guard delta.mode == .cursor else { return (LoadWindow(loadType: .delta, until: until), nil) }
        guard let from = cursor.start(of: delta) else { return (full, nil) }
        let type = entity.cursorIndex.map { entity.columns[$0].type }
        let start = LookBack.apply(delta.lookbackSeconds, to: from, of: type)
        return (LoadWindow(loadType: .delta, from: start, until: until), from)
    }

    /// The state in the manifest of the last registered batch that was not given up.
    func lastState(of entity: EntityID) async throws -> String? {
        let last = try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT run_id FROM audit.raw_batch
                WHERE system_id = \(entity.system.rawValue) AND entity_name = \(entity.name) AND state <> 'discarded'
                ORDER BY run_timestamp DESC LIMIT 1
                """)
        }
        return try last.first.flatMap { try store.manifest(of: entity, run: $0.get("run_id")).manifest.state }
    }

    /// The greatest cursor value landed, after the one in force and at most the window's bound; nil leaves the cursor
    /// where it is.
    private func greatestCursor(
        of entity: Entity, timezone: String, in manifest: Manifest, folder: String, after cursor: String?
    ) throws -> String? {
        guard let index = entity.cursorIndex else { return nil }
        var batch = try BatchReader(
            .landed(manifest, folder: folder), of: manifest.shape, paths: DocumentReader.paths(of: entity))
        var reader = DocumentReader(entity, timezone: timezone, readsLooseBooleans: manifest.shape.isText)
        var bound: String?
        // What says no zone may be ahead of UTC by 14 hours.
        let latest = manifest.instant.advanced(byMicroseconds: 14 * 3_600_000_000).description
        switch entity.columns[index].type {
        case .timestamptz: bound = manifest.instant.description
        case .timestamp: bound = String(latest.dropLast())
        case .date: bound = String(latest.prefix(10))
        default: break
        }
        let most = bound.flatMap { reader.sortKey(of: index, cursor: $0) }
        let known = cursor.flatMap { reader.sortKey(of: index, cursor: $0) }
        var greatest: (key: [UInt8], text: String)?
        while try batch.next() {
            for record in 0..<batch.window.count {
                guard case .accepted = reader.read(batch, record), let text = reader.text(of: index) else {
                    continue
                }
                var key: [UInt8] = []
                reader.appendSortKey(of: index, to: &key)
                if let most, most.lexicographicallyPrecedes(key) { continue }
                if let known, !known.lexicographicallyPrecedes(key) { continue }
                if let known = greatest, !known.key.lexicographicallyPrecedes(key) { continue }
                greatest = (key, text)
            }
        }
        return greatest?.text
    }

    /// A batch whose files may come again, and the run whose folder holds them.
    private typealias StandingBatch = (manifest: Manifest, holder: UUIDValue)

    /// The last batch, where it is a full one that is merged and still stands for the source as it was: a full batch
    /// of the same bytes may then be skipped unparsed. And the records of the largest batch, nil where there was none at all.
    private func lastBatch(
        of entity: EntityID, step: Step
    ) async throws -> (largest: Int?, standing: StandingBatch?) {
        let last = try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT run_id, coalesce(same_as, run_id) AS holder, state = 'merged' AND load_type = 'full'
                    AND nr_rejected = 0 AND metadata_hash = \(metadataHash) AS stands, max(nr_records) OVER () AS largest
                FROM audit.raw_batch
                WHERE system_id = \(entity.system.rawValue) AND entity_name = \(entity.name)
                ORDER BY run_timestamp DESC LIMIT 1
                """)
        }
        guard let row = last.first else { return (nil, nil) }
        let largest: Int = try row.get("largest")
        guard try row.get("stands") else { return (largest, nil) }
        let (run, holder): (UUIDValue, UUIDValue) = try (row.get("run_id"), row.get("holder"))
        do { return (largest, (try store.manifest(of: entity, run: run).manifest, holder)) } catch is StepError {
            step.notice(Self.landedAgain(run))
            return (largest, nil)
        }
    }

    /// The rows for each of which the entity is asked; in a delta load perhaps only those touched since its last batch.
    private func parents(of entity: Entity, _ loadType: LoadType) async throws -> ParentRows? {
        switch entity.forEach {
        case nil: return nil
        case .values(let values)?: return ParentRows(values)
        case .entity(let id, let columns, let changedOnly)?:
            guard let parent = catalog.entity(id), let system = catalog.system(id.system) else { return nil }
            let since =
                changedOnly && loadType == .delta ? try await LiveParents.lastAsked(id, by: entity.id, in: pool) : nil
            return LiveParents(
                table: SilverTable(parent, schema: system.schemas.silver), columns: columns, touchedAfter: since,
                pool: pool
            ).rows
        }
    }
}

extension BatchLedger.Cursor {
    /// The lower bound of the next delta load; nil where it has to bring everything.
    func start(of delta: DeltaLoad) -> String? {
        switch self {
        case .none: delta.initial
        case .reset: nil
        case .at(let value): value
        }
    }
}
