import Pipeline
import Postgres
import TestKit
import Testing

/// A first batch that one of the ways might get wrong, and what follows it.
struct FirstBatchCase: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var attributes = "{}"
    var first: [String]
    var second = [#"{"id":1,"n":"later","v":7}"#, #"{"id":9,"n":"new","v":1}"#]

    static let all = [
        FirstBatchCase(testDescription: "plain", first: [#"{"id":1,"n":"a","v":1}"#, #"{"id":2,"n":"b","v":2.50}"#]),
        FirstBatchCase(
            testDescription: "duplicates", attributes: #"{"order_by": ["v"]}"#,
            first: [#"{"id":1,"n":"old","v":2}"#, #"{"id":1,"n":"new","v":3}"#, #"{"id":1,"n":"mid","v":2.5}"#]),
        FirstBatchCase(
            testDescription: "rejected records", attributes: #"{"max_reject_fraction": 1}"#,
            first: [#"{"id":1,"n":"a","v":1}"#, #"{"id":2,"n":"b","v":"x"}"#, #"{"n":"no key","v":1}"#, "7"]),
        FirstBatchCase(
            testDescription: "deletes by marker",
            attributes: #"{"delete_marker": {"column": "n", "equals": "gone"}, "max_delete_fraction": 1}"#,
            first: [#"{"id":1,"n":"a","v":1}"#, #"{"id":2,"n":"gone","v":1}"#]),
        FirstBatchCase(
            testDescription: "numbers in another notation",
            first: [#"{"id":1,"n":1e2,"v":1.50E1}"#, #"{"id":2,"n":-0.0,"v":-0}"#, #"{"id":3,"n":1.0,"v":12.00}"#]),
        FirstBatchCase(
            testDescription: "unknown fields and missing columns",
            first: (1...120).map { #"{"id":\#($0),"n":"x","more":\#($0)}"# }),
        FirstBatchCase(
            testDescription: "one row a key", attributes: #"{"history": "scd1"}"#, first: [#"{"id":1,"n":"a"}"#]),
        FirstBatchCase(
            testDescription: "every document a row", attributes: #"{"history": "append"}"#,
            first: [#"{"id":1,"n":"a"}"#, #"{"id":2,"n":"a"}"#]),
        FirstBatchCase(
            testDescription: "the last load", attributes: #"{"history": "latest"}"#, first: [#"{"id":1,"n":"a"}"#]),
        FirstBatchCase(
            testDescription: "exact text", attributes: #"{"bronze": {"doc": "json"}}"#,
            first: [#"{"id":1, "n":1e2,  "v":1.50E1}"#]),
        FirstBatchCase(
            testDescription: "a check that fails", attributes: #"{"checks": [{"type": "max_rows", "max": 1}]}"#,
            first: [#"{"id":1,"n":"a"}"#, #"{"id":2,"n":"a"}"#]),
        FirstBatchCase(testDescription: "nothing", attributes: #"{"allow_empty": true}"#, first: []),
    ]
}

@Suite("Shortcuts change no result", .fewAtOnce)
struct ShortcutTests {
    /// Everything that a first and a second load leave behind, but for ids and the wall clock.
    private func tables(_ batch: FirstBatchCase, _ shortcuts: Shortcuts) async throws -> [String] {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, n text, v numeric(10,2)", batch.attributes))
        warehouse.use(shortcuts)
        var found: [String] = []
        for records in [batch.first, batch.second] {
            try await warehouse.load(records)
            found += try await warehouse.rows(
                """
                SELECT _key_hash, _doc_hash, _change, _raw_file, _record_no, doc::text FROM bronze.t_things
                ORDER BY _run_timestamp, _raw_file, _record_no, _key_hash
                """)
            found += try await warehouse.rows(
                """
                SELECT id, n, v, _key_hash, _scd1_hash, _scd2_hash, _is_deleted, _valid_to IS NULL FROM silver.t_things
                ORDER BY _valid_from, _key_hash
                """)
            found += try await warehouse.rows(
                "SELECT _key_hash, _doc_hash, _is_deleted, _by_absence FROM bronze.t_things__last ORDER BY 1")
            found += try await warehouse.rows(
                "SELECT raw_file, record_no, column_name, reason, excerpt FROM audit.rejected_record ORDER BY 1, 2")
            found += try await warehouse.rows("SELECT change, column_name FROM audit.schema_change ORDER BY 1, 2")
            found += try await warehouse.rows("SELECT state, nr_rejected FROM audit.raw_batch ORDER BY run_timestamp")
            found.append(try await warehouse.audit())
        }
        found += try await warehouse.rows(
            """
            SELECT indexname FROM pg_indexes WHERE schemaname IN ('bronze', 'silver') ORDER BY 1
            """)
        return found
    }

    @Test("of a first batch, and of what follows it", arguments: FirstBatchCase.all)
    func firstBatch(_ batch: FirstBatchCase) async throws {
        let short = try await tables(batch, .always)
        let long = try await tables(batch, .never)
        #expect(short == long)
        #expect(short.count > 4)
    }
}
