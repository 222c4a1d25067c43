import ConnectorKit
import Foundation
import Hashing
import JSON
import LoopbackHTTP
import TestKit
import Testing

@testable import Connectors

/// Header, claims, signed text and signature of a compact token.
private struct ReadToken {
    var header: JSONValue
    var claims: JSONValue
    var signed: [UInt8]
    var signature: [UInt8]

    init(_ text: String?) throws {
        let parts = try #require(text).split(separator: ".").map(String.init)
        try #require(parts.count == 3)
        func bytes(_ part: String) throws -> [UInt8] {
            #expect(!part.contains { "+/=".contains($0) })
            let text = part.replacing("-", with: "+").replacing("_", with: "/")
            let padded = text + String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
            return Array(try #require(Data(base64Encoded: padded)))
        }
        header = try JSONReader.parse(bytes(parts[0]))
        claims = try JSONReader.parse(bytes(parts[1]))
        signed = Array("\(parts[0]).\(parts[1])".utf8)
        signature = try bytes(parts[2])
    }
}

private let secrets = FixedSecretStore([
    "rsa": PublishedKeys.rsa, "ec": PublishedKeys.p256, "shared": "canary-shared-key",
    "folded": PublishedKeys.p256.replacing("\n", with: "\\n"), "hex": "00ff10", "base": "canarw==",
])

@Suite("A token that we sign for a rest system")
struct RestJWTAuthTests {
    private func bearer(_ request: LoopbackRequest?) -> String? {
        (request?.header("Authorization")).flatMap { $0.hasPrefix("Bearer ") ? String($0.dropFirst(7)) : nil }
    }

    @Test("is verified by another implementation and lands every page", arguments: ["RS256", "ES256", "folded"])
    func asymmetric(name: String) async throws {
        let (algorithm, key) = name == "RS256" ? ("RS256", "rsa") : ("ES256", name == "folded" ? "folded" : "ec")
        let scene = try AuthScene(
            secrets: secrets, api: pages(2) { $0.header("Authorization") != nil }, issuer: tokens())
        let before = Int(Date.now.timeIntervalSince1970)
        let connector = try scene.connector(
            """
            {"type": "jwt", "algorithm": "\(algorithm)", "key": {"secret": "\(key)"}, "key_id": "k1", "issuer": "me",
             "subject": "robot", "audience": ["a", "b"], "lifetime_s": 600,
             "claims": {"big_id": 12345678901234567890, "deep": {"camelCase": [1.50]}}}
            """)
        #expect(try await scene.land(connector).records == 2)
        let texts = scene.asked.all.map { bearer($0) }
        #expect(texts.count == 2 && texts[0] == texts[1])
        let token = try ReadToken(texts[0])
        #expect(token.header.text() == #"{"alg": "\#(algorithm)", "typ": "JWT", "kid": "k1"}"#.filter { $0 != " " })
        let issued = try #require(token.claims["iat"]?.intValue)
        #expect((before - 31...before + 60).contains(issued))
        #expect(
            token.claims.text() == #"{"iss":"me","sub":"robot","aud":["a","b"],"big_id":12345678901234567890,"#
                + #""deep":{"camelCase":[1.50]},"iat":\#(issued),"exp":\#(issued + 600)}"#)
        let pem = algorithm == "RS256" ? PublishedKeys.rsa : PublishedKeys.p256
        #expect(try OpenSSLCommand.verifies(token.signature, of: token.signed, by: pem))
        var shown = ""
        dump(connector, to: &shown)
        #expect(!shown.contains(String(decoding: token.signed, as: UTF8.self)))
    }

    @Test(
        "is signed with a shared key in any notation",
        arguments: [
            ("shared", "text", Array("canary-shared-key".utf8)), ("hex", "hex", [0x00, 0xFF, 0x10]),
            ("base", "base64", [0x71, 0xA9, 0xDA, 0xAF]),
        ] as [(String, String, [UInt8])])
    func shared(name: String, encoding: String, key: [UInt8]) async throws {
        let scene = try AuthScene(
            secrets: secrets, api: pages(1) { $0.header("Authorization") != nil }, issuer: tokens())
        let connector = try scene.connector(
            #"{"type": "jwt", "algorithm": "HS256", "key": {"secret": "\#(name)"}, "key_encoding": "\#(encoding)"}"#)
        #expect(try await scene.land(connector).records == 1)
        let token = try ReadToken(bearer(scene.asked.all.first))
        let folder = try TemporaryFolder()
        let message = try folder.write(token.signed, to: "message")
        let judged = try OpenSSLCommand.run([
            "mac", "-digest", "SHA256", "-macopt", "hexkey:\(hexadecimal(key))", "-in", message, "-binary", "HMAC",
        ])
        #expect(judged.status == 0)
        #expect(judged.output == token.signature)
    }

    @Test("is exchanged for an access token, once for all pages")
    func exchange() async throws {
        let scene = try AuthScene(
            secrets: secrets, api: pages(2) { $0.header("Authorization") == "Bearer access-canary-1" },
            issuer: tokens(expiresIn: 3600))
        let connector = try scene.connector(
            """
            {"type": "jwt", "algorithm": "RS256", "key": {"secret": "rsa"}, "issuer": "robot@example.com",
             "token_url": "ISSUER/token", "scope": "read", "claims": {"scope": "https://example.com/auth/read"}}
            """)
        #expect(try await scene.land(connector).records == 2)
        #expect(scene.proved.all.count == 1)
        let form = formMembers(scene.proved.all.first)
        #expect(form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer")
        #expect(form["scope"] == "read")
        #expect(form.count == 3)
        let token = try ReadToken(form["assertion"])
        #expect(token.claims["aud"]?.stringValue == scene.issuerURL + "/token")
        #expect(token.claims["scope"]?.stringValue == "https://example.com/auth/read")
        #expect(try OpenSSLCommand.verifies(token.signature, of: token.signed, by: PublishedKeys.rsa))
        scene.quiet()
    }

    @Test("whose assertion is refused is masked where the server repeats it")
    func refusedAssertion() async throws {
        let scene = try AuthScene(
            secrets: secrets, api: pages(1) { _ in true },
            issuer: { request, _ in
                let assertion = formMembers(request)["assertion"] ?? ""
                return .json(
                    #"{"error": "invalid_grant", "error_description": "bad: \#(assertion)"}"#, status: 400)
            })
        let connector = try scene.connector(
            #"{"type": "jwt", "algorithm": "ES256", "key": {"secret": "ec"}, "token_url": "ISSUER/token"}"#)
        let error = try await scene.refusal(connector)
        #expect(
            error.description == "the token request POST \(scene.issuerURL)/token was refused with 400 invalid_grant: "
                + "'bad: ‹secret›' (secret 'ec'); check issuer, subject, audience, key_id and the key, and this "
                + "machine's clock")
    }

    @Test("is signed anew once where the source refuses it")
    func refused() async throws {
        let scene = try AuthScene(secrets: secrets, api: pages(1) { _ in false }, issuer: tokens())
        let connector = try scene.connector(#"{"type": "jwt", "algorithm": "RS256", "key": {"secret": "rsa"}}"#)
        let error = try await scene.refusal(connector)
        #expect(error.message.contains("the source refused the token with 401, a new one as well"))
        #expect(scene.asked.all.count == 2)
    }

    @Test(
        "needs a key that fits, before anything is sent",
        arguments: [
            ("RS256", "ec", "", "RS256 needs an RSA key"), ("ES256", "rsa", "", "ES256 needs an EC key on P-256"),
            ("RS256", "shared", "", "no private key in PEM"),
            ("HS256", "shared", #", "key_encoding": "hex""#, "it is no hex"),
            ("HS256", "shared", #", "key_encoding": "base64""#, "it is no base64"),
            ("HS256", "shared", #", "claims": {"exp": 1}"#, "use connection.auth.lifetime_s"),
        ])
    func keys(algorithm: String, key: String, more: String, expected: String) throws {
        let scene = try AuthScene(secrets: secrets, api: pages(1) { _ in true }, issuer: tokens())
        let error = #expect(throws: ConnectorError.self) {
            try scene.connector(
                #"{"type": "jwt", "algorithm": "\#(algorithm)", "key": {"secret": "\#(key)"}\#(more)}"#)
        }
        let text = error.map { "\($0)" } ?? ""
        #expect(text.contains(expected), "\(text)")
        scene.quiet(text)
    }
}
