internal import CCrypto
public import Primitives

/// SHA-256 over a stream of bytes, by libcrypto (https://docs.openssl.org/3.0/man3/EVP_DigestInit/).
@safe public struct SHA256: ~Copyable {
    private let context: OpaquePointer

    /// An empty digest.
    public init() {
        guard let context = unsafe EVP_MD_CTX_new() else { preconditionFailure("libcrypto has no memory for a digest") }
        unsafe self.context = context
        unsafe start(context)
    }

    deinit { unsafe EVP_MD_CTX_free(context) }

    /// Adds bytes.
    public mutating func update(_ bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBytes { buffer in
            let added = unsafe EVP_DigestUpdate(context, buffer.baseAddress, buffer.count)
            precondition(added == 1, "libcrypto refused to hash \(buffer.count) bytes")
        }
    }

    /// The 32 bytes of the digest; starts again with an empty one.
    public mutating func finish() -> [UInt8] {
        let digest = unsafe [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            unsafe EVP_DigestFinal_ex(context, buffer.baseAddress, nil)
            count = 32
        }
        unsafe start(context)
        return digest
    }

    /// The first 16 bytes of the digest; starts again with an empty one.
    public mutating func finishTruncated() -> UUIDValue {
        let digest = finish()
        func half(_ range: Range<Int>) -> UInt64 { digest[range].reduce(0) { $0 << 8 | UInt64($1) } }
        return UUIDValue(high: half(0..<8), low: half(8..<16))
    }

    /// The digest of `bytes` as 64 lower-case hex digits.
    public static func hex(of bytes: Span<UInt8>) -> String {
        var digest = SHA256()
        digest.update(bytes)
        return hexadecimal(digest.finish())
    }
}

private func start(_ context: OpaquePointer) {
    let started = unsafe EVP_DigestInit_ex(context, EVP_sha256(), nil)
    precondition(started == 1, "libcrypto has no SHA-256")
}

/// Lower-case hex digits of bytes.
public func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count * 2)
    for byte in bytes {
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
}
