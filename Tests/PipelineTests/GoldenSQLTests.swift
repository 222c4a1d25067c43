import Metadata
import Postgres
import Primitives
import TestKit
import Testing

@testable import Pipeline

/// The SQL that one rich entity gets, kept beside the tests: a change of it must be meant.
@Suite("SQL of silver")
struct GoldenSQLTests {
    private func entity(_ history: HistoryMode, effectiveTime: String? = nil) -> Entity {
        Entity(
            id: EntityID(system: SystemID(rawValue: "shop"), name: "orders"), description: "Orders, as it's told",
            columns: [
                Column(name: "order_no", type: .bigint, isNullable: false, isKey: true),
                Column(name: "region", type: .string(length: 2), isNullable: false, isKey: true, description: "Where"),
                Column(name: "state", type: .string(length: 20)), Column(name: "note", type: .text),
                Column(name: "amount", type: .numeric(precision: 12, scale: 2), isNullable: false, defaultText: "0"),
                Column(name: "weight", type: .double), Column(name: "is_paid", type: .boolean),
                Column(name: "opened", type: .date, role: .fixed), Column(name: "day_time", type: .time),
                Column(name: "local_at", type: .timestamp),
                Column(name: "updated_at", type: .timestamptz, role: .scd1, description: "The cursor"),
                Column(name: "hits", type: .int, role: .ignore), Column(name: "phone", type: .text, role: .scd1),
                Column(name: "rank", type: .smallint, isStored: false), Column(name: "ref", type: .uuid),
                Column(name: "items", type: .json), Column(name: "seal", type: .binary),
                Column(name: "rate", type: .numeric(precision: nil, scale: nil)),
            ], history: history, effectiveTimeColumn: effectiveTime)
    }

    private func text(_ statements: [SQLText]) -> String { statements.map { $0.text + ";\n" }.joined(separator: "\n") }

    @Test("the tables, views, functions and comments of an entity")
    func definition() throws {
        let silver = SilverTable(entity(.scd2), schema: "silver")
        #expect(try Golden.difference(of: text(silver.definition), from: "silver_table.sql") == nil)
        #expect(
            try Golden.difference(of: text(silver.dropIndexes + silver.addIndexes), from: "silver_indexes.sql") == nil)
        let bronze = BronzeTable(entity(.scd2), schema: "bronze")
        #expect(try Golden.difference(of: text(bronze.definition), from: "bronze_table.sql") == nil)
    }

    @Test("the statements of a merge", arguments: [HistoryMode.scd2, .scd1, .append, .latest])
    func merge(history: HistoryMode) throws {
        let run = RunIdentity(id: UUIDValue(high: 1, low: 2), timestamp: Instant(microseconds: 3))
        let plan = MergePlan(
            table: SilverTable(entity(history), schema: "silver"), run: run, now: Instant(microseconds: 4))
        let statements =
            [plan.rejectFixed, plan.dropRejected].compactMap { $0 }
            + [plan.closeDeleted, plan.closeChanged, plan.overwrite, plan.open, plan.remove]
        #expect(try Golden.difference(of: text(statements), from: "merge_\(history.rawValue).sql") == nil)
    }

    @Test("the statements of a merge that folds versions", arguments: [HistoryMode.scd2, .bitemporal])
    func fold(history: HistoryMode) throws {
        let run = RunIdentity(id: UUIDValue(high: 1, low: 2), timestamp: Instant(microseconds: 3))
        let silver = SilverTable(entity(history, effectiveTime: "updated_at"), schema: "silver")
        let plan = FoldPlan(table: silver, run: run, now: Instant(microseconds: 4))
        let statements = [
            silver.createStage, plan.markContinued, plan.countOverwriting, plan.overwriteContinued, plan.endContinued,
            plan.end(isDelete: true), plan.end(isDelete: false), plan.addChains, plan.keepCreation,
            plan.removeOutdated, plan.addDerived,
        ]
        #expect(try Golden.difference(of: text(statements), from: "fold_\(history.rawValue).sql") == nil)
    }
}
