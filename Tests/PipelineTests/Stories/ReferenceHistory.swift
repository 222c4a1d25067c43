/// SCD2 in its simplest form, one key after the other in memory: what the pipeline must agree with.
struct ReferenceHistory {
    /// A record of the entity `id int key, a int, b text, c text scd=1`.
    struct Record: Hashable {
        var id: Int
        var a: Int?
        var b: String?
        var c: String?
    }

    private struct Version {
        var values: Record
        var from: Int
        var to: Int?
        var isDeleted = false
    }

    private var versions: [Int: [Version]] = [:]
    private let isScoped: Bool

    /// An empty history.
    /// - Parameter isScoped: Full loads delete only among keys with one of their values of `b`.
    init(isScoped: Bool = false) { self.isScoped = isScoped }

    /// Applies what a source delivered on a day, in the order of arrival; the last record of a key counts.
    mutating func apply(_ records: [Record], isFull: Bool, day: Int) {
        var last: [Int: Record] = [:]
        for record in records { last[record.id] = record }
        for (id, record) in last { put(record, id, day) }
        guard isFull else { return }
        let scopes = Set(last.values.map(\.b))
        for (id, rows) in versions where last[id] == nil {
            guard !isScoped || rows.last.map({ scopes.contains($0.values.b) }) == true else { continue }
            close(id, day, isDeleted: true)
        }
    }

    private mutating func put(_ record: Record, _ id: Int, _ day: Int) {
        var rows = versions[id] ?? []
        if let open = rows.indices.last, rows[open].to == nil {
            if rows[open].values.a == record.a, rows[open].values.b == record.b {
                rows[open].values.c = record.c
                versions[id] = rows
                return
            }
            rows[open].to = day
        }
        rows.append(Version(values: record, from: day))
        versions[id] = rows
    }

    private mutating func close(_ id: Int, _ day: Int, isDeleted: Bool) {
        guard var rows = versions[id], let open = rows.indices.last, rows[open].to == nil else { return }
        rows[open].to = day
        rows[open].isDeleted = isDeleted
        versions[id] = rows
    }

    /// The table as `TestWarehouse.table` shows it.
    var table: String {
        versions.sorted { $0.key < $1.key }.flatMap(\.value).map { row in
            let end = (row.to.map { "d\($0)" } ?? "") + (row.isDeleted ? " deleted" : "")
            let a = row.values.a.map(String.init) ?? "NULL"
            return
                "\(row.values.id) | \(a) | \(row.values.b ?? "NULL") | \(row.values.c ?? "NULL") | d\(row.from)..\(end)"
        }.joined(separator: "\n")
    }
}
