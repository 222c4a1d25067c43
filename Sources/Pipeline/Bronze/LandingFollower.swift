internal import ConnectorKit
internal import Logging
internal import Metadata
internal import Postgres
internal import Primitives
internal import Synchronization

/// What bronze does with a full batch while it lands. Of a later one the keys are read (`KeyFollower`).
///
/// The first one of an entity is normalized: its files are read right behind the landing, in a transaction of
/// bronze's own on a connection of its own, which ends behind raw's or not at all.
/// So nobody waits for the whole of a large file or of many pages. What raw cannot promise (a landing that fails, that
/// takes its time, that brings files other than those that were read) undoes it, and bronze reads the batch as ever. Only
/// bronze's step may bring it to an end that counts. See ADR 0034.
actor LandingFollower {
    /// A first batch that has been written, in a transaction that is still open.
    typealias Followed = (connection: PostgresConnection, batch: DetectedBatch)

    /// What it came to that a batch was followed.
    enum Outcome {
        case written(Followed)
        /// What was read shows that it has to go the long way.
        case longWay
        /// Of a later batch.
        case keys(KeyFollower)

        /// Nothing of it is wanted.
        func abandon() async {
            switch self {
            case .written(let followed): await followed.connection.close()
            case .longWay: break
            case .keys(let keys): await keys.abandon()
            }
        }
    }

    /// nil where bronze is not to follow: then nobody reads behind the landing.
    private nonisolated let bronze: BronzeLayer?
    private nonisolated let entity: Entity
    private nonisolated let system: SourceSystem
    /// Takes the typed rows along for silver; nil where silver is not to follow.
    private nonisolated let companion: CompanionMerge?
    private nonisolated let logger: Logger
    /// A landing of fewer bytes is there before it could be followed.
    private nonisolated let smallest: Int
    private nonisolated let always: Bool
    /// Reads the keys of a later full batch.
    private var keys: KeyFollower?
    private var following: (run: UUIDValue, landing: LandingProgress, work: Task<Outcome?, Never>)?
    private nonisolated let state = Mutex(State())

    private struct State {
        /// True once enough has come.
        var hasBegun = false
        /// Hears how far the reading is: bronze's step, once there is one.
        var listener: Step?
    }

    /// So many records are reckoned with, as long as nobody knows.
    private static let expectedRecords = 4_000_000

    init(
        _ entity: Entity, of system: SourceSystem, into bronze: BronzeLayer?, companion: CompanionMerge?,
        _ shortcuts: Shortcuts, _ logger: Logger
    ) {
        self.entity = entity
        self.system = system
        self.bronze = bronze
        self.companion = companion
        self.logger = logger
        always = shortcuts == .always
        smallest = shortcuts == .always ? 1 : 4 << 20
    }

    /// Begins to read behind the landing of a full batch: all of the entity's first one, the keys of a later one.
    /// - Parameters:
    ///   - manifest: What is known of the batch before its files are there.
    ///   - largest: The records of the largest batch until now; nil where there was none.
    /// - Returns: What the landing is to be told to; nil where it cannot be followed.
    func follow(_ manifest: Manifest, behind largest: Int?, in folder: String, step: Step) async -> LandingProgress? {
        await abandon()
        guard let bronze, bronze.usesShortcuts, BatchShortcut.suits(entity), entity.forEach == nil,
            entity.rawCompression == .none
        else { return nil }
        let landing = LandingProgress()
        if let largest {
            let source = BatchSource(
                ArrivingFiles(landing, folder: folder, patience: nil), of: entity, timezone: system.timezone, manifest)
            keys = await followKeys(of: source, landing, behind: largest, into: bronze, step: step)
            return keys == nil ? nil : landing
        }
        guard FirstBatch.suits(entity) else { return nil }
        let work = Task {
            do {
                return try await read(landing, manifest, in: folder, into: bronze, step: step)
            } catch {
                // What is no whim of the moment, bronze will meet again, and tell.
                logger.debug("\(entity.id) is read once it has landed: \(step.known.mask("\(error)"))")
                return nil
            }
        }
        following = (step.run.id, landing, work)
        return landing
    }

    /// Begins to read the keys, where bronze would compare them.
    private func followKeys(
        of source: BatchSource, _ landing: LandingProgress, behind largest: Int, into bronze: BronzeLayer, step: Step
    ) async -> KeyFollower? {
        guard always || largest >= KeyFollower.fewest else { return nil }
        let table = BronzeTable(entity, schema: system.schemas.bronze)
        let tell: @Sendable (any Error) -> Void = { [logger, entity] error in
            logger.debug("the keys of \(entity.id) are read once it has landed: \(step.known.mask("\(error)"))")
        }
        do {
            let known: Int? = try await bronze.pool.withConnection { connection in
                let accepted = AcceptedDocuments(source, under: bronze.catalog)
                guard try await accepted.areCurrent(on: connection) else { return nil }
                return try await LastChanges(table: table).estimatedCount(on: connection)
            }
            guard let known else { return nil }
            return KeyFollower(
                landing, source, of: table, expecting: max(largest, known), news: always ? 1 : 1 << 20,
                on: bronze.pool, tell)
        } catch {
            tell(error)
            return nil
        }
    }

    @concurrent
    private func read(
        _ landing: LandingProgress, _ manifest: Manifest, in folder: String, into bronze: BronzeLayer, step: Step
    ) async throws -> Outcome? {
        let isWorth = try await ArrivingFiles(landing, folder: folder).wait(forBytes: smallest)
        guard isWorth else { return nil }
        state.withLock { $0.hasBegun = true }
        let batch = Batch(
            run: step.run, entity: entity.id, loadType: manifest.loadType, sameAs: nil, records: 0, bytes: 0,
            allowsDeletes: bronze.allowsDeletes, acceptsRejects: bronze.acceptsRejects, missingColumns: [])
        let source = BatchSource(
            ArrivingFiles(landing, folder: folder), of: entity, timezone: system.timezone, manifest)
        return try await bronze.pool.flushingEarly(if: landing.bytes >= 1 << 20) {
            let connection = try await bronze.pool.detached(
                applicationName: "\(bronze.pool.applicationName) landing follower")
            await companion?.expect(records: Self.expectedRecords, opensHistory: true)
            var outcome: Outcome?
            do {
                try await connection.begin()
                // Nobody is to wait behind somebody who holds the table.
                try await connection.execute("SET LOCAL lock_timeout = '2s'")
                outcome = try await write(source, batch, step: step, on: connection)
                if case .written = outcome { return outcome }
            } catch {
                await undo(connection)
                throw error
            }
            await undo(connection)
            return outcome
        }
    }

    private nonisolated func write(
        _ source: BatchSource, _ batch: Batch, step: Step, on connection: PostgresConnection
    ) async throws -> Outcome? {
        let table = BronzeTable(entity, schema: system.schemas.bronze)
        guard try await LastChanges(table: table).state(on: connection) == .new else { return nil }
        try await EmptyTable.make(table.stage, on: connection)
        let stage = BatchStage(source: source, table: table, batch: batch, parents: nil, last: .new)
        let first = FirstBatch(stage: stage, companion: companion, step: step, expected: Self.expectedRecords)
        let written = try await first.write(on: connection) { records in
            state.withLock(\.listener)?.progress(records: records)
        }
        return written.map { .written((connection, $0)) } ?? .longWay
    }

    /// So many records have come, and will be durable in a moment: where nobody has read them yet, silver's connection is
    /// opened meanwhile.
    nonisolated func expect(records: Int) async {
        if !state.withLock(\.hasBegun) { await companion?.expect(records: records) }
    }

    /// What following the batch came to, once it has; nil where bronze has to read it as ever. Whoever takes it uses or abandons it.
    func take(_ batch: Batch, from store: RawStore, step: Step) async throws -> Outcome? {
        guard let (run, landing, work) = following, run == batch.run.id else {
            await abandonFollowed()
            defer { keys = nil }
            return keys.map { .keys($0) }
        }
        state.withLock { $0.listener = step }
        let result = await work.endingValue
        following = nil
        guard let outcome = result else { return nil }
        do {
            let source = try BatchSource(batch.run.id, of: entity, parent: nil, timezone: system.timezone, in: store)
            if source.manifest.files == landing.landed {
                guard case .written(var followed) = outcome else { return outcome }
                // It waited for raw, and may have been lost meanwhile.
                if await followed.connection.isUsable {
                    followed.batch.settle(batch, source)
                    return .written(followed)
                }
            }
        } catch {
            await undo(outcome)
            throw error
        }
        await undo(outcome)
        return nil
    }

    private nonisolated func undo(_ outcome: Outcome) async {
        await companion?.abandon()
        await outcome.abandon()
    }

    /// Nothing of it counts, the server rolls back what is open.
    private nonisolated func undo(_ connection: PostgresConnection) async {
        await companion?.abandon()
        await connection.close()
    }

    /// Nothing of it counts.
    func abandon() async {
        let reading = keys
        keys = nil
        await reading?.abandon()
        await abandonFollowed()
    }

    private func abandonFollowed() async {
        let work = following?.work
        following = nil
        work?.cancel()
        if let outcome = await work?.value { await undo(outcome) }
        state.withLock { $0 = State() }
    }

    /// Does the steps that may use it, or what it has handed to silver; what they leave open is undone.
    nonisolated func closing(_ steps: () async throws -> Void) async throws {
        do { try await steps() } catch {
            await abandon()
            await companion?.abandon()
            throw error
        }
        await abandon()
        await companion?.abandon()
    }
}
