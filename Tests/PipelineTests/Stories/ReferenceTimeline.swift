/// Histories with an effective time in their simplest form: every change of a key kept, and folded anew for each look.
///
/// Times are days; a row that ends a microsecond after it began is written `+1us`, as `TestWarehouse.table` does.
struct ReferenceTimeline {
    /// A record of `id int key, a int, c text scd=1, at …, n int, gone boolean`.
    struct Record: Hashable {
        var id: Int
        var at: Int
        /// Orders records of the same key and time.
        var n: Int
        var a: Int?
        var c: String?
        var isGone = false
    }

    /// A place in time: a day and microseconds behind it.
    private struct Place: Comparable {
        var day: Int
        var micro = 0
        static func < (left: Place, right: Place) -> Bool {
            left.day != right.day ? left.day < right.day : left.micro < right.micro
        }
        var next: Place { Place(day: day, micro: micro + 1) }
        var text: String { "d\(day)" + (micro > 0 ? "+\(micro)us" : "") }
    }

    private struct Change {
        var place: Place
        var record: Record?
        var n: Double
        var arrival: Int
        var isDelete: Bool
    }

    private struct Row {
        var values: Record
        var from: Place
        var to: Place?
        var isDeleted = false
    }

    private var changes: [Int: [Change]] = [:]
    private var arrivals = 0

    /// Applies what a source delivered on a day, so many microseconds after its midnight.
    mutating func apply(_ records: [Record], isFull: Bool, day: Int, micro: Int = 0) {
        let arrival = Place(day: day, micro: micro)
        var present: Set<Int> = []
        for (id, records) in Dictionary(grouping: records, by: \.id) {
            present.insert(id)
            // Of the same key and time, the last upsert and the last delete of a batch count.
            let sorted = records.filter { record in
                !records.contains { $0.at == record.at && $0.isGone == record.isGone && $0.n > record.n }
            }.sorted { ($0.at, $0.n) < ($1.at, $1.n) }
            let before = newest(id)
            for (index, record) in sorted.enumerated() {
                put(record, isNewest: index == sorted.count - 1, before: before, isFull: isFull, arrival: arrival)
            }
        }
        guard isFull else { return }
        for id in changes.keys.sorted() where !present.contains(id) {
            guard let newest = newest(id), !newest.isDelete else { continue }
            add(
                id,
                Change(
                    place: max(arrival, newest.place.next), record: nil, n: -.infinity, arrival: 0, isDelete: true)
            )
        }
    }

    /// The change of a key that counts last.
    private func newest(_ id: Int) -> Change? { ordered(id).last }

    private func ordered(_ id: Int) -> [Change] {
        (changes[id] ?? []).sorted { ($0.place, $0.n, $0.arrival) < ($1.place, $1.n, $1.arrival) }
    }

    private mutating func add(_ id: Int, _ change: Change) {
        arrivals += 1
        var change = change
        change.arrival = arrivals
        changes[id, default: []].append(change)
    }

    private mutating func put(_ record: Record, isNewest: Bool, before: Change?, isFull: Bool, arrival: Place) {
        var place = Place(day: record.at)
        let all = changes[record.id] ?? []
        let known = all.filter { $0.record?.at == record.at && $0.isDelete == record.isGone }
            .max { $0.arrival < $1.arrival }
        var isPlaced = false
        var isKnown = known?.record == record || before?.record == record
        var n = Double(record.n)
        if isNewest, let last = before, last.record != record {
            let byAbsence = last.isDelete && last.record == nil
            if last.isDelete, !record.isGone, isFull || byAbsence {
                // What restores a key counts right behind what deleted it.
                if place <= last.place { n = last.n == -.infinity ? n : last.n + 0.001 }
                (place, isKnown, isPlaced) = (max(place, last.place), false, true)
            } else if isFull, !last.isDelete, place < last.place {
                (place, isKnown, isPlaced) = (max(arrival, last.place.next), false, true)
            } else if isFull, !last.isDelete, record.isGone, place == last.place {
                // A delete of the present's own time ends it.
                if n < last.n { n = last.n + 0.001 }
                (isKnown, isPlaced) = (false, true)
            }
        }
        if !isPlaced, !record.isGone, let last = before, !last.isDelete, last.record?.at == record.at,
            last.place > place
        {
            // What is the present from later than its time is corrected there.
            (place, n) = (last.place, last.n + 0.001)
        }
        guard !isKnown else { return }
        add(record.id, Change(place: place, record: record, n: n, arrival: 0, isDelete: record.isGone))
    }

    private func rows(_ id: Int) -> [Row] {
        var rows: [Row] = []
        var rest = ordered(id)[...]
        while let first = rest.first {
            let group = rest.prefix { $0.place == first.place }
            rest = rest.dropFirst(group.count)
            // Of the same place in time, the last upsert and the last delete count.
            let lastUpsert = group.lastIndex { !$0.isDelete }
            let lastDelete = group.lastIndex { $0.isDelete }
            for index in group.indices where index == lastUpsert || index == lastDelete {
                ReferenceTimeline.add(group[index], to: &rows)
            }
        }
        return rows
    }

    private static func add(_ change: Change, to rows: inout [Row]) {
        let open = rows.last.flatMap { $0.to == nil ? rows.count - 1 : nil }
        guard let record = change.record, !change.isDelete else {
            guard let open else { return }
            rows[open].to = max(change.place, rows[open].from.next)
            rows[open].isDeleted = true
            return
        }
        guard let open else {
            rows.append(Row(values: record, from: max(change.place, rows.last?.to ?? change.place)))
            return
        }
        if rows[open].values.a == record.a {
            rows[open].values.c = record.c
        } else if change.place <= rows[open].from {
            rows[open].values = record
        } else {
            rows[open].to = change.place
            rows.append(Row(values: record, from: change.place))
        }
    }

    /// The table as `TestWarehouse.table` shows it.
    var table: String {
        changes.keys.sorted().flatMap { id in
            rows(id).map { row in
                let end = (row.to?.text ?? "") + (row.isDeleted ? " deleted" : "")
                let a = row.values.a.map(String.init) ?? "NULL"
                return "\(id) | \(a) | \(row.values.c ?? "NULL") | \(row.from.text)..\(end)"
            }
        }.joined(separator: "\n")
    }
}
