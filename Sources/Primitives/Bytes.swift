extension [UInt8] {
    /// Appends the bytes of a span.
    @inlinable
    public mutating func append(bytes: Span<UInt8>) {
        bytes.withUnsafeBufferPointer { append(contentsOf: $0) }
    }

    /// Appends a number's bytes, most significant first.
    @inlinable
    public mutating func append(bigEndian number: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: number.bigEndian) { append(contentsOf: $0) }
    }
}

extension String {
    /// Text from the bytes of a span; what is not UTF-8 is shown as U+FFFD.
    public init(decoding bytes: Span<UInt8>) {
        self = bytes.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }
}
