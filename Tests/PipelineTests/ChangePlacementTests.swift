import Primitives
import Testing

@testable import Pipeline

/// Histories as SQL may leave them, written short: what matters is where each change is put.
@Suite("Changes find their versions")
struct ChangePlacementTests {
    private func instant(_ day: Int, _ micro: Int64 = 0) -> Instant {
        Instant(microseconds: Int64(day) * 86_400_000_000 + micro)
    }

    private func run(_ day: Int) -> UUIDValue { UUIDValue(high: 7, low: UInt64(day)) }

    /// A version that holds from one day to another, brought by the run of a day and changed by that of another.
    private func version(
        _ from: Int, _ to: Int?, by: Int, then: Int? = nil, deleted: Bool = false, recorded: Int? = nil,
        superseded: Int? = nil, micro: Int64 = 0
    ) -> Trace.Version {
        Trace.Version(
            number: 0, validFrom: instant(from), validTo: to.map { instant($0, micro) }, isDeleted: deleted,
            recordedAt: recorded.map { instant($0) }, supersededAt: superseded.map { instant($0) },
            run: Trace.Run(id: run(by), timestamp: instant(by)), updatedBy: run(then ?? by), values: [])
    }

    /// A change that the run of a day brought, true from another day, with hashes of its two kinds of columns.
    private func change(
        _ change: String, _ day: Int, by: Int, _ overwritten: UInt64? = 0, _ versioned: UInt64 = 0
    ) -> ChangePlacement.Candidate {
        ChangePlacement.Candidate(
            change: change, instant: instant(day), run: run(by), runTimestamp: instant(by),
            overwritten: overwritten.map { UUIDValue(high: 1, low: $0) },
            versioned: overwritten.map { _ in UUIDValue(high: 2, low: versioned) })
    }

    private func places(
        _ versions: [Trace.Version], _ changes: ChangePlacement.Candidate..., keepsFirst: Bool = false,
        leavesOutLate: Bool = false
    ) -> [String] {
        ChangePlacement(versions: versions, changes: changes, keepsFirst: keepsFirst, leavesOutLate: leavesOutLate)
            .places()
            .map { "\($0.effect) \($0.versions.map { String($0 + 1) }.joined(separator: ","))" }
    }

    @Test("with an effective time, in whatever order they came")
    func spliced() {
        // Day 10 brought what holds from 1 and from 5, with an equal one at 3; day 11 a late one for 4.
        let versions = [version(1, 4, by: 10, then: 11), version(4, 5, by: 11), version(5, nil, by: 10)]
        #expect(
            places(
                versions, change("upsert", 1, by: 10, 0, 1), change("upsert", 3, by: 10, 0, 1),
                change("upsert", 4, by: 11, 0, 2), change("upsert", 5, by: 10, 0, 3))
                == ["opened 1", "none 1", "opened 2", "opened 3"])
    }

    @Test("when a second one has the same effective time")
    func corrected() {
        #expect(
            places([version(1, nil, by: 10, then: 11)], change("upsert", 1, by: 10), change("upsert", 1, by: 11, 0, 1))
                == ["opened 1", "corrected 1"])
        #expect(
            places([version(1, nil, by: 11)], change("upsert", 1, by: 10), change("upsert", 1, by: 11, 0, 1))
                == ["replaced 1", "opened 1"])
    }

    @Test("when a deletion and a return are moved behind what they would overlap")
    func moved() {
        let versions = [version(8, 8, by: 8, then: 9, deleted: true, micro: 1), version(9, nil, by: 10)]
        #expect(
            places(versions, change("delete", 6, by: 9, nil), change("restore", 7, by: 10), change("upsert", 8, by: 8))
                == ["closed 1", "opened 2", "opened 1"])
    }

    @Test("in a gap, before everything, and of a key that is deleted already")
    func gaps() {
        let versions = [version(2, 4, by: 2, then: 4, deleted: true), version(6, nil, by: 6)]
        #expect(
            places(
                versions, change("upsert", 1, by: 1), change("upsert", 2, by: 2), change("delete", 4, by: 4, nil),
                change("delete", 5, by: 5, nil), change("restore", 6, by: 6))
                == ["none ", "opened 1", "closed 1", "none 1", "opened 2"])
        #expect(places([], change("upsert", 1, by: 1), change("delete", 2, by: 2, nil)) == ["none ", "none "])
    }

    @Test("when only overwritten columns changed, and when nothing is known of a document")
    func overwritten() {
        let versions = [version(1, nil, by: 1, then: 4)]
        let (first, second) = (change("upsert", 1, by: 1), change("upsert", 2, by: 2, 5))
        #expect(
            places(versions, first, second, change("upsert", 3, by: 3, 5), change("upsert", 4, by: 4, nil))
                == ["opened 1", "overwrote 1", "none 1", "overwrote 1"])
        #expect(places(versions, first, second, keepsFirst: true) == ["opened 1", "none 1"])
    }

    @Test("in a table that also keeps what was thought when")
    func bitemporal() {
        let versions = [
            version(1, nil, by: 1, then: 2, recorded: 1, superseded: 2), version(1, 3, by: 1, then: 2, recorded: 2),
            version(3, nil, by: 2, recorded: 2),
        ]
        #expect(
            places(versions, change("upsert", 1, by: 1, 0, 1), change("upsert", 3, by: 2, 0, 2))
                == ["opened 1,2", "opened 3"])
        #expect(versions.map(\.isCurrent) == [false, false, true])
        #expect(versions.map { $0.holds(at: instant(2)) } == [false, true, false])
        #expect(versions.map { $0.holds(at: instant(3)) } == [false, false, true])
    }
}

@Suite("CSV rows as they were written")
struct CSVRowsTests {
    @Test("are found wherever the chunks end", arguments: ["\n", "\r\n", "\r"], [true, false])
    func chunks(end: String, closes: Bool) throws {
        let rows = ["1,a", "\"2\"\"\",\"b\(end)\(end),c\"", "3,é", "4,", "bad", "6,\"f\""]
        let text = Array(
            ("\u{FEFF}\"n\(end)o\",v\(end)\(end)" + rows.joined(separator: end) + (closes ? end : "")).utf8)
        for size in 1...text.count {
            var found = CSVRows([1, 2, 4, 5, 6, 9])
            for start in stride(from: 0, to: text.count, by: size) {
                try found.read(Array(text[start..<min(start + size, text.count)]))
            }
            try found.finish()
            let expected = Dictionary(uniqueKeysWithValues: [1, 2, 4, 5, 6].map { ($0, Array(rows[$0 - 1].utf8)) })
            #expect(found.found == expected, "chunks of \(size)")
        }
    }
}
