internal import Postgres

/// Rows for a COPY, shared out by the first bits of the key hash that each begins with: sent partition by partition, those that
/// follow each other touch the same pages of the key's index.
///
/// Within a partition rows stay in the order in which they came: its part of the index fits into the processor's cache. What is
/// more than a chunk per partition goes to a temporary file.
struct RowPartitions: Sendable {
    /// Of an index of key hashes and places.
    static let bytesPerKey = 48
    /// A partition's part of the index, as long as 1,024 do.
    private static let wantedSize = 1 << 20
    /// Bytes that up to 256 partitions hold, about; of more, each holds 4 KB or a row.
    private static let mostHeld = 1 << 20

    private var open: [[UInt8]]
    /// Where each partition's full chunks stand in the spool.
    private var chunks: [[Range<Int>]]
    private var spool: ByteSpool
    private let shift: UInt64
    private let chunkSize: Int
    /// Bytes of all rows.
    private(set) var byteCount = 0

    /// 1 to 1,024 partitions of an index that is so large, or will be.
    init(indexBytes: Int, in spool: ByteSpool = ByteSpool()) {
        self.spool = spool
        var bits: UInt64 = 0
        while bits < 10, indexBytes >> bits > Self.wantedSize { bits += 1 }
        shift = 64 - bits
        chunkSize = max(4 << 10, Self.mostHeld >> bits)
        open = Array(repeating: [], count: 1 << bits)
        chunks = Array(repeating: [], count: 1 << bits)
    }

    /// Adds whole rows in COPY's binary form, without signature.
    /// - Parameter taken: Up to where they were taken, also where a full disk ends it.
    mutating func append(_ rows: Span<UInt8>, from taken: inout Int) throws {
        try rows.withUnsafeBytes { bytes in
            while taken < bytes.count {
                // The number of fields, then each field's length and bytes: the key's 16 come first.
                let key = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: taken + 6, as: UInt64.self))
                let fields = Int16(bigEndian: bytes.loadUnaligned(fromByteOffset: taken, as: Int16.self))
                var end = taken + 2
                for _ in 0..<fields {
                    let length = Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: end, as: Int32.self))
                    end += 4 + max(0, Int(length))
                }
                let partition = Int(key >> shift)
                if open[partition].capacity == 0 { open[partition].reserveCapacity(chunkSize + chunkSize / 4) }
                open[partition].append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[taken..<end]))
                byteCount += end - taken
                taken = end
                if open[partition].count >= chunkSize { try close(partition) }
            }
        }
    }

    private mutating func close(_ partition: Int) throws {
        chunks[partition].append(try spool.append(open[partition]))
        // Of large rows, memory for each partition would add up.
        open[partition].removeAll(keepingCapacity: open[partition].count <= 2 * chunkSize)
    }

    /// Sends every row, as long as `goesOn`.
    func send(on connection: PostgresConnection, while goesOn: () -> Bool = { true }) async throws {
        var rows: [UInt8] = []
        for (partition, full) in chunks.enumerated() {
            for piece in 0...full.count {
                rows += try piece < full.count ? spool.read(full[piece]) : open[partition]
                guard rows.count >= CopyBuffer.flushThreshold else { continue }
                guard goesOn() else { return }
                try await connection.putCopyData(rows)
                rows.removeAll(keepingCapacity: true)
            }
        }
        try await connection.putCopyData(rows)
    }
}
