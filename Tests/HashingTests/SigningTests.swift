import Foundation
import Hashing
import TestKit
import Testing

/// Vectors: RFC 4231 (HMAC), RFC 7515, appendix A (signatures).
@Suite("What libcrypto signs for us")
struct SigningTests {
    @Test(
        "HMAC-SHA-256 gives the codes of RFC 4231",
        arguments: [
            (
                [UInt8](repeating: 0x0B, count: 20), "Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
            ),
            (
                Array("Jefe".utf8), "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
            ),
            (
                [UInt8](repeating: 0xAA, count: 131), "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
            ),
            ([], "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"),
        ] as [([UInt8], String, String)])
    func hmac(key: [UInt8], message: String, code: String) {
        #expect(hexadecimal(HMACSHA256.code(of: Array(message.utf8), key: key)) == code)
    }

    @Test("HMAC-SHA-256 gives the signature of RFC 7515, A.1")
    func hs256() throws {
        let key = try #require(
            Data(
                base64Encoded:
                    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ+EstJQLr/T+1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow=="))
        let signed =
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leG"
            + "FtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
        #expect(
            base64URL(HMACSHA256.code(of: Array(signed.utf8), key: Array(key)))
                == "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    }

    @Test("RSA gives the signature of RFC 7515, A.2")
    func rs256() throws {
        let key = try SigningKey(pem: PublishedKeys.rsa)
        #expect(key.kind == .rsa)
        let signed =
            "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb2"
            + "90Ijp0cnVlfQ"
        #expect(
            base64URL(key.signature(of: Array(signed.utf8).span))
                == "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9"
                + "uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB"
                + "_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rq"
                + "Vt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw")
    }

    @Test("P-256 gives 64 bytes that another implementation verifies, also where a number begins with zero")
    func es256() throws {
        let key = try SigningKey(pem: PublishedKeys.p256)
        #expect(key.kind == .p256)
        let message = Array("header.payload".utf8)
        var short: [UInt8]?
        for _ in 0..<10_000 where short == nil {
            let signature = key.signature(of: message.span)
            try #require(signature.count == 64)
            if signature[0] == 0 || signature[32] == 0 { short = signature }
        }
        let old = try SigningKey(pem: PublishedKeys.oldP256).signature(of: message.span)
        for signature in [key.signature(of: message.span), old, try #require(short)] {
            #expect(try OpenSSLCommand.verifies(signature, of: message, by: PublishedKeys.p256))
            #expect(try !OpenSSLCommand.verifies(signature, of: message + [0], by: PublishedKeys.p256))
        }
    }

    @Test("a text that is no key that signs is refused without showing it")
    func refused() throws {
        #expect(refusal("canary")?.description == "no private key in PEM (-----BEGIN PRIVATE KEY-----)")
        #expect(refusal("")?.description == "no private key in PEM (-----BEGIN PRIVATE KEY-----)")
        #expect(refusal(PublishedKeys.p256Public)?.description.hasPrefix("no private key") == true)
        let weak = "neither an RSA key of at least 2048 bits nor an EC key on P-256"
        #expect(refusal(try made(["genrsa", "1024"]))?.description == weak)
        #expect(refusal(try made(["genpkey", "-algorithm", "ed25519"]))?.description == weak)
        #expect(
            refusal(try made(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]))?.description
                == weak)
        let encrypted = try made([
            "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-aes256", "-pass", "pass:canary",
        ])
        #expect(refusal(encrypted)?.description == "the private key is encrypted, expected one without a passphrase")
    }

    @Test("base64url has no padding and the alphabet of URLs")
    func encoding() {
        #expect(base64URL([]) == "")
        #expect(base64URL([0xFB, 0xEF, 0xFF]) == "--__")
        #expect(base64URL([3, 236, 255, 224, 193]) == "A-z_4ME")
    }

    private func refusal(_ pem: String) -> SigningKey.Refusal? {
        do {
            _ = try SigningKey(pem: pem)
            return nil
        } catch {
            return error
        }
    }

    private func made(_ arguments: [String]) throws -> String {
        let made = try OpenSSLCommand.run(arguments)
        try #require(made.status == 0)
        return String(decoding: made.output, as: UTF8.self)
    }
}
