import ConnectorKit
import Connectors
import Foundation
import JSON
import Logging
public import Metadata
public import Pipeline
public import Postgres
import Primitives
import Synchronization

/// A project in a temporary folder with a database of its own: one system `t` of type `file`, and a clock that goes on
/// by one day with each load. Day 1 (`d1`) is 2026-01-01, midnight UTC.
///
/// After every run the promises that hold for all histories are checked; see `brokenPromises`.
public final class TestWarehouse: Sendable {
    /// The project.
    public let folder: TemporaryFolder
    /// What "now" is.
    public let clock: FixedClock
    /// What runs get.
    public var workspace: Workspace { project.withLock(\.workspace) }
    /// A connection of the test's own.
    public let connection: PostgresConnection
    var entities: [Entity] { project.withLock(\.entities) }
    private let project: Mutex<(workspace: Workspace, entities: [Entity])>
    private let system: String
    /// The run that `audit` tells of, where a load was done twice.
    private let told = Mutex<UUIDValue?>(nil)
    /// The closed rows seen so far, by table.
    let closedRows = Mutex<[String: Set<String>]>([:])
    /// Whether closed rows may be by other metadata than the open ones, which can then have come to say the same.
    let hasRereadRows = Mutex(false)

    /// A project of these entities; `system` is a JSON object of the system's further attributes.
    public convenience init(_ entities: TestEntity..., system: String = "{}") async throws {
        try await self.init(entities, system: system)
    }

    /// A project of these entities; `system` is a JSON object of the system's further attributes.
    public init(_ entities: [TestEntity], system: String = "{}", poolSize: Int = 10) async throws {
        folder = try TemporaryFolder()
        clock = FixedClock(Instant(microseconds: 1_767_139_200_000_000))
        let database = try await TestCluster.shared.database(prepared: "platform") { connection in
            _ = try await Migrations.platform(appVersion: "test").apply(on: connection)
        }
        connection = try await PostgresConnection.connect(database, applicationName: "story")
        let catalog = try TestWarehouse.write(entities, system, to: folder)
        self.system = system
        var workspace = Workspace(
            projectFolder: folder.path, catalog: catalog,
            gold: try GoldGraph.load(project: folder.path, catalog: catalog), connectors: BuiltInConnectors.registry,
            environment: [:], secrets: EnvironmentSecretStore(environment: [:], projectFolder: folder.path),
            store: RawStore(root: folder.path(of: "raw")),
            pool: PostgresPool(configuration: database, size: poolSize, applicationName: "story"),
            connections: max(4, poolSize), clock: clock,
            logger: Logger(label: "medallion.test"), observer: SilentObserver(), appVersion: "test", host: "test",
            processID: 1)
        let isLong = ProcessInfo.processInfo.environment["MEDALLION_TEST_SHORTCUTS"] == "off"
        workspace.shortcuts = isLong ? .never : .always
        project = Mutex((workspace, try TestWarehouse.known(entities, in: catalog)))
    }

    private static func known(_ entities: [TestEntity], in catalog: Catalog) throws -> [Entity] {
        try entities.map { entity in
            guard let known = catalog.entities.first(where: { $0.id.name == entity.name }) else {
                throw UsageError("entity '\(entity.name)' is not in the catalogue")
            }
            return known
        }
    }

    /// Goes on with other metadata over the same database and files.
    ///
    /// Where the change shows closed rows otherwise than before (a column renamed, more decimals), `rereads` forgets what
    /// they looked like.
    public func change(_ entities: TestEntity..., rereads: Bool = false) throws {
        try change(entities, rereads: rereads)
    }

    /// Goes on with other metadata over the same database and files.
    public func change(_ entities: [TestEntity], rereads: Bool = false) throws {
        let catalog = try TestWarehouse.write(entities, system, to: folder)
        let gold = try GoldGraph.load(project: folder.path, catalog: catalog)
        let known = try TestWarehouse.known(entities, in: catalog)
        project.withLock { project in
            project.workspace.catalog = catalog
            project.workspace.gold = gold
            project.entities = known
        }
        guard rereads else { return }
        closedRows.withLock { $0 = [:] }
        hasRereadRows.withLock { $0 = true }
    }

    private static func write(_ entities: [TestEntity], _ system: String, to folder: TemporaryFolder) throws -> Catalog
    {
        var members = [
            JSONMember("id", .string("t")), JSONMember("name", .string("Test")),
            JSONMember("description", .string("A system of a test")), JSONMember("type", .string("file")),
            JSONMember("connection", .object([JSONMember("root", .string("source"))])),
        ]
        for given in try JSONReader.parse(system).objectValue ?? [] {
            members.removeAll { $0.name == given.name }
            members.append(given)
        }
        try folder.write(JSONValue.array([.object(members)]).text(), to: "metadata/systems.json")
        try folder.write(JSONValue.array(entities.map(\.metadata)).text(), to: "metadata/entities.json")
        return try CatalogLoader.load(project: folder.path, connectors: BuiltInConnectors.registry.descriptions)
    }

    /// Has runs take every shortcut, or none.
    public func use(_ shortcuts: Shortcuts) { project.withLock { $0.workspace.shortcuts = shortcuts } }

    /// Has runs tell this observer.
    public func tell(_ observer: any RunObserver) { project.withLock { $0.workspace.observer = observer } }

    // MARK: Loads

    /// The first entity, or the one of that name.
    public func entity(_ name: String? = nil) -> Entity {
        guard let found = name == nil ? entities.first : entities.first(where: { $0.id.name == name }) else {
            preconditionFailure("no entity '\(name ?? "")' in this test")
        }
        return found
    }

    /// The next day comes, the source holds these records, and a run takes them.
    @discardableResult
    public func load(_ records: String..., type: LoadType? = nil) async throws -> RunReport {
        try await load(records, type: type)
    }

    /// The next day comes, the source holds these records, and a run takes them.
    @discardableResult
    public func load(_ records: [String], type: LoadType? = nil) async throws -> RunReport {
        clock.advance(seconds: 86_400)
        try put(records)
        let report = try await run { $0.loadType = type }
        if TestWarehouse.repeatsLoads, report.status == .succeeded, !entity().keyColumns.isEmpty {
            try await loadAgain(records, type, after: report)
        }
        return report
    }

    /// Whether each `load` is done twice; the second one must change nothing in silver.
    @TaskLocal public static var repeatsLoads = false

    /// Loads the same records a second later, from a file that differs by an empty line, so that it is read.
    private func loadAgain(_ records: [String], _ type: LoadType?, after report: RunReport) async throws {
        let rows: SQLText = "SELECT (t.*)::text FROM \(table: "silver", entity().id.table) t ORDER BY 1"
        let before = try await self.rows(rows)
        clock.advance(seconds: 1)
        try put(records + [""])
        let again = try await run { $0.loadType = type }
        clock.advance(seconds: -1)
        told.withLock { $0 = report.run?.id }
        guard again.status == .succeeded, try await self.rows(rows) == before else {
            throw BrokenPromise(description: "the same records, loaded again, changed \(entity().id): \(again.steps)")
        }
    }

    /// Replaces what the source holds for an entity: JSON Lines, evenly spread over so many files.
    public func put(_ records: [String], for entity: String? = nil, files: Int = 1) throws {
        let size = max(1, (records.count + files - 1) / files)
        let texts = (0..<files).map { file in
            records.dropFirst(file * size).prefix(size).map { $0 + "\n" }.joined()
        }
        try put(texts: texts, for: entity, ending: "jsonl")
    }

    /// Replaces what the source holds for an entity by these files.
    public func put(texts: [String], for entity: String? = nil, ending: String) throws {
        let name = "source/\(self.entity(entity).id.name)"
        // It may not exist yet.
        try? FileManager.default.removeItem(atPath: folder.path(of: name))
        for (number, text) in texts.enumerated() { try folder.write(text, to: "\(name)/\(1000 + number).\(ending)") }
    }

    /// One `medallion run` at the clock's instant; what holds for all histories is checked behind it.
    @discardableResult
    public func run(_ change: (inout RunRequest) -> Void = { _ in }) async throws -> RunReport {
        var request = RunRequest()
        change(&request)
        told.withLock { $0 = nil }
        let reports = try await Invocation(workspace: workspace, request: request).run()
        let broken = try await brokenPromises()
        guard broken.isEmpty else { throw BrokenPromise(description: broken.joined(separator: "\n")) }
        guard let report = reports.first else { throw UsageError("nothing ran") }
        return report
    }

    /// Derives an entity's history again, and levels the tables with it unless it only `verifies`.
    public func rebuild(
        _ entity: String? = nil, from source: Rebuild.Source, verifies: Bool = false
    ) async throws -> Rebuild.Report {
        try await Rebuild(workspace: workspace, entity: self.entity(entity), from: source, verifies: verifies).run()
    }

    /// Derives an entity's history again and compares: what differs, a line each.
    public func rebuildDifferences(_ entity: String? = nil, from source: Rebuild.Source) async throws -> [String] {
        let report = try await rebuild(entity, from: source, verifies: true)
        return report.samples + report.run.steps.compactMap(\.error) + (report.run.error.map { [$0] } ?? [])
    }

    /// Empties what a crash of the server empties and a run does not: unlogged tables other than stages.
    public func loseUnlogged() async throws {
        let tables = try await rows(
            """
            SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relpersistence = 'u' AND c.relkind = 'r' AND n.nspname <> 'stage'
            """)
        // DELETE, for it is faster than TRUNCATE where little is there.
        try await connection.executeScript(tables.map { "DELETE FROM \($0)" }.joined(separator: ";"))
    }

    // MARK: What came of it

    /// The whole silver table, by key, then time: `1 | Ann | d1..d3 deleted` is a row that was true from day 1 until it was
    /// deleted on day 3; an open row ends in `d1..`.
    /// Of a bitemporal table what is held to be true, or what was at an instant.
    public func table(_ entity: String? = nil, knownAt instant: SQLText? = nil) async throws -> String {
        let entity = self.entity(entity)
        let isKnown: SQLText =
            if let instant {
                "_recorded_at <= \(fragment: instant) AND coalesce(_superseded_at > \(fragment: instant), true)"
            } else {
                entity.history == .bitemporal ? "_superseded_at IS NULL" : "true"
            }
        let values = entity.storedColumns.map { "coalesce(\(identifier: $0.name)::text, 'NULL')" as SQLText }
        let order = entity.keyColumns.filter(\.isStored).map { column in
            let isText =
                switch column.type {
                case .string, .text: true;
                default: false
                }
            return "\(identifier: column.name)\(verbatim: isText ? " COLLATE \"C\"" : "")" as SQLText
        }
        let result = try await connection.query(
            """
            SELECT concat_ws(' | ', \(fragment: values.joined(separator: ", ")), concat(\(fragment: day("_valid_from")), '..',
                \(fragment: day("_valid_to")), CASE WHEN _is_deleted THEN ' deleted' END))
            FROM \(table: "silver", entity.id.table) WHERE \(fragment: isKnown)
            ORDER BY \(fragment: (order + ["_valid_from", "_key_hash"]).joined(separator: ", "))
            """)
        return try result.map { try $0.get(0, as: String.self) }.joined(separator: "\n")
    }

    /// `d3` for midnight of day 3, `d3+1us` for a microsecond later, '' for NULL.
    private func day(_ column: String) -> SQLText {
        let start: SQLText = "date_trunc('day', \(verbatim: column))"
        return """
            CASE WHEN \(verbatim: column) IS NOT NULL THEN 'd' || (\(fragment: start)::date - DATE '2025-12-31') END,
            CASE WHEN \(verbatim: column) <> \(fragment: start) THEN
                '+' || trunc(extract(epoch FROM \(verbatim: column) - \(fragment: start)) * 1000000) || 'us' END
            """
    }

    /// The last run's steps of an entity: `bronze 3: inserted 1, unchanged 2`, `silver skipped no_input`.
    public func audit(_ entity: String? = nil) async throws -> String {
        let result = try await connection.query(
            """
            SELECT layer || CASE WHEN attempt > 1 THEN ' again' ELSE '' END || CASE
                WHEN status = 'succeeded' THEN ' ' || nr_records_in || ': ' || coalesce((
                    SELECT string_agg(c.name || ' ' || c.number, ', ' ORDER BY c.place) FROM (VALUES
                        (1, 'inserted', nr_records_inserted), (2, 'updated', nr_records_updated),
                        (3, 'deleted', nr_records_deleted), (4, 'absent', nr_records_absent),
                        (5, 'unchanged', nr_records_unchanged), (6, 'duplicate', nr_records_duplicate),
                        (7, 'late', nr_records_late), (8, 'rejected', nr_records_rejected)) AS c (place, name, number)
                    WHERE c.number <> 0), 'nothing')
                ELSE ' ' || status || coalesce(' ' || skip_reason, '') || coalesce(' ' || error_kind, '') END
            FROM audit.entity_layer_run
            WHERE entity_name = \(self.entity(entity).id.name) AND run_id = coalesce(\(told.withLock { $0 }), (
                SELECT run_id FROM audit.system_run WHERE system_id = 't' AND status <> 'skipped'
                ORDER BY run_timestamp DESC LIMIT 1))
            ORDER BY array_position(ARRAY['raw', 'bronze', 'silver'], layer), attempt
            """)
        return try result.map { try $0.get(0, as: String.self) }.joined(separator: "\n")
    }

    /// Rows as text, columns joined by ` | `, NULL as `NULL`.
    public func rows(_ sql: SQLText) async throws -> [String] {
        let result = try await connection.query(
            """
            SELECT (SELECT string_agg(coalesce(value, 'NULL'), ' | ') FROM json_each_text(to_json(q.*)))
            FROM (\(fragment: sql)) AS q
            """)
        return try result.map { try $0.get(0, as: String.self) }
    }
}

/// What every history promises, broken.
public struct BrokenPromise: Error, CustomStringConvertible {
    /// One line per finding.
    public let description: String
}
