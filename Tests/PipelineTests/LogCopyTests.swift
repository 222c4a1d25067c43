import Metadata
import Postgres
import Primitives
import TestKit
import Testing

@testable import Pipeline

/// Rows of the log that wait until they are sent in the order of their keys.
@Suite("The COPY into the log")
struct LogCopyTests {
    @Test(
        "brings every row once, whether all wait, some, or none",
        arguments: [
            (1 << 20, [80, 160, 240]), (200, [80, 160, 0]), (0, [0, 0, 0]),
        ])
    func rows(limit: Int, waiting: [Int?]) async throws {
        let log = try await Log()
        let found = try await log.copy(3, limit: limit) { UUIDValue(high: 7, low: $0) }
        #expect(found == waiting)
        #expect(
            try await log.warehouse.rows("SELECT _record_no FROM bronze.t_things WHERE _raw_file = 9 ORDER BY 1")
                == ["1", "2", "3", "4"])
        try await log.connection.rollback()
    }

    @Test("sends rows as they come into a log without its key")
    func withoutKey() async throws {
        let log = try await Log()
        try await log.connection.execute("ALTER TABLE bronze.t_things DROP CONSTRAINT t_things_pkey")
        #expect(try await log.copy(2) { UUIDValue(high: ~$0, low: 0) } == [nil, nil])
        #expect(
            try await log.warehouse.rows("SELECT _record_no FROM bronze.t_things WHERE _raw_file = 9 ORDER BY ctid")
                == ["1", "2", "3"])
        try await log.connection.rollback()
    }

    @Test("keeps the rows together whose keys stand together in the index, in memory and on disk")
    func order() async throws {
        let log = try await Log()
        // 64 partitions, of which each fills a chunk and begins another.
        try await log.copy(99_999, inAll: 1 << 20) { UUIDValue(high: $0 &* 0x9E37_79B9_7F4A_7C15, low: $0) }
        #expect(
            try await log.warehouse.rows(
                """
                SELECT count(*) AS rows, count(DISTINCT _record_no) AS records,
                    count(*) FILTER (WHERE place < before) AS back, max(place) AS last
                FROM (SELECT *, lag(place) OVER (ORDER BY tid) AS before FROM (
                    SELECT _record_no, ctid AS tid, get_byte(uuid_send(_key_hash), 0) / 4 AS place
                    FROM bronze.t_things WHERE _raw_file = 9) AS r) AS r
                """) == ["100000 | 100000 | 0 | 63"])
        try await log.connection.rollback()
    }

    @Test("sends what waits in rounds, and waits for one where too much would wait")
    func rounds() async throws {
        let log = try await Log()
        let found = try await log.copy(99_999, inAll: 1 << 20, by: 100, round: 1 << 20, limit: 2 << 20) {
            UUIDValue(high: $0 &* 0x9E37_79B9_7F4A_7C15, low: $0)
        }
        #expect(found.count { $0 == 0 } >= 3)
        #expect(found.allSatisfy { $0.map { $0 < 3 << 20 } == true })
        #expect(try await log.counts() == ["100000 | 100000"])
        try await log.connection.rollback()
    }

    @Test("leaves nothing behind that sends, where it is ended in the middle of a round")
    func aborted() async throws {
        let log = try await Log()
        // The round is begun by the last row but one: little of it can have been sent.
        let found = try await log.copy(100_000, inAll: 1 << 20, by: 100, round: 100_000 * 80, ends: false) {
            UUIDValue(high: $0 &* 0x9E37_79B9_7F4A_7C15, low: $0)
        }
        #expect(found.last == 0)
        // Another COPY on the same connection takes its own rows only.
        try await log.copy(1) { UUIDValue(high: 7, low: $0) }
        #expect(try await log.counts() == ["2 | 2"])
        try await log.connection.rollback()
    }

    @Test("gives the disk back to others in the middle of a round, and loses no row", arguments: [1 << 20, 64 << 20])
    func giveDiskBack(round: Int) async throws {
        let log = try await Log()
        let found = try await log.copy(
            99_999, inAll: 1 << 20, by: 100, round: round, givesDiskBackBehind: 50_000
        ) {
            UUIDValue(high: $0 &* 0x9E37_79B9_7F4A_7C15, low: $0)
        }
        #expect(found[499] != nil)
        #expect(found[500] == .some(nil))
        #expect(try await log.counts() == ["100000 | 100000"])
        try await log.connection.rollback()
    }

    @Test("loses no row where temporary files cannot be made", arguments: [1, 1_000])
    func fullDisk(rowsAtOnce: Int) async throws {
        let log = try await Log()
        let found = try await log.copy(99_999, inAll: 1 << 20, by: rowsAtOnce, in: "/nowhere") {
            UUIDValue(high: $0 &* 0x9E37_79B9_7F4A_7C15, low: $0)
        }
        #expect(found.first == 80 * rowsAtOnce)
        #expect(found.last == .some(nil))
        #expect(try await log.counts() == ["100000 | 100000"])
        try await log.connection.rollback()
    }
}

/// A log of one row, and an open transaction.
private struct Log {
    let warehouse: TestWarehouse
    private let batch: Batch
    var connection: PostgresConnection { warehouse.connection }

    init() async throws {
        warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text"))
        try await warehouse.load([#"{"id":1,"v":"a"}"#])
        batch = try #require(
            try await BatchLedger.batches(of: warehouse.entity().id, in: ["merged"], on: warehouse.connection).first?
                .batch)
        try await warehouse.connection.begin()
        try await warehouse.connection.execute("SAVEPOINT before")
    }

    /// How many rows were copied, and how many of them differ.
    func counts() async throws -> [String] {
        try await warehouse.rows(
            "SELECT count(*) AS rows, count(DISTINCT _record_no) AS records FROM bronze.t_things WHERE _raw_file = 9")
    }

    /// Copies so many rows, and a last one.
    /// - Parameters:
    ///   - inAll: How many rows are announced.
    ///   - atOnce: So many are added at once.
    ///   - ends: False to abort it in front of the last row.
    ///   - last: Behind this row others want the disk.
    ///   - key: The key of the row with this number.
    /// - Returns: The bytes that waited behind each addition.
    @discardableResult
    func copy(
        _ rows: UInt64, inAll: Int = 0, by atOnce: Int = 1, round: Int = LogCopy.smallestRound,
        limit: Int = LogCopy.mostWaiting,
        in folder: String = "/tmp", ends: Bool = true, givesDiskBackBehind last: UInt64? = nil,
        key: (UInt64) -> UUIDValue
    ) async throws -> [Int?] {
        let entity = warehouse.entity()
        let columns = ["_key_hash", "_change", "_run_id", "_run_timestamp", "_raw_file", "_record_no"]
        var feed = try await MergeFeed(nil, batch, of: entity, expecting: 3, opensHistory: false, at: .oldest)
        var copy = try await LogCopy(
            into: BronzeTable(entity, schema: "bronze"), columns, rows: inAll, round: round, limit: limit,
            spool: { ByteSpool(in: folder) }, on: connection)
        var buffer = CopyBuffer(continues: true)
        var found: [Int?] = []
        for record in 1...rows + 1 {
            buffer.beginRow(columns: columns.count)
            buffer.append(uuid: key(record))
            buffer.append(text: "upsert")
            buffer.append(uuid: batch.run.id)
            buffer.append(instant: batch.run.timestamp)
            buffer.append(int32: 9)
            buffer.append(int32: Int32(record))
            guard record <= rows else { break }
            guard record % UInt64(atOnce) == 0 else { continue }
            try await copy.add(&buffer, feeding: &feed)
            #expect(buffer.byteCount == 0)
            found.append(copy.waitingBytes)
            if record == last { try await copy.giveDiskBack() }
        }
        guard ends else {
            await copy.abort("enough")
            try await connection.execute("ROLLBACK TO SAVEPOINT before")
            return found
        }
        copy.finish(&buffer)
        try await copy.end()
        return found
    }
}
