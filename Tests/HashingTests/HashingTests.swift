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
