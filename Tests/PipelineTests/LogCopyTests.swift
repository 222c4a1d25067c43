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

    @Test("sends what waits in rounds, and is ended in the middle of one", arguments: [true, false])
    func rounds(aborts: Bool) async throws {
        let log = try await Log()
        let found = try await log.copy(99_999, inAll: 1 << 20, round: 1 << 20, ends: !aborts) {
            UUIDValue(high: $0 &* 0x9E37_79B9_7F4A_7C15, low: $0)
        }
        #expect(found.count { $0 == 0 } > 1)
        #expect(
            try await log.warehouse.rows(
                "SELECT count(*) AS rows, count(DISTINCT _record_no) AS records FROM bronze.t_things WHERE _raw_file = 9"
            )
                == (aborts ? ["0 | 0"] : ["100000 | 100000"]))
        try await log.connection.rollback()
    }

    @Test("loses no row where temporary files cannot be made")
    func fullDisk() async throws {
        let log = try await Log()
        let found = try await log.copy(99_999, inAll: 1 << 20, in: "/nowhere") {
            UUIDValue(high: $0 &* 0x9E37_79B9_7F4A_7C15, low: $0)
        }
        #expect(found.first == 80)
        #expect(found.last == .some(nil))
        #expect(
            try await log.warehouse.rows(
                "SELECT count(*) AS rows, count(DISTINCT _record_no) AS records FROM bronze.t_things WHERE _raw_file = 9"
            )
                == ["100000 | 100000"])
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

    /// Copies so many rows one by one, and a last one.
    /// - Parameters:
    ///   - inAll: How many rows are announced.
    ///   - ends: False to abort it in front of the last row.
    ///   - key: The key of the row with this number.
    /// - Returns: The bytes that waited behind each row but the last.
    @discardableResult
    func copy(
        _ rows: UInt64, inAll: Int = 0, round: Int = LogCopy.smallestRound, limit: Int = LogCopy.mostWaiting,
        in folder: String = "/tmp", ends: Bool = true,
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
            try await copy.add(&buffer, feeding: &feed)
            #expect(buffer.byteCount == 0)
            found.append(copy.waitingBytes)
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
