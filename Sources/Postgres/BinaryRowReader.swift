public import Primitives

/// Walks over the rows in one chunk of `COPY … TO STDOUT WITH (FORMAT binary)`.
///
/// A chunk holds whole rows; the first one starts with the signature, the last one ends with the trailer, both of
/// which are skipped. Call `next` before each row.
public struct BinaryRowReader: Sendable {
    private let bytes: [UInt8]
    private var position = 0
    /// Start and length of each field of the current row; length -1 is NULL.
    private var fields: [(start: Int, length: Int)] = []

    /// A reader before the first row of `chunk`.
    public init(_ chunk: [UInt8]) {
        bytes = chunk
        if chunk.starts(with: BinaryCopy.signature) {
            position = BinaryCopy.signature.count + 4
            let extensionLength = integer(at: position, bytes: 4)
            position += 4 + Int(extensionLength)
        }
    }

    /// The number of fields of the current row.
    public var fieldCount: Int { fields.count }

    /// Moves on to the next row; false when there is none left in this chunk.
    public mutating func next() -> Bool {
        guard position < bytes.count else { return false }
        let count = Int(integer(at: position, bytes: 2))
        position += 2
        fields.removeAll(keepingCapacity: true)
        guard count >= 0 else { return false }
        for _ in 0..<count {
            let length = Int(integer(at: position, bytes: 4))
            fields.append((position + 4, length))
            position += 4 + max(0, length)
        }
        precondition(position <= bytes.count, "a BinaryRowReader reads whole chunks of a COPY in binary format")
        return true
    }

    /// True when a field of the current row is NULL.
    public func isNull(_ index: Int) -> Bool { fields[index].length < 0 }

    /// Lends the bytes of a field of the current row; nil for NULL.
    public func withField<Result, Failure: Error>(
        _ index: Int, _ body: (Span<UInt8>?) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let (start, length) = fields[index]
        if length < 0 { return try body(nil) }
        return try body(bytes.span.extracting(start..<start + length))
    }

    /// A `smallint`, `integer` or `bigint`; nil for NULL.
    public func int64(_ index: Int) -> Int64? {
        let (start, length) = fields[index]
        return length < 0 ? nil : integer(at: start, bytes: length)
    }

    /// A `uuid`; nil for NULL.
    public func uuid(_ index: Int) -> UUIDValue? {
        let (start, length) = fields[index]
        if length < 0 { return nil }
        precondition(length == 16, "field \(index) is no uuid: \(length) bytes")
        return UUIDValue(
            high: UInt64(bitPattern: integer(at: start, bytes: 8)),
            low: UInt64(bitPattern: integer(at: start + 8, bytes: 8)))
    }

    /// A `timestamptz`; nil for NULL.
    public func instant(_ index: Int) -> Instant? {
        int64(index).map { Instant(microseconds: $0 + PostgresEpoch.microseconds) }
    }

    /// A `boolean`; nil for NULL.
    public func bool(_ index: Int) -> Bool? {
        let (start, length) = fields[index]
        return length < 0 ? nil : bytes[start] != 0
    }

    /// A `double precision`; nil for NULL.
    public func double(_ index: Int) -> Double? {
        int64(index).map { Double(bitPattern: UInt64(bitPattern: $0)) }
    }

    /// A `text`; nil for NULL.
    public func text(_ index: Int) -> String? {
        let (start, length) = fields[index]
        return length < 0 ? nil : String(decoding: bytes[start..<start + length], as: UTF8.self)
    }

    /// A signed number of 2, 4 or 8 bytes, most significant first.
    @inline(__always)
    private func integer(at start: Int, bytes count: Int) -> Int64 {
        unsafe bytes.withUnsafeBytes { raw in
            switch count {
            case 2: Int64(Int16(bigEndian: unsafe raw.loadUnaligned(fromByteOffset: start, as: Int16.self)))
            case 4: Int64(Int32(bigEndian: unsafe raw.loadUnaligned(fromByteOffset: start, as: Int32.self)))
            case 8: Int64(bigEndian: unsafe raw.loadUnaligned(fromByteOffset: start, as: Int64.self))
            default: preconditionFailure("a number of \(count) bytes in a binary COPY")
            }
        }
    }
}
