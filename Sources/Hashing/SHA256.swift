internal import CCrypto
public import Primitives

/// SHA-256 over a stream of bytes, by libcrypto (https://docs.openssl.org/3.0/man3/SHA256_Init/).
///
/// Its functions for one algorithm, which OpenSSL 3 would rather see replaced by `EVP_Digest…`: those take twice as long for a
/// key of 26 bytes (115 instead of 66 ns), for they look things up and allocate.
@safe public struct SHA256: ~Copyable {
    private var state = SHA256_CTX()

    /// An empty digest.
    public init() { restart() }

    /// Adds bytes.
    public mutating func update(_ bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBytes { buffer in
            let added = unsafe SHA256_Update(&state, buffer.baseAddress, buffer.count)
            precondition(added == 1, "libcrypto refused to hash \(buffer.count) bytes")
        }
    }

    /// The 32 bytes of the digest; starts again with an empty one.
    public mutating func finish() -> [UInt8] {
        let digest = unsafe [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            unsafe SHA256_Final(buffer.baseAddress, &state)
            count = 32
        }
        restart()
        return digest
    }

    /// The first 16 bytes of the digest; starts again with an empty one.
    public mutating func finishTruncated() -> UUIDValue {
        var digest: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        unsafe withUnsafeMutableBytes(of: &digest) { buffer in
            _ = unsafe SHA256_Final(buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), &state)
        }
        restart()
        return UUIDValue(high: UInt64(bigEndian: digest.0), low: UInt64(bigEndian: digest.1))
    }

    private mutating func restart() {
        let started = unsafe SHA256_Init(&state)
        precondition(started == 1, "libcrypto has no SHA-256")
    }

    /// The digest of `bytes` as 64 lower-case hex digits.
    public static func hex(of bytes: Span<UInt8>) -> String {
        var digest = SHA256()
        digest.update(bytes)
        return hexadecimal(digest.finish())
    }
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
