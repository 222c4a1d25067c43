internal import CCrypto

/// A private key that signs, read from PEM by libcrypto
/// (https://docs.openssl.org/3.0/man3/PEM_read_bio_PrivateKey/, https://docs.openssl.org/3.0/man3/EVP_DigestSignInit/).
@safe public struct SigningKey: ~Copyable {
    /// The kinds of keys that sign here.
    public enum Kind: Sendable, Hashable {
        /// RSASSA-PKCS1-v1_5 with SHA-256.
        case rsa
        /// ECDSA over P-256 with SHA-256.
        case p256
    }

    /// Why a text is no key that signs; never a part of it.
    public struct Refusal: Error, Sendable, Hashable, CustomStringConvertible {
        /// One line.
        public let description: String
    }

    /// What it is.
    public let kind: Kind
    private let key: OpaquePointer

    /// Reads an unencrypted PEM text: PKCS#8, or the older forms of RSA and EC keys.
    /// - Throws: `Refusal` for anything else, for RSA under 2048 bits and for other curves.
    public init(pem: String) throws(Refusal) {
        let text = Array(pem.utf8)
        let found = unsafe text.withUnsafeBytes { bytes -> OpaquePointer? in
            guard let input = unsafe BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count)) else { return nil }
            defer { unsafe BIO_free(input) }
            // Without an answer of its own libcrypto would ask the terminal for the passphrase of an encrypted key.
            return unsafe PEM_read_bio_PrivateKey(input, nil, { _, _, _, _ in -1 }, nil)
        }
        // What went wrong stays in the thread's queue of errors, and would be taken for somebody else's.
        ERR_clear_error()
        guard let key = unsafe found else {
            throw Refusal(
                description: pem.contains("ENCRYPTED")
                    ? "the private key is encrypted, expected one without a passphrase"
                    : "no private key in PEM (-----BEGIN PRIVATE KEY-----)")
        }
        let kind = unsafe Self.kind(of: key)
        if kind == nil { unsafe EVP_PKEY_free(key) }
        guard let kind else {
            throw Refusal(description: "neither an RSA key of at least 2048 bits nor an EC key on P-256")
        }
        unsafe self.key = key
        self.kind = kind
    }

    deinit { unsafe EVP_PKEY_free(key) }

    /// The signature of a message: for RSA as long as the key, for P-256 the 64 bytes r‖s (RFC 7518, section 3.4).
    public func signature(of message: Span<UInt8>) -> [UInt8] {
        guard let context = unsafe EVP_MD_CTX_new() else { preconditionFailure("libcrypto has no memory for a digest") }
        defer { unsafe EVP_MD_CTX_free(context) }
        var length = 0
        let made = unsafe message.withUnsafeBufferPointer { bytes -> [UInt8]? in
            guard unsafe EVP_DigestSignInit(context, nil, EVP_sha256(), nil, key) == 1,
                unsafe EVP_DigestSign(context, nil, &length, bytes.baseAddress, bytes.count) == 1
            else { return nil }
            // The first call told the greatest length, the second tells the real one.
            var signature = [UInt8](repeating: 0, count: length)
            guard unsafe EVP_DigestSign(context, &signature, &length, bytes.baseAddress, bytes.count) == 1 else {
                return nil
            }
            return Array(signature.prefix(length))
        }
        guard let made else { preconditionFailure("libcrypto refused to sign with a key that it has read") }
        return kind == .rsa ? made : Self.joined(made)
    }

    private static func kind(of key: OpaquePointer) -> Kind? {
        if unsafe EVP_PKEY_is_a(key, "RSA") == 1 { return unsafe EVP_PKEY_get_bits(key) >= 2048 ? .rsa : nil }
        guard unsafe EVP_PKEY_is_a(key, "EC") == 1 else { return nil }
        var name = [CChar](repeating: 0, count: 64)
        var length = 0
        guard unsafe EVP_PKEY_get_group_name(key, &name, name.count, &length) == 1 else { return nil }
        return name.prefix(length).map { UInt8(bitPattern: $0) } == Array("prime256v1".utf8) ? .p256 : nil
    }

    /// libcrypto signs in DER, a sequence of two integers; web tokens take both as 32 bytes each.
    private static func joined(_ der: [UInt8]) -> [UInt8] {
        unsafe der.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            guard let pair = unsafe d2i_ECDSA_SIG(nil, &start, bytes.count) else {
                preconditionFailure("libcrypto cannot read its own signature")
            }
            defer { unsafe ECDSA_SIG_free(pair) }
            var halves = [UInt8](repeating: 0, count: 64)
            unsafe halves.withUnsafeMutableBufferPointer { buffer in
                let r = unsafe BN_bn2binpad(ECDSA_SIG_get0_r(pair), buffer.baseAddress, 32)
                let s = unsafe BN_bn2binpad(ECDSA_SIG_get0_s(pair), buffer.baseAddress?.advanced(by: 32), 32)
                precondition(r == 32 && s == 32, "a signature on P-256 has two numbers of 32 bytes")
            }
            return halves
        }
    }
}
