internal import JSON
internal import Metadata
internal import Postgres
internal import Primitives

/// Reads changes key by key, folds them into versions, and writes these as rows for the stage or an empty history.
///
/// Memory holds one key's last values and a chunk of COPY, however long its history is.
struct FoldStager: ~Copyable {
    /// What the rows are.
    enum Mode {
        /// The first rows of an empty history.
        case fill(now: Instant)
        /// What comes behind everything that is known of a key.
        case chain
        /// All versions of a key, derived again.
        case derive
    }

    /// What a staged row is.
    enum Kind: Int32 {
        /// A version of a chain.
        case version = 0
        /// A delete in front of a chain.
        case headDelete = 1
        /// A version of a key that was derived again.
        case derived = 2
        /// Stands for a key that was derived again, whether or not a version came of it.
        case derivedKey = 3
        /// The first version of a chain, once it turned out to go on with the open row.
        case continued = 4
        /// The first change of a chain whose first version ends with other overwritten columns: for the counts only.
        case firstChange = 5
    }

    private struct Origin {
        var key: UUIDValue
        var event: VersionFold.Event
    }

    private let mode: Mode
    private let table: SilverTable
    private let batch: Batch
    private let stored: [Int]
    private let isOverwritten: [Bool]
    /// Columns that no record of some batches had, by their run: these changes keep what was known.
    private let missing: [UUIDValue: [Int]]
    private var reader: DocumentReader
    private var window: RecordWindow
    private var hash = RowHash()
    private var fold: VersionFold
    private var key: UUIDValue?
    private var isFirstOfKey = true
    /// The key's changes, where their order of arrival decides which are left out.
    private var held: [VersionFold.Event] = []
    /// The overwritten columns of the key's first change.
    private var firstOverwritten: UUIDValue?
    /// Rows on their way.
    var buffer = CopyBuffer()
    /// Changes of the batch read so far.
    private(set) var changes = 0
    /// Keys whose chain begins with a version.
    private(set) var chains = 0
    /// Chains whose first change is staged on its own.
    private(set) var firstChanges = 0

    init(_ table: SilverTable, batch: Batch, timezone: String, missing: [UUIDValue: [String]], mode: Mode) {
        let entity = table.entity
        self.mode = mode
        self.table = table
        self.batch = batch
        stored = entity.columns.indices.filter { entity.columns[$0].isStored }
        reader = DocumentReader(ofLog: entity, timezone: timezone)
        let overwritten = Set(reader.overwritten)
        isOverwritten = entity.columns.indices.map(overwritten.contains)
        self.missing = missing.mapValues { names in
            entity.columns.indices.filter { names.contains(entity.columns[$0].name) && !entity.columns[$0].isKey }
        }
        window = RecordWindow(.lines, paths: DocumentReader.paths(of: entity))
        var countsFirst = true
        if case .chain = mode { countsFirst = false }
        fold = VersionFold(
            countsFirst: countsFirst,
            leavesOutLate: entity.effectiveTimeColumn != nil && entity.lateArrivals != .splice)
    }

    /// What the batch's changes came to, but for the first ones of chains.
    var effects: VersionFold.Effects { fold.effects }

    /// Adds a chunk of COPY: key hash, change, position, run, its instant, raw file, record number, whether late, document.
    mutating func add(_ chunk: [UInt8]) throws {
        var rows = BinaryRowReader(chunk)
        var origins: [Origin] = []
        window.clear()
        while rows.next() {
            guard let key = rows.uuid(0), let change = rows.text(1), let position = rows.instant(2),
                let run = rows.uuid(3), let instant = rows.instant(4), let file = rows.int64(5),
                let record = rows.int64(6)
            else { continue }
            let isDelete = change.utf8.elementsEqual("delete".utf8)
            origins.append(
                Origin(
                    key: key,
                    event: VersionFold.Event(
                        isDelete: isDelete, position: position, run: RunIdentity(id: run, timestamp: instant),
                        isCounted: instant == batch.run.timestamp, isLate: rows.bool(7) ?? false,
                        place: VersionFold.Place(file: Int(file), record: Int(record)), row: TypedRow(columns: 0))))
            guard !isDelete else { continue }
            rows.withField(8) { document in
                if let document { window.append(document) }
            }
        }
        window.extract()
        var record = 0
        for origin in origins {
            var event = origin.event
            if origin.key != key { try finishKey() }
            let isFirst = key == nil
            key = origin.key
            if event.isCounted { changes += 1 }
            if !event.isDelete {
                try read(record, into: &event)
                record += 1
                if isFirst { firstOverwritten = event.overwritten }
            }
            if reader.fixed.isEmpty { try add(event) } else { held.append(event) }
        }
    }

    /// Ends the last key and the stream.
    mutating func finish() throws {
        try finishKey()
        buffer.finish()
    }

    private mutating func read(_ record: Int, into event: inout VersionFold.Event) throws {
        if case .rejected(let column, let reason, _) = reader.read(window, record) {
            let place = column.map { "column '\($0)' " } ?? ""
            throw StepError(
                .merge,
                "the document of run \(event.run.id), raw file \(event.place.file), record \(event.place.record) was accepted in "
                    + "bronze but \(place)\(reason) under today's metadata; "
                    + ChangeStager.waysOut(of: table.entity.id))
        }
        event.row = reader.row
        guard reader.fixed.isEmpty else {
            let isWhole =
                missing[event.run.id].map { lacking in !reader.fixed.contains(where: lacking.contains) } ?? true
            event.fixed = isWhole ? hash.values(event.row, reader.fixed) : nil
            return
        }
        complete(&event)
    }

    /// Gives a change what its batch lacked, and its hashes.
    private mutating func complete(_ event: inout VersionFold.Event) {
        guard !event.isDelete else { return }
        if let lacking = missing[event.run.id], let known = fold.values {
            for column in lacking { event.row.copy(column, from: known, column) }
        }
        event.overwritten = hash.values(event.row, reader.overwritten)
        event.versioned = hash.values(event.row, reader.versioned)
    }

    /// Folds the key's changes without those that change what never changes: what came first counts, in the order of
    /// arrival, of each of the key's lives, which deletes divide.
    private mutating func addHeld() throws {
        let changes = held
        held.removeAll(keepingCapacity: true)
        var lives: [Int] = []
        var life = 0
        for change in changes {
            lives.append(life)
            if change.isDelete, !(change.isLate && fold.leavesOutLate) { life += 1 }
        }
        var fixed = [UUIDValue?](repeating: nil, count: life + 1)
        var rejected = Set<Int>()
        let arrival = changes.indices.sorted {
            (changes[$0].run.timestamp, changes[$0].place.file, changes[$0].place.record)
                < (changes[$1].run.timestamp, changes[$1].place.file, changes[$1].place.record)
        }
        for index in arrival where !changes[index].isDelete && !(changes[index].isLate && fold.leavesOutLate) {
            let given = changes[index].fixed
            if let known = fixed[lives[index]], let given, known != given {
                rejected.insert(index)
            } else {
                fixed[lives[index]] = fixed[lives[index]] ?? given
            }
        }
        for (index, change) in changes.enumerated() {
            guard !rejected.contains(index) else {
                fold.reject(change)
                continue
            }
            var change = change
            complete(&change)
            try add(change)
        }
    }

    private mutating func add(_ event: VersionFold.Event) throws {
        var versions: [VersionFold.Version] = []
        fold.add(event) { versions.append($0) }
        if fold.headDelete != nil { isFirstOfKey = false }
        for version in versions { write(version) }
    }

    private mutating func finishKey() throws {
        guard let key else { return }
        try addHeld()
        var versions: [VersionFold.Version] = []
        let head = fold.finish { versions.append($0) }
        for version in versions { write(version) }
        switch mode {
        case .fill: break
        case .chain: if let head { writeMark(of: key, .headDelete, at: head, isFirst: true) }
        case .derive: writeMark(of: key, .derivedKey, at: batch.run.timestamp, isFirst: false)
        }
        if case .chain = mode, head == nil { chains += 1 }
        isFirstOfKey = true
        firstOverwritten = nil
        self.key = nil
    }

    // MARK: Rows

    private mutating func write(_ version: VersionFold.Version) {
        guard let key else { return }
        var further = 11
        if case .fill = mode { further = SilverTable.foldedColumns(isBitemporal: table.isBitemporal).count }
        buffer.beginRow(columns: stored.count + further)
        for column in stored {
            let row = isOverwritten[column] ? version.latest.row : version.opening.row
            row.appendField(column, to: &buffer)
        }
        buffer.append(uuid: key)
        buffer.append(uuid: version.latest.overwritten)
        buffer.append(uuid: version.opening.versioned)
        buffer.append(instant: version.from)
        if let to = version.to { buffer.append(instant: to) } else { buffer.appendNull() }
        buffer.append(bool: version.isDeleted)
        buffer.append(uuid: version.opening.run.id)
        buffer.append(instant: version.opening.run.timestamp)
        switch mode {
        case .fill(let now):
            buffer.append(uuid: batch.run.id)
            buffer.append(instant: now)
            buffer.append(instant: now)
            if table.isBitemporal { buffer.append(instant: batch.run.timestamp) }
        case .chain: appendStageEnd(.version)
        case .derive: appendStageEnd(.derived)
        }
        if isFirstOfKey, case .chain = mode, let first = firstOverwritten, first != version.latest.overwritten {
            writeMark(of: key, .firstChange, at: version.from, isFirst: false, overwritten: first)
            firstChanges += 1
        }
        isFirstOfKey = false
    }

    private mutating func appendStageEnd(_ kind: Kind) {
        buffer.append(int32: kind.rawValue)
        buffer.append(bool: isFirstOfKey)
        buffer.appendNull()
    }

    /// A row without values.
    private mutating func writeMark(
        of key: UUIDValue, _ kind: Kind, at instant: Instant, isFirst: Bool, overwritten: UUIDValue = .zero
    ) {
        buffer.beginRow(columns: stored.count + 11)
        for _ in stored { buffer.appendNull() }
        buffer.append(uuid: key)
        buffer.append(uuid: overwritten)
        buffer.append(uuid: .zero)
        buffer.append(instant: instant)
        buffer.appendNull()
        buffer.append(bool: kind == .headDelete)
        buffer.append(uuid: batch.run.id)
        buffer.append(instant: batch.run.timestamp)
        buffer.append(int32: kind.rawValue)
        buffer.append(bool: isFirst)
        buffer.appendNull()
    }
}
