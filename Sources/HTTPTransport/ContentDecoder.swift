import Compression

/// Undoes the content encoding of one answer as it streams in.
///
/// libcurl would, but takes a gzip stream that ends too early for a complete one.
struct ContentDecoder: ~Copyable {
    /// Something else than gzip, which alone was asked for.
    struct UnknownEncoding: Error {
        var name: String
    }

    private let limit: Int
    /// nil for a body that comes as it is.
    private var inflater: Inflater?

    /// A decoder for the body of an answer with these headers, of at most `limit` decoded bytes.
    init(_ headers: HTTPHeaders, limit: Int) throws {
        self.limit = limit
        let encodings = headers.values(named: "Content-Encoding").joined(separator: ",").lowercased()
            .split { $0 == "," || $0 == " " }.filter { $0 != "identity" && $0 != "none" }
        guard !encodings.isEmpty else { return }
        guard encodings == ["gzip"] || encodings == ["x-gzip"] else {
            throw UnknownEncoding(name: encodings.joined(separator: ", "))
        }
        inflater = try Inflater(limit: limit)
    }

    /// Adds what the next bytes stand for.
    /// - Throws: `CompressionError`.
    mutating func decode(_ bytes: UnsafeRawBufferPointer, into body: inout [UInt8]) throws {
        guard inflater != nil else {
            guard body.count + bytes.count <= limit else { throw CompressionError.tooLarge(limit: limit) }
            return unsafe body.append(contentsOf: bytes)
        }
        try unsafe inflater?.push(Span(_unsafeBytes: bytes)) { decoded in
            unsafe decoded.withUnsafeBufferPointer { unsafe body.append(contentsOf: $0) }
        }
    }

    /// Says that no more bytes come.
    /// - Throws: `CompressionError.truncated` where some are missing.
    borrowing func finish() throws { try inflater?.finish() }
}
