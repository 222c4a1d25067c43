import Metadata
import Pipeline
import Postgres
import Primitives
import TestKit
import Testing

/// Random loads between which the metadata change, beside a twin that had the last metadata from the start.
@Suite("Random metadata", .fewAtOnce)
struct RandomMetadataTests {
    private static let perWarehouse = 5

    @Test(
        "open rows are by today's metadata, and after a rebuild from raw all rows are as if it had always been so",
        arguments: RandomHistories.starts(by: perWarehouse))
    func twins(firstSeed: UInt64) async throws {
        let seeds = (0..<UInt64(Self.perWarehouse)).map { firstSeed + $0 }
        var subjects = seeds.map(ChangingSubject.init)
        let warehouse = try await TestWarehouse(subjects.map { try $0.entity() })
        let usual = warehouse.workspace.shortcuts
        var dice = SeededGenerator(seed: firstSeed &+ 7)
        var days: [[ChangingSubject.Load]] = []
        for _ in 0..<6 {
            // A renamed column shows closed rows otherwise than before.
            try warehouse.change(try subjects.map { try $0.entity() }, rereads: true)
            warehouse.use(dice.next().isMultiple(of: 3) ? .never : usual)
            if dice.next().isMultiple(of: 3) { try await warehouse.loseUnlogged() }
            let isFull = days.isEmpty || dice.next().isMultiple(of: 2)
            let loads = subjects.indices.map { subjects[$0].load(isFull: isFull) }
            days.append(loads)
            try await Self.run(loads, subjects, warehouse)
            for index in subjects.indices { subjects[index].change() }
        }
        try warehouse.change(try subjects.map { try $0.entity() }, rereads: true)
        let last = subjects.indices.map { subjects[$0].load(isFull: true) }
        try await Self.run(last, subjects, warehouse)

        let twin = try await TestWarehouse(subjects.map { try $0.entity() })
        for loads in days + [last] { try await Self.run(loads, subjects, twin) }
        for subject in subjects {
            let open = try await Self.open(subject.name, warehouse)
            expect(open, equals: try await Self.open(subject.name, twin), "\(subject.name): \(subject.told)")
            for side in [warehouse, twin] { side.clock.advance(seconds: 60) }
            let rebuild = try await warehouse.rebuild(subject.name, from: .raw)
            #expect(
                rebuild.run.status == .succeeded,
                "\(subject.name): \(subject.told) \(rebuild.run.steps.compactMap(\.error))")
            expect(
                try await warehouse.table(subject.name), equals: try await twin.table(subject.name),
                "\(subject.name): \(subject.told)")
        }
        // The rebuild has changed closed rows, too.
        try warehouse.change(try subjects.map { try $0.entity() }, rereads: true)
        // What is noted of the tables is right, too: the same loads go on from there.
        let again = subjects.indices.map { subjects[$0].load(isFull: true) }
        for side in [warehouse, twin] { try await Self.run(again, subjects, side) }
        for subject in subjects {
            expect(
                try await warehouse.table(subject.name), equals: try await twin.table(subject.name),
                "\(subject.name), behind its rebuild: \(subject.told)")
            expect(try await warehouse.rebuildDifferences(subject.name, from: .raw), equals: [], "\(subject.name)")
        }
    }

    private static func run(
        _ loads: [ChangingSubject.Load], _ subjects: [ChangingSubject], _ warehouse: TestWarehouse
    ) async throws {
        warehouse.clock.advance(seconds: 86_400)
        for (load, subject) in zip(loads, subjects) {
            try warehouse.put(load.records, for: subject.name, files: load.files)
        }
        let report = try await warehouse.run {
            $0.loadType = loads.allSatisfy(\.isFull) ? .full : .delta
            $0.allowsDeletes = true
        }
        let errors = report.steps.compactMap(\.error)
        #expect(report.status == .succeeded, "\(subjects.map(\.told)): \(errors)")
    }

    /// What the open rows say; since when does not depend on today's metadata alone.
    private static func open(_ name: String, _ warehouse: TestWarehouse) async throws -> [String] {
        let columns = warehouse.entity(name).storedColumns.map {
            "coalesce(\(identifier: $0.name)::text, 'NULL')" as SQLText
        }
        return try await warehouse.rows(
            """
            SELECT concat_ws(' | ', \(fragment: columns.joined(separator: ", "))) FROM \(table: "silver", "t_\(name)_current")
            ORDER BY id
            """)
    }
}

/// An entity whose metadata change, and what its source says.
private struct ChangingSubject {
    struct Load {
        var records: [String]
        var isFull: Bool
        var files: Int
    }

    private struct Column {
        var name: String
        var path: String
        var type = "text"
        /// Attributes that come and go.
        var traits: Set<String> = []
        var renamedFrom: String?

        var text: String {
            let renamed = renamedFrom.map { " renamed_from=\($0)" } ?? ""
            return "\(name) \(type) path=/\(path)\(renamed)" + traits.sorted().map { " " + $0 }.joined()
        }
    }

    private static let texts = ["b", "c", "d"]
    /// What statements call their tables and columns, and words of SQL.
    private static let names = [
        "t", "l", "r", "n", "g", "o", "p", "k", "e", "m", "late", "known", "is_derived", "total", "missing", "place",
        "key",
        "value", "doc", "record", "file", "reason", "order", "user", "end",
    ]
    private static let traits = ["scd=1", "trim=true", "default=none", #"null_values=["-"]"#]

    let name: String
    /// How the metadata changed, for whoever has to repeat it.
    private(set) var told: [String] = []
    private var generator: SeededGenerator
    private var columns: [Column]
    /// Names that were given once.
    private var former: Set<String> = []
    private let hasTime: Bool
    private let attributes: String
    /// What the source said last of each key.
    private var said: [Int: String] = [:]

    init(seed: UInt64) {
        name = "m\(seed)"
        generator = SeededGenerator(seed: seed)
        hasTime = Bool.random(using: &generator)
        let histories = hasTime ? ["scd2", "scd2", "bitemporal"] : ["scd2", "scd2", "scd1", "latest", "bitemporal"]
        let history = histories.randomElement(using: &generator) ?? "scd2"
        let isScoped = history != "latest" && Bool.random(using: &generator)
        attributes = """
            {"history": "\(history)", "allow_empty": true, "delta": {"mode": "all"}\(hasTime ? #", "effective_time_column": "at""# : "")\
            \(isScoped ? #", "full_scope": "s""# : "")}
            """
        columns = [Column(name: "a", path: "a", type: "int"), Column(name: "b", path: "b")]
        told.append(attributes)
    }

    func entity() throws -> TestEntity {
        let always = ["id int key", "s text", "at timestamptz stored=false"]
        return try TestEntity(
            name, columns: (always + columns.map(\.text)).joined(separator: ", "), attributes)
    }

    /// One change of the metadata, or none.
    mutating func change() {
        let index = Int.random(in: columns.indices, using: &generator)
        columns[index].renamedFrom = nil
        let isText = columns[index].type == "text"
        switch Int.random(in: 0...6, using: &generator) {
        case 0: break
        case 1 where columns.count < 4:
            let path = Self.texts.randomElement(using: &generator) ?? "b"
            columns.append(Column(name: newName(), path: path))
        case 2 where isText: columns[index].path = Self.texts.randomElement(using: &generator) ?? "b"
        case 3 where !isText: columns[index].type = "bigint"
        case 4:
            columns[index].renamedFrom = columns[index].name
            columns[index].name = newName()
        default:
            let trait = isText ? Self.traits.randomElement(using: &generator) ?? "scd=1" : "scd=1"
            columns[index].traits.formSymmetricDifference([trait])
        }
        told.append(columns.map(\.text).joined(separator: ", "))
    }

    private mutating func newName() -> String {
        let used = Set(columns.flatMap { [$0.name, $0.renamedFrom ?? ""] } + former)
        let name = Self.names.filter { !used.contains($0) }.randomElement(using: &generator) ?? "z"
        former.insert(name)
        return name
    }

    /// What the source says next. One record has all fields, so that none is taken for moved or lost.
    mutating func load(isFull: Bool) -> Load {
        let presence = Double.random(in: 0...1, using: &generator)
        var records = [record(0, isWhole: true)]
        for id in 1...6 where Double.random(in: 0...1, using: &generator) < presence {
            records.append(record(id, isWhole: false))
        }
        return Load(
            records: records.shuffled(using: &generator), isFull: isFull,
            files: Int.random(in: 1...2, using: &generator))
    }

    /// Mostly as before: only such records tell whether rows that did not change are read again.
    private mutating func record(_ id: Int, isWhole: Bool) -> String {
        if let said = said[id], Int.random(in: 0...2, using: &generator) > 0 { return said }
        var fields = [#""id":\#(id)"#, #""s":"\#(["n", "s"].randomElement(using: &generator) ?? "n")""#]
        let day = Int.random(in: 1...9, using: &generator)
        fields.append(#""at":"2026-01-0\#(day)T00:00:00Z""#)
        let a = [nil, 0, 1].randomElement(using: &generator) ?? nil
        if let a = isWhole ? a ?? 7 : a { fields.append(#""a":\#(a)"#) }
        for field in Self.texts {
            let text = [nil, "", " x", "x", "x", "-", "y"].randomElement(using: &generator) ?? nil
            if let text = isWhole ? text ?? "z" : text { fields.append(#""\#(field)":"\#(text)""#) }
        }
        let record = "{" + fields.joined(separator: ",") + "}"
        said[id] = record
        return record
    }
}
