internal import Primitives

/// What `HashPartitions` takes: something with the hash of a key.
protocol Hashed: BitwiseCopyable {
    /// The hash's first bits.
    var prefix: UInt64 { get }
}

/// What tells whether a record is known: its key's hash, its document's hash, and a mark of whoever adds it.
struct KeyEntry: Hashed {
    var key: UUIDValue
    var document: UUIDValue
    var mark: UInt64

    var prefix: UInt64 { key.high }
}

/// What tells whether a key stands twice: two keys with the same 64 bits hardly ever meet.
struct KeyPrefix: Hashed {
    let prefix: UInt64

    init(_ key: UUIDValue) { prefix = key.high }
}

typealias KeyPartitions = HashPartitions<KeyEntry>

/// Entries of any number of records, in partitions by their keys' first bits, each of which fits into memory.
///
/// Two sets with the same number of partitions can be compared partition by partition: the keys of one are only in the
/// same one of the other (a hash join that spills, as Shapiro describes it in "Join processing in database systems with
/// large main memories", 1986). What is more than a chunk per partition goes to a `SpoolFile`.
struct HashPartitions<Entry: Hashed & Sendable>: Sendable {
    /// A partition is meant to hold so many.
    private static var wantedSize: Int { 32_768 }
    /// So many entries of a partition are held before they are written: 4 to 32 KB, which is 0.5 to 4 MB for all partitions.
    private let chunkSize: Int

    private var open: [[Entry]]
    /// Where each partition's full chunks stand in the file.
    private var chunks: [[Int]]
    private let file = SpoolFile()
    /// A key's bits behind those that tell its partition.
    private let shift: UInt64
    /// Entries of all partitions.
    private(set) var count = 0

    /// Partitions for about `expected` entries: 16 to 1,024.
    init(expecting expected: Int) {
        var bits: UInt64 = 4
        while bits < 10, expected >> bits > Self.wantedSize { bits += 1 }
        shift = 64 - bits
        chunkSize = min(32 << 10, max(4 << 10, (1 << 20) >> bits)) / MemoryLayout<Entry>.stride
        open = Array(repeating: [], count: 1 << bits)
        chunks = Array(repeating: [], count: 1 << bits)
    }

    /// The places of the partitions.
    var indices: Range<Int> { open.indices }

    /// Adds an entry.
    mutating func add(_ entry: Entry) throws {
        let partition = Int(entry.prefix >> shift)
        open[partition].append(entry)
        count += 1
        guard open[partition].count == chunkSize else { return }
        chunks[partition].append(try open[partition].withUnsafeBytes { try file.append($0) })
        open[partition].removeAll(keepingCapacity: true)
    }

    /// Every entry of a partition, in the order of their first bits.
    ///
    /// Keys are hashes, so their next bits spread them evenly over buckets of a few entries, which an insertion sort then
    /// puts in order: in a fifth of the time of sorting by comparison.
    private func sortedEntries(of partition: Int) throws -> [Entry] {
        let entries = try entries(of: partition)
        guard entries.count > 256 else { return entries.sorted { $0.prefix < $1.prefix } }
        let bits: UInt64 = 12
        func bucket(_ entry: Entry) -> Int { Int(entry.prefix >> (shift - bits)) & (1 << bits - 1) }
        var places = [Int](repeating: 0, count: 1 << bits + 1)
        for entry in entries { places[bucket(entry) + 1] += 1 }
        for index in 1..<places.count { places[index] += places[index - 1] }
        return [Entry](unsafeUninitializedCapacity: entries.count) { sorted, count in
            for entry in entries {
                let bucket = bucket(entry)
                sorted.initializeElement(at: places[bucket], to: entry)
                places[bucket] += 1
            }
            count = entries.count
            for index in entries.indices.dropFirst() {
                let entry = sorted[index]
                var place = index
                while place > 0, entry.prefix < sorted[place - 1].prefix {
                    sorted[place] = sorted[place - 1]
                    place -= 1
                }
                sorted[place] = entry
            }
        }
    }

    /// True where no hash's first bits stand twice.
    func areDistinct() throws -> Bool {
        for partition in indices {
            let entries = try sortedEntries(of: partition)
            for place in entries.indices.dropFirst() where entries[place - 1].prefix == entries[place].prefix {
                return false
            }
        }
        return true
    }

    /// Every entry of a partition, in the order in which they were added.
    func entries(of partition: Int) throws -> [Entry] {
        var entries: [Entry] = []
        try read(partition, into: &entries)
        return entries
    }

    /// Puts every entry of a partition in the place of what is there: memory that is used again costs less than new one.
    func read(_ partition: Int, into entries: inout [Entry]) throws {
        entries.removeAll(keepingCapacity: true)
        entries.reserveCapacity(chunks[partition].count * chunkSize + open[partition].count)
        for offset in chunks[partition] {
            let chunk = try [Entry](unsafeUninitializedCapacity: chunkSize) { chunk, count in
                try file.read(UnsafeMutableRawBufferPointer(chunk), at: offset)
                count = chunkSize
            }
            entries += chunk
        }
        entries += open[partition]
    }
}
