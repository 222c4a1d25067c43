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
    private var input: [UInt8] = []

    /// Of the key columns: SHA-256 truncated, so that crafted keys cannot be made to collide.
    mutating func key(_ row: TypedRow, _ columns: [Int]) -> UUIDValue {
        input.removeAll(keepingCapacity: true)
        row.appendHashInput(of: columns, to: &input)
        let bytes = input
        digest.update(bytes.span)
        return digest.finishTruncated()
    }

    /// Of other columns: XXH3-128.
    mutating func values(_ row: TypedRow, _ columns: [Int]) -> UUIDValue {
        input.removeAll(keepingCapacity: true)
        row.appendHashInput(of: columns, to: &input)
        return XXH3.hash128(input.span)
    }

    /// Of a record that has no key: where it was landed.
    mutating func place(run: UUIDValue, file: Int, record: Int) -> UUIDValue {
        input.removeAll(keepingCapacity: true)
        input.append(RowHash.version)
        input.append(bigEndian: run.high)
        input.append(bigEndian: run.low)
        input.append(bigEndian: Int64(file))
        input.append(bigEndian: Int64(record))
        let bytes = input
        digest.update(bytes.span)
        return digest.finishTruncated()
    }
}
