internal import CCrypto

/// A key of 32 bytes that seals and opens: AES-256-GCM by libcrypto, a random nonce each time.
///
/// It prints as `‹key›`. Source: https://docs.openssl.org/3.0/man3/EVP_EncryptInit/
/// and https://docs.openssl.org/3.0/man3/RAND_bytes/
public struct SealingKey: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Bytes sealed with the nonce that opens them again.
    public struct Sealed: Sendable, Hashable {
        /// Twelve bytes that were never used with this key before.
        public var nonce: [UInt8]
        /// The encrypted bytes, the tag of 16 bytes behind them.
        public var bytes: [UInt8]

        /// Sealed bytes as they were stored.
        public init(nonce: [UInt8], bytes: [UInt8]) {
            self.nonce = nonce
            self.bytes = bytes
        }
    }

    /// Bytes of a key.
    public static let length = 32
    private static let nonceLength = 12
    private static let tagLength = 16

    /// The 32 bytes.
    public let bytes: [UInt8]

    /// A key of these bytes; nil for another number than 32.
    public init?(bytes: [UInt8]) {
        guard bytes.count == Self.length else { return nil }
        self.bytes = bytes
    }

    private init(known bytes: [UInt8]) { self.bytes = bytes }

    /// A new key from the system's random generator.
    public static func random() -> SealingKey { SealingKey(known: randomBytes(length)) }

    /// Sixteen hex digits that tell keys apart and nothing about the key.
    public var id: String {
        var digest = SHA256()
        let text = Array("medallion key id".utf8) + bytes
        digest.update(text.span)
        return hexadecimal(Array(digest.finish().prefix(8)))
    }

    /// Encrypts `plain`; what opens it must say the same `binding`.
    public func seal(_ plain: [UInt8], binding: [UInt8]) -> Sealed {
        let nonce = Self.randomBytes(Self.nonceLength)
        let context = CipherContext()
        var sealed = [UInt8](repeating: 0, count: plain.count + Self.tagLength)
        context.begin(encrypts: true, bytes, nonce, binding)
        unsafe sealed.withUnsafeMutableBufferPointer { output in
            var count: Int32 = 0
            let updated = unsafe EVP_EncryptUpdate(
                context.pointer, output.baseAddress, &count, plain, Int32(plain.count))
            precondition(updated == 1 && Int(count) == plain.count, "libcrypto refused to encrypt")
            let rest = unsafe output.baseAddress?.advanced(by: plain.count)
            let finished = unsafe EVP_EncryptFinal_ex(context.pointer, rest, &count)
            precondition(finished == 1 && count == 0, "libcrypto refused to encrypt")
            let tagged = unsafe EVP_CIPHER_CTX_ctrl(
                context.pointer, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagLength), rest)
            precondition(tagged == 1, "libcrypto gave no tag")
        }
        return Sealed(nonce: nonce, bytes: sealed)
    }

    /// The bytes that were sealed; nil for another key, another binding, or bytes that were changed.
    public func open(_ sealed: Sealed, binding: [UInt8]) -> [UInt8]? {
        guard sealed.nonce.count == Self.nonceLength, sealed.bytes.count >= Self.tagLength else { return nil }
        let encrypted = Array(sealed.bytes.dropLast(Self.tagLength))
        var tag = Array(sealed.bytes.suffix(Self.tagLength))
        let context = CipherContext()
        // One byte more, so that there is an address also where nothing is sealed.
        var plain = [UInt8](repeating: 0, count: encrypted.count + 1)
        context.begin(encrypts: false, bytes, sealed.nonce, binding)
        let isWhole = unsafe plain.withUnsafeMutableBufferPointer { output in
            var count: Int32 = 0
            let updated = unsafe EVP_DecryptUpdate(
                context.pointer, output.baseAddress, &count, encrypted, Int32(encrypted.count))
            precondition(updated == 1, "libcrypto refused to decrypt")
            let taken = unsafe EVP_CIPHER_CTX_ctrl(
                context.pointer, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagLength), &tag)
            precondition(taken == 1, "libcrypto took no tag")
            let rest = unsafe output.baseAddress?.advanced(by: encrypted.count)
            return unsafe EVP_DecryptFinal_ex(context.pointer, rest, &count) == 1
        }
        return isWhole ? Array(plain.dropLast()) : nil
    }

    private static func randomBytes(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let made = unsafe RAND_bytes(&bytes, Int32(count))
        precondition(made == 1, "libcrypto has no random bytes")
        return bytes
    }

    /// `‹key›`.
    public var description: String { "‹key›" }
    /// `‹key›`.
    public var debugDescription: String { "‹key›" }
    /// Shows no children, so that `dump` prints nothing either.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Owns one `EVP_CIPHER_CTX`.
@safe private struct CipherContext: ~Copyable {
    let pointer: OpaquePointer

    init() {
        guard let pointer = unsafe EVP_CIPHER_CTX_new() else {
            preconditionFailure("libcrypto has no memory for a cipher")
        }
        unsafe self.pointer = pointer
    }

    deinit { unsafe EVP_CIPHER_CTX_free(pointer) }

    /// Takes key and nonce, and what is authenticated without being encrypted.
    func begin(encrypts: Bool, _ key: [UInt8], _ nonce: [UInt8], _ binding: [UInt8]) {
        let cipher = unsafe EVP_aes_256_gcm()
        var count: Int32 = 0
        let begun =
            unsafe encrypts
            ? EVP_EncryptInit_ex(pointer, cipher, nil, key, nonce)
            : EVP_DecryptInit_ex(pointer, cipher, nil, key, nonce)
        precondition(begun == 1, "libcrypto has no AES-256-GCM")
        let bound =
            unsafe encrypts
            ? EVP_EncryptUpdate(pointer, nil, &count, binding, Int32(binding.count))
            : EVP_DecryptUpdate(pointer, nil, &count, binding, Int32(binding.count))
        precondition(bound == 1, "libcrypto refused to bind")
    }
}
