public import Primitives

/// Encodes rows for `COPY … FROM STDIN WITH (FORMAT binary)` into a buffer that is reused.
///
/// The signature is written before the first row, the trailer by `finish`. The types must be exactly those of the
/// columns: PostgreSQL converts nothing here (https://www.postgresql.org/docs/current/sql-copy.html, binary format).
///
/// ```swift
/// var buffer = CopyBuffer()
/// for row in rows {
///     buffer.beginRow(columns: 2)
///     buffer.append(int64: row.id)
///     buffer.append(text: row.name)
///     if buffer.needsFlush { try await connection.putCopyData(&buffer) }
/// }
/// buffer.finish()
/// try await connection.putCopyData(&buffer)
/// ```
public struct CopyBuffer: Sendable {
    /// When `needsFlush` turns true, in bytes.
    public static let flushThreshold = 256 * 1024

    private var bytes: ByteWriter
    private var wroteSignature = false

    /// An empty buffer, before the signature.
    /// - Parameter continues: The signature was sent before, by another buffer.
    public init(continues: Bool = false) {
        bytes = ByteWriter(capacity: Self.flushThreshold + 64 * 1024)
        wroteSignature = continues
    }

    /// Bytes encoded since the buffer was last empty.
    public var byteCount: Int { bytes.count }

    /// Bytes of memory that are kept for rows.
    public var capacity: Int { bytes.allocated.count }

    /// True from 256 KB on.
    public var needsFlush: Bool { bytes.count >= Self.flushThreshold }

    /// A copy of the encoded bytes, which leave the buffer; its memory stays.
    public mutating func takeBytes() -> [UInt8] {
        let taken = Array(bytes[0..<bytes.count])
        clear()
        return taken
    }

    /// Lends the encoded bytes.
    public func withBytes<Result>(_ body: (Span<UInt8>) throws -> Result) rethrows -> Result {
        try bytes.withBytes(body)
    }

    /// The buffer's memory, of which the first `byteCount` bytes are meant.
    var allocated: [UInt8] { bytes.allocated }

    /// Forgets the encoded bytes, once they were sent; its memory stays, and so does that the signature was written.
    public mutating func clear() { bytes.removeAll() }

    /// Starts the data, where no row is to: of rows that other buffers bring.
    public mutating func begin() { writeSignature() }

    /// Starts a row; exactly `columns` fields must follow.
    public mutating func beginRow(columns: Int) {
        writeSignature()
        bytes.append(bigEndian: Int16(columns))
    }

    /// Ends the data. Nothing may follow.
    public mutating func finish() {
        writeSignature()
        bytes.append(bigEndian: Int16(-1))
    }

    // MARK: Fields

    /// NULL of any type.
    public mutating func appendNull() { bytes.append(bigEndian: Int32(-1)) }

    /// `smallint`.
    public mutating func append(int16: Int16) { field(int16) }

    /// `integer`.
    public mutating func append(int32: Int32) { field(int32) }

    /// `bigint`.
    public mutating func append(int64: Int64) { field(int64) }

    /// `double precision`.
    public mutating func append(double: Double) { field(Int64(bitPattern: double.bitPattern)) }

    /// `boolean`.
    public mutating func append(bool: Bool) { field(Int8(bool ? 1 : 0)) }

    /// `uuid`.
    public mutating func append(uuid: UUIDValue) { bytes.append(bigEndian: Int32(16), uuid) }

    /// `timestamptz` or `timestamp`, from microseconds since 1970-01-01T00:00:00 (UTC).
    public mutating func append(instant microsSinceUnixEpoch: Int64) {
        field(microsSinceUnixEpoch - PostgresEpoch.microseconds)
    }

    /// `timestamptz`.
    public mutating func append(instant: Instant) { append(instant: instant.microseconds) }

    /// `date`, from days since 1970-01-01.
    public mutating func append(dateDaysSinceUnixEpoch days: Int64) {
        field(Int32(clamping: days - PostgresEpoch.days))
    }

    /// `date`, from days since 1970-01-01.
    @_disfavoredOverload
    public mutating func append(dateDaysSinceUnixEpoch days: Int32) { append(dateDaysSinceUnixEpoch: Int64(days)) }

    /// `time`, from microseconds since midnight.
    public mutating func append(timeMicroseconds: Int64) { field(timeMicroseconds) }

    /// `text` or `json`, from UTF-8.
    public mutating func append(text: Span<UInt8>) { append(field: text) }

    /// `text` or `json`.
    public mutating func append(text: String) {
        var text = text
        text.withUTF8 { utf8 in append(field: unsafe Span(_unsafeElements: utf8)) }
    }

    /// `jsonb`, from the UTF-8 of a JSON text: a version byte stands before it.
    public mutating func append(jsonb: Span<UInt8>) {
        bytes.append(bigEndian: Int32(jsonb.count + 1), UInt8(1))
        bytes.append(jsonb)
    }

    /// `bytea`.
    public mutating func append(bytea: Span<UInt8>) { append(field: bytea) }

    /// One field of any type, already in its binary form.
    public mutating func append(field: Span<UInt8>) { bytes.append(bigEndian: Int32(field.count), field) }

    /// Whole fields with their lengths, encoded earlier by another buffer.
    public mutating func append(fields: Span<UInt8>) { bytes.append(fields) }

    /// Whole fields with their lengths, encoded earlier by another buffer.
    public mutating func append(fields: [UInt8]) { append(fields: fields.span) }

    // MARK: Bytes

    private mutating func writeSignature() {
        if wroteSignature { return }
        wroteSignature = true
        let header = BinaryCopy.signature + [UInt8](repeating: 0, count: 8)  // no flags, no header extension
        bytes.append(header.span)
    }

    @inline(__always)
    private mutating func field<Number: FixedWidthInteger>(_ number: Number) {
        bytes.append(bigEndian: Int32(MemoryLayout<Number>.size), number)
    }
}

/// What is common to both directions of binary COPY.
enum BinaryCopy {
    /// `PGCOPY\n\377\r\n\0`.
    static let signature: [UInt8] = [0x50, 0x47, 0x43, 0x4F, 0x50, 0x59, 0x0A, 0xFF, 0x0D, 0x0A, 0x00]
}
