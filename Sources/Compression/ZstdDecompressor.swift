import CZstd

/// Decompresses zstd (RFC 8878) as it streams in: any number of frames one after the other, split anywhere.
///
/// Frames that need a window of more than 64 MB (`zstd --ultra -22`, `--long=27`) are refused, so that memory
/// stays bounded. Manual: <https://facebook.github.io/zstd/doc/api_manual_latest.html>.
@safe public struct ZstdDecompressor: ~Copyable {
    private static let windowLog: Int32 = 26

    private let context: OpaquePointer
    private var buffer = [UInt8](repeating: 0, count: lentBytes)
    private var isAtFrameEnd = false
    /// True where it may give more without more input: a full buffer may leave decoded bytes inside the context.
    public private(set) var holdsBack = false
    private var decoded: DecodedBytes

    /// A decompressor that refuses to give out more than `limit` bytes.
    public init(limit: Int? = nil) throws {
        unsafe context = try Self.makeContext()
        decoded = DecodedBytes(limit: limit)
    }

    private static func makeContext() throws -> OpaquePointer {
        guard let context = unsafe ZSTD_createDCtx() else {
            throw CompressionError.library(.zstd, reason: "out of memory")
        }
        // Cannot fail: the value is within the library's bounds.
        unsafe _ = ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, windowLog)
        return unsafe context
    }

    deinit { unsafe _ = ZSTD_freeDCtx(context) }

    /// Takes the next compressed bytes and lends what they decode to, in pieces of at most 256 KB.
    /// - Throws: `CompressionError`, or whatever `output` throws.
    public mutating func push(_ input: Span<UInt8>, _ output: (Span<UInt8>) throws -> Void) throws {
        var used = 0
        while used < input.count || holdsBack { used += try step(input.extracting(droppingFirst: used), output) }
    }

    /// Takes as much of the input as decodes to one piece of at most 256 KB, and lends it.
    /// - Returns: How many bytes it took.
    /// - Throws: `CompressionError`, or whatever `output` throws.
    public mutating func step(_ input: Span<UInt8>, _ output: (Span<UInt8>) throws -> Void) throws -> Int {
        let available = buffer.count
        var (used, produced) = (0, 0)
        let code = unsafe input.withUnsafeBufferPointer { source in
            unsafe buffer.withUnsafeMutableBufferPointer { target in
                var from = unsafe ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
                var to = unsafe ZSTD_outBuffer(dst: target.baseAddress, size: available, pos: 0)
                let code = unsafe ZSTD_decompressStream(context, &to, &from)
                unsafe used = from.pos
                unsafe produced = to.pos
                return code
            }
        }
        try check(code)
        isAtFrameEnd = code == 0
        holdsBack = produced == available && !isAtFrameEnd
        try decoded.add(produced)
        if produced > 0 { try output(buffer.span.extracting(0..<produced)) }
        return used
    }

    /// Says that no more bytes will come.
    /// - Throws: `CompressionError.truncated` when the last frame is not complete.
    public func finish() throws {
        guard isAtFrameEnd else { throw CompressionError.truncated(.zstd) }
    }

    private func check(_ code: Int) throws {
        guard ZSTD_isError(code) != 0 else { return }
        let reason = unsafe String(cString: ZSTD_getErrorName(code))
        switch ZSTD_getErrorCode(code) {
        case ZSTD_error_memory_allocation: throw CompressionError.library(.zstd, reason: reason)
        case ZSTD_error_frameParameter_windowTooLarge:
            throw CompressionError.library(.zstd, reason: "it needs a window of more than 64 MB; use a level up to 19")
        default: throw CompressionError.corrupt(.zstd, reason: reason)
        }
    }
}

extension ZstdDecompressor {
    /// Takes the next compressed bytes from an array.
    /// - Throws: `CompressionError`, or whatever `output` throws.
    public mutating func push(_ input: [UInt8], _ output: (Span<UInt8>) throws -> Void) throws {
        try push(input.span, output)
    }
}
