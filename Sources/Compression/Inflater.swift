import CZlib

/// Decompresses gzip (RFC 1952) as it streams in: any number of members one after the other, split anywhere.
///
/// Checksum and length of every member are checked. Zero bytes behind the last member are ignored, as gzip does;
/// anything else there is an error. Manual: <https://zlib.net/manual.html>.
@safe public struct Inflater: ~Copyable {
    private enum Position {
        /// Before the first member.
        case start
        /// Inside a member.
        case member
        /// Behind a complete member: another one, padding or the end follows.
        case between
        /// In the zero bytes behind the last member.
        case padding
    }

    /// zlib keeps a pointer back to the stream, so it must not move.
    private let stream: UnsafeMutablePointer<z_stream>
    private var buffer = [UInt8](repeating: 0, count: lentBytes)
    private var position = Position.start
    private var decoded: DecodedBytes

    /// A decompressor that refuses to give out more than `limit` bytes.
    public init(limit: Int? = nil) throws {
        decoded = DecodedBytes(limit: limit)
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        // 15 = largest window, + 16 = gzip header and trailer expected.
        let code = unsafe inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard code == Z_OK else { throw CompressionError.library(.gzip, reason: "zlib code \(code)") }
    }

    deinit {
        unsafe inflateEnd(stream)
        unsafe stream.deinitialize(count: 1)
        unsafe stream.deallocate()
    }

    /// Takes the next compressed bytes and lends what they decode to, in pieces of at most 256 KB.
    /// - Throws: `CompressionError`, or whatever `output` throws.
    public mutating func push(_ input: Span<UInt8>, _ output: (Span<UInt8>) throws -> Void) throws {
        var start = 0
        while start < input.count {
            if position != .member {
                try beginMember(input[start])
                if position != .member {
                    start += 1
                    continue
                }
            }
            start += try inflatePiece(of: input.extracting(start..<input.count), output)
        }
    }

    /// Says that no more bytes will come.
    /// - Throws: `CompressionError.truncated` when the last member is not complete.
    public func finish() throws {
        guard position == .between || position == .padding else { throw CompressionError.truncated(.gzip) }
    }

    /// Decides what the byte behind a member (or at the start) begins.
    private mutating func beginMember(_ byte: UInt8) throws {
        switch position {
        case .start: position = .member
        case .between where byte != 0:
            unsafe inflateReset(stream)
            position = .member
        case .between, .padding:
            guard byte == 0 else {
                throw CompressionError.corrupt(.gzip, reason: "other bytes behind the padding")
            }
            position = .padding
        case .member: break
        }
    }

    /// Fills the buffer once or more until the input or the member is used up; the number of bytes used.
    private mutating func inflatePiece(
        of input: Span<UInt8>, _ output: (Span<UInt8>) throws -> Void
    ) throws -> Int {
        let count = min(input.count, Int(UInt32.max))
        var used = 0
        while position == .member {
            let available = buffer.count
            let code = unsafe input.withUnsafeBufferPointer { source in
                unsafe buffer.withUnsafeMutableBufferPointer { target in
                    // zlib does not write through next_in; its declaration only lacks the const.
                    unsafe stream.pointee.next_in = UnsafeMutablePointer(
                        mutating: source.baseAddress.map { unsafe $0 + used })
                    unsafe stream.pointee.avail_in = UInt32(count - used)
                    unsafe stream.pointee.next_out = target.baseAddress
                    unsafe stream.pointee.avail_out = UInt32(available)
                    return unsafe inflate(stream, Z_NO_FLUSH)
                }
            }
            used = unsafe count - Int(stream.pointee.avail_in)
            let produced = unsafe available - Int(stream.pointee.avail_out)
            try check(code)
            try decoded.add(produced)
            if produced > 0 { try output(buffer.span.extracting(0..<produced)) }
            if code == Z_STREAM_END { position = .between }
            if used == count, produced < available { break }
        }
        return used
    }

    private func check(_ code: Int32) throws {
        switch code {
        // Z_BUF_ERROR only says that nothing could be done with an empty input.
        case Z_OK, Z_STREAM_END, Z_BUF_ERROR: return
        case Z_MEM_ERROR: throw CompressionError.library(.gzip, reason: "out of memory")
        default:
            let reason = unsafe stream.pointee.msg.map { unsafe String(cString: $0) } ?? "zlib code \(code)"
            throw CompressionError.corrupt(.gzip, reason: reason)
        }
    }
}

extension Inflater {
    /// Takes the next compressed bytes from an array.
    /// - Throws: `CompressionError`, or whatever `output` throws.
    public mutating func push(_ input: [UInt8], _ output: (Span<UInt8>) throws -> Void) throws {
        try push(input.span, output)
    }
}
