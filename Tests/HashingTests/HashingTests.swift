import Hashing
import Primitives
import Testing

@Suite struct HashingTests {
    @Test("SHA-256 gives the digests of FIPS 180-4's examples")
    func sha256() {
        #expect(
            SHA256.hex(of: Array("abc".utf8).span)
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(
            SHA256.hex(of: [UInt8]().span) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    }

    @Test("SHA-256 of a stream equals that of the whole, and starts anew after finish")
    func streamed() {
        var digest = SHA256()
        for _ in 0..<2 {
            digest.update(Array("a".utf8).span)
            digest.update(Array("bc".utf8).span)
            #expect(digest.finishTruncated().description == "ba7816bf-8f01-cfea-4141-40de5dae2223")
        }
    }

    @Test("XXH3-128 gives the reference value of the empty input")
    func xxh3() {
        #expect(XXH3.hash128([UInt8]().span).description == "99aa06d3-0147-98d8-6001-c324468d497f")
        #expect(XXH3.hash128(Array("a".utf8).span) != XXH3.hash128(Array("b".utf8).span))
    }
}

@Suite("A sealing key")
struct SealingKeyTests {
    @Test("opens what it sealed, and nothing else")
    func roundTrip() throws {
        let key = SealingKey.random()
        for length in [0, 1, 15, 16, 17, 100_000] {
            let plain = [UInt8](repeating: 0x41, count: length)
            let sealed = key.seal(plain, binding: [1, 2])
            #expect(key.open(sealed, binding: [1, 2]) == plain)
            #expect(key.open(sealed, binding: [1]) == nil)
            #expect(SealingKey.random().open(sealed, binding: [1, 2]) == nil)
            var changed = sealed
            changed.bytes[changed.bytes.count - 1] ^= 1
            #expect(key.open(changed, binding: [1, 2]) == nil)
            changed = sealed
            changed.nonce[0] ^= 1
            #expect(key.open(changed, binding: [1, 2]) == nil)
        }
        #expect(key.open(SealingKey.Sealed(nonce: [], bytes: []), binding: []) == nil)
        #expect(SealingKey(bytes: [1]) == nil)
    }

    /// Test case 14 of "The Galois/Counter Mode of Operation" (McGrew, Viega): key, nonce and plain text of zeros.
    @Test("is AES-256-GCM")
    func vector() throws {
        let key = try #require(SealingKey(bytes: [UInt8](repeating: 0, count: 32)))
        let expected = "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"
        let digits = Array(expected)
        let bytes = stride(from: 0, to: 64, by: 2).compactMap { UInt8(String(digits[$0...$0 + 1]), radix: 16) }
        let sealed = SealingKey.Sealed(nonce: [UInt8](repeating: 0, count: 12), bytes: bytes)
        #expect(key.open(sealed, binding: []) == [UInt8](repeating: 0, count: 16))
    }

    @Test("prints nothing of itself")
    func printing() throws {
        let key = try #require(SealingKey(bytes: Array(UInt8(100)..<132)))
        var dumped = ""
        dump(key, to: &dumped)
        #expect("\(key) \(String(reflecting: key))" == "‹key› ‹key›" && !dumped.contains("101"))
        #expect(key.id.utf8.count == 16)
    }
}
