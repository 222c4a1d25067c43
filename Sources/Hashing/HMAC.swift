internal import CCrypto

/// HMAC with SHA-256 (RFC 2104), by libcrypto (https://docs.openssl.org/3.0/man3/HMAC/).
public enum HMACSHA256 {
    /// The 32 bytes that prove `message` under `key`.
    public static func code(of message: [UInt8], key: [UInt8]) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: 32) { code, count in
            var length: UInt32 = 0
            let made = unsafe HMAC(
                EVP_sha256(), key, Int32(key.count), message, message.count, code.baseAddress, &length)
            precondition(unsafe made != nil && length == 32, "libcrypto refused to make an HMAC")
            count = 32
        }
    }
}
