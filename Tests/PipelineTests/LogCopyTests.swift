import Metadata
import Postgres
import Primitives
import TestKit
import Testing

@testable import Pipeline

/// Rows of the log that wait while silver is fed.
@Suite("The COPY into the log")
struct LogCopyTests {
    @Test(
        "brings every row once, whether all wait, some, or none",
        arguments: [
            (true, 1 << 20, [99, 179, 259]), (true, 200, [99, 179, nil]), (true, 0, [nil, nil, nil]),
            (false, 1 << 20, [nil, nil, nil]),
        ] as [(Bool, Int, [Int?])])
    func rows(waits: Bool, limit: Int, waiting: [Int?]) async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text"))
        try await warehouse.load([#"{"id":1,"v":"a"}"#])
        let (entity, connection) = (warehouse.entity(), warehouse.connection)
        let batch = try #require(
            try await BatchLedger.batches(of: entity.id, in: ["merged"], on: connection).first?.batch)
        let table = BronzeTable(entity, schema: "bronze")
        let columns = ["_key_hash", "_change", "_run_id", "_run_timestamp", "_raw_file", "_record_no"]
        var feed = try await MergeFeed(nil, batch, of: entity, expecting: 3, opensHistory: false, at: .oldest)
        try await connection.begin()
        var copy = try await LogCopy(into: table, columns, waits: waits, limit: limit, on: connection)
        var buffer = CopyBuffer()
        var found: [Int?] = []
        for record in 1...4 {
            buffer.beginRow(columns: columns.count)
            buffer.append(uuid: UUIDValue(high: 7, low: UInt64(record)))
            buffer.append(text: "upsert")
            buffer.append(uuid: batch.run.id)
            buffer.append(instant: batch.run.timestamp)
            buffer.append(int32: 9)
            buffer.append(int32: Int32(record))
            guard record < 4 else { break }
            try await copy.add(&buffer, feeding: &feed, on: connection)
            #expect(buffer.byteCount == 0)
            found.append(copy.waitingBytes)
        }
        copy.finish(&buffer)
        try await copy.end(on: connection)
        #expect(
            try await warehouse.rows("SELECT _record_no FROM bronze.t_things WHERE _raw_file = 9 ORDER BY 1")
                == ["1", "2", "3", "4"])
        try await connection.rollback()
        #expect(found == waiting)
    }
}
