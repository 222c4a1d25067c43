internal import Hashing
internal import Primitives

/// 128-bit hashes over typed values: what tells keys apart, and changed rows from unchanged ones.
///
/// Input: a version byte, then the columns by name in byte order, each value's canonical form length-prefixed, NULL as
/// a length that no value has. So `('x|','y')` and `('x','|y')` differ, and so do NULL and ''.
struct RowHash: ~Copyable {
    /// Changes whenever the canonical form of any type does.
    static let version: UInt8 = 1

    private var digest = SHA256()
    private var input = ByteWriter()

    /// Of the key columns: SHA-256 truncated, so that crafted keys cannot be made to collide.
    mutating func key(_ row: TypedRow, _ columns: [Int]) -> UUIDValue {
        input.removeAll()
        row.appendHashInput(of: columns, to: &input)
        return truncatedDigest()
    }

    /// Of other columns: XXH3-128.
    mutating func values(_ row: TypedRow, _ columns: [Int]) -> UUIDValue {
        input.removeAll()
        row.appendHashInput(of: columns, to: &input)
        return input.withBytes { XXH3.hash128($0) }
    }

    /// Of a record that has no key: where it was landed.
    mutating func place(run: UUIDValue, file: Int, record: Int) -> UUIDValue {
        input.removeAll()
        input.append(bigEndian: RowHash.version, run)
        input.append(bigEndian: Int64(file), Int64(record))
        return truncatedDigest()
    }

    private mutating func truncatedDigest() -> UUIDValue {
        input.withBytes { digest.update($0) }
        return digest.finishTruncated()
    }
}
