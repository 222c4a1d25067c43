/// Bytes written one after the other into memory that stays allocated: what an array does, with one check for a whole
/// value where the array makes one for each of its parts.
public struct ByteWriter: Sendable {
    /// Allocated bytes; only the first `count` are meant.
    @usableFromInline var storage: [UInt8]
    @usableFromInline var used = 0

    /// Bytes written since the last `removeAll`.
    @inlinable public var count: Int { used }

    /// No bytes yet, and memory for so many.
    public init(capacity: Int = 256) { storage = [UInt8](repeating: 0, count: capacity) }

    /// The writer's memory, of which the first `count` bytes are meant.
    public var allocated: [UInt8] { storage }

    /// Forgets what was written; the memory stays.
    public mutating func removeAll() { used = 0 }

    /// Lends the bytes of a range.
    @inlinable
    public func withBytes<R>(_ range: Range<Int>, _ body: (Span<UInt8>) throws -> R) rethrows -> R {
        precondition(range.upperBound <= count)
        return try body(storage.span.extracting(range))
    }

    /// Lends all bytes.
    @inlinable
    public func withBytes<R>(_ body: (Span<UInt8>) throws -> R) rethrows -> R { try withBytes(0..<count, body) }

    /// The bytes of a range, copied.
    public subscript(range: Range<Int>) -> ArraySlice<UInt8> {
        precondition(range.upperBound <= count)
        return storage[range]
    }

    // MARK: Writing

    /// Appends one byte.
    @inlinable
    public mutating func append(byte: UInt8) { write(1) { $0[0] = byte } }

    /// Appends a number, most significant byte first.
    @inlinable
    public mutating func append<Number: FixedWidthInteger>(bigEndian number: Number) {
        let size = MemoryLayout<Number>.size
        write(size) { $0.storeBytes(of: number.bigEndian, as: Number.self) }
    }

    /// Appends two numbers, most significant bytes first.
    @inlinable
    public mutating func append<First: FixedWidthInteger, Second: FixedWidthInteger>(
        bigEndian first: First, _ second: Second
    ) {
        let (size, further) = (MemoryLayout<First>.size, MemoryLayout<Second>.size)
        write(size + further) {
            $0.storeBytes(of: first.bigEndian, as: First.self)
            $0.storeBytes(of: second.bigEndian, toByteOffset: size, as: Second.self)
        }
    }

    /// Appends the bytes of an id, behind a number.
    @inlinable
    public mutating func append<Number: FixedWidthInteger>(bigEndian number: Number, _ id: UUIDValue) {
        let size = MemoryLayout<Number>.size
        write(size + 16) {
            $0.storeBytes(of: number.bigEndian, as: Number.self)
            $0.storeBytes(of: id.high.bigEndian, toByteOffset: size, as: UInt64.self)
            $0.storeBytes(of: id.low.bigEndian, toByteOffset: size + 8, as: UInt64.self)
        }
    }

    /// Appends the bytes of a span.
    @inlinable
    public mutating func append(_ bytes: Span<UInt8>) {
        bytes.withUnsafeBytes { source in write(source.count) { $0.copyMemory(from: source) } }
    }

    /// Appends the bytes of a span, behind a number.
    @inlinable
    public mutating func append<Number: FixedWidthInteger>(bigEndian number: Number, _ bytes: Span<UInt8>) {
        let size = MemoryLayout<Number>.size
        bytes.withUnsafeBytes { source in
            write(size + source.count) {
                $0.storeBytes(of: number.bigEndian, as: Number.self)
                UnsafeMutableRawBufferPointer(rebasing: $0[size...]).copyMemory(from: source)
            }
        }
    }

    /// Appends bytes of another writer.
    @inlinable
    public mutating func append(_ other: borrowing ByteWriter, _ range: Range<Int>) {
        other.withBytes(range) { append($0) }
    }

    /// Writes a number over bytes written before.
    @inlinable
    public mutating func replace<Number: FixedWidthInteger>(at offset: Int, bigEndian number: Number) {
        precondition(offset >= 0 && offset + MemoryLayout<Number>.size <= count)
        storage.withUnsafeMutableBytes { $0.storeBytes(of: number.bigEndian, toByteOffset: offset, as: Number.self) }
    }

    /// Lends room for exactly `size` bytes, which `body` fills.
    @inlinable
    public mutating func write(_ size: Int, _ body: (UnsafeMutableRawBufferPointer) -> Void) {
        let start = used
        if start + size > storage.count { grow(by: size) }
        storage.withUnsafeMutableBytes { body(UnsafeMutableRawBufferPointer(rebasing: $0[start..<start + size])) }
        used = start + size
    }

    @usableFromInline
    @inline(never)
    mutating func grow(by size: Int) {
        let target = max(used + size, storage.count * 2)
        storage.append(contentsOf: repeatElement(0, count: target - storage.count))
    }
}
