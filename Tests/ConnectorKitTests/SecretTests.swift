import ConnectorKit
import Foundation
import JSON
import TestKit
import Testing

@Suite struct SecretTests {
    @Test("A secret comes from the environment first, then from the folders in order")
    func order() throws {
        let project = try TemporaryFolder()
        try project.write("from-file\n", to: "secrets/shop_token")
        let file = EnvironmentSecretStore(environment: [:], projectFolder: project.path)
        #expect(try file.secret(named: "shop_token").reveal() == "from-file")
        let both = EnvironmentSecretStore(
            environment: ["MEDALLION_SECRET_SHOP_TOKEN": "from-variable"], projectFolder: project.path)
        #expect(try both.secret(named: "shop_token").reveal() == "from-variable")
    }

    @Test("Only one line end at a file's end is no part of the secret")
    func lineEnd() throws {
        let project = try TemporaryFolder()
        try project.write(" a\n\n", to: "secrets/unix")
        try project.write("b\r\n", to: "secrets/dos")
        let store = EnvironmentSecretStore(environment: [:], projectFolder: project.path)
        #expect(try store.secret(named: "unix").reveal() == " a\n")
        #expect(try store.secret(named: "dos").reveal() == "b")
    }

    @Test("A missing secret says how to set it")
    func missing() throws {
        let store = EnvironmentSecretStore(environment: ["MEDALLION_SECRET_SHOP_TOKEN": ""], projectFolder: "/nowhere")
        let error = #expect(throws: ConnectorError.self) { try store.secret(named: "shop.token") }
        #expect(error?.kind == .auth)
        #expect(
            error?.description == """
                the secret 'shop.token' is not set; set the environment variable MEDALLION_SECRET_SHOP_TOKEN \
                or write it into /run/secrets/shop.token or /nowhere/secrets/shop.token
                """)
    }

    @Test("A secret's name is no path", arguments: ["", ".", "..", "../x", "/etc/passwd", "a/b", "a\0b"])
    func names(name: String) {
        let store = EnvironmentSecretStore(environment: [:], projectFolder: "/nowhere")
        let error = #expect(throws: ConnectorError.self) { try store.secret(named: name) }
        #expect(error?.message.hasSuffix("is no name of a secret") == true)
    }

    @Test("An empty file is no secret")
    func empty() throws {
        let project = try TemporaryFolder()
        try project.write("\n", to: "secrets/token")
        let store = EnvironmentSecretStore(environment: [:], projectFolder: project.path)
        #expect(throws: ConnectorError.self) { try store.secret(named: "token") }
    }

    @Test(
        "A mask finds a secret in every spelling",
        arguments: [
            ("token=p\"ä ss/w?rd!", "token=‹secret›"),
            ("/api?token=p%22%C3%A4%20ss%2Fw%3Frd%21&x=1", "/api?token=‹secret›&x=1"),
            ("/api?token=p%22%c3%a4%20ss%2fw%3frd%21", "/api?token=‹secret›"),
            (#"{"token":"p\"ä ss/w?rd!"}"#, #"{"token":"‹secret›"}"#),
            ("Basic cCLDpCBzcy93P3JkIQ==", "Basic ‹secret›=="),
            ("twice p\"ä ss/w?rd!p\"ä ss/w?rd!", "twice ‹secret›‹secret›"),
            (#"{"token":"p\"ä ss\/w?rd!"}"#, #"{"token":"‹secret›"}"#),
            (#"{"token":"p\"\u00e4 ss/w?rd!"}"#, #"{"token":"‹secret›"}"#),
            ("token=p%22%C3%A4+ss%2Fw%3Frd%21", "token=‹secret›"),
            ("nothing", "nothing"),
        ])
    func masks(text: String, expected: String) {
        #expect(SecretMask(values: [Secret("p\"ä ss/w?rd!")]).mask(text) == expected)
    }

    @Test("A mask finds a secret within base64, wherever it begins and ends", arguments: 0...5, 0...3)
    func base64(before: Int, after: Int) {
        let mask = SecretMask(values: [Secret("canary-7f3a?>~9c51")])
        let text = String(repeating: "u", count: before) + "canary-7f3a?>~9c51" + String(repeating: "z", count: after)
        let encoded = Data(text.utf8).base64EncodedString()
        for spelling in [encoded, encoded.replacing("+", with: "-").replacing("/", with: "_")] {
            let masked = mask.mask("Basic \(spelling).")
            #expect(masked.contains("‹secret›"), "\(spelling)")
            // At each end a digit may be left that holds bits of a neighbour too.
            let rest = masked.replacing("‹secret›", with: "").utf8.count
            #expect(rest <= "Basic .".utf8.count + (before + 2) / 3 * 4 + (after + 2) / 3 * 4 + 2, "\(masked)")
        }
    }

    @Test("What is learned later is masked from then on, line by line too, and bytes decide what is the same")
    func known() {
        let known = KnownSecrets()
        #expect(known.mask("token-1 e\u{301}clair") == "token-1 e\u{301}clair")
        known.register(Secret("token-1"))
        known.register(Secret("first line\nsecond line\nx"))
        known.register(Secret("\u{E9}clair"))
        known.register(Secret("e\u{301}clair"))
        #expect(known.mask("token-1, second line") == "‹secret›, ‹secret›")
        #expect(known.mask("e\u{301}clair \u{E9}clair") == "‹secret› ‹secret›")
        #expect(known.mask("first line\nsecond line\nx") == "‹secret›")
    }

    @Test("Every reference of a configuration is found")
    func references() throws {
        let value = try JSONReader.parse(
            #"{"a": {"secret": "one"}, "b": [{"c": {"secret": "two"}}, {"secret": 3}], "secret": {"secret": "x", "y": 1}}"#
        )
        #expect(SecretReference.names(in: value) == ["one", "two"])
    }

    @Test("A mask leaves short values alone and takes the longest of several")
    func lengths() {
        let mask = SecretMask(values: [Secret("short"), Secret("secret-1"), Secret("secret-12")])
        #expect(mask.mask("short secret-12 secret-1") == "short ‹secret› ‹secret›")
    }
}
