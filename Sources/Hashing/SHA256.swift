internal import CCrypto
public import Primitives

/// SHA-256 over a stream of bytes, by libcrypto (https://docs.openssl.org/3.0/man3/EVP_DigestInit/).
@safe public struct SHA256: ~Copyable {
    private let context: OpaquePointer

    /// An empty digest.
    public init() {
        guard let context = unsafe EVP_MD_CTX_new() else { preconditionFailure("libcrypto has no memory for a digest") }
        unsafe self.context = context
        let started = unsafe EVP_DigestInit_ex2(context, Algorithm.sha256.pointer, nil)
        precondition(started == 1, "libcrypto has no SHA-256")
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
        unsafe restart(context)
        return digest
    }

    /// The first 16 bytes of the digest; starts again with an empty one.
    public mutating func finishTruncated() -> UUIDValue {
        var digest: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        unsafe withUnsafeMutableBytes(of: &digest) { buffer in
            _ = unsafe EVP_DigestFinal_ex(context, buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), nil)
        }
        unsafe restart(context)
        return UUIDValue(high: UInt64(bigEndian: digest.0), low: UInt64(bigEndian: digest.1))
    }

    /// The digest of `bytes` as 64 lower-case hex digits.
    public static func hex(of bytes: Span<UInt8>) -> String {
        var digest = SHA256()
        digest.update(bytes)
        return hexadecimal(digest.finish())
    }
}

/// Empties a context; its algorithm stays, for looking one up costs more than hashing a key.
private func restart(_ context: OpaquePointer) {
    let started = unsafe EVP_DigestInit_ex2(context, nil, nil)
    precondition(started == 1, "libcrypto has no SHA-256")
}

/// An algorithm of libcrypto, fetched once and never freed (https://docs.openssl.org/3.0/man7/crypto/#explicit-fetching).
@safe private struct Algorithm: @unchecked Sendable {  // libcrypto shares it between threads
    let pointer: OpaquePointer

    static let sha256: Algorithm = {
        guard let fetched = unsafe EVP_MD_fetch(nil, "SHA256", nil) else {
            preconditionFailure("libcrypto has no SHA-256")
        }
        return unsafe Algorithm(pointer: fetched)
    }()
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
