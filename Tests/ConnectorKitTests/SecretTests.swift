import ConnectorKit
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
            ("nothing", "nothing"),
        ])
    func masks(text: String, expected: String) {
        #expect(SecretMask(values: [Secret("p\"ä ss/w?rd!")]).mask(text) == expected)
    }

    @Test("A mask leaves short values alone and takes the longest of several")
    func lengths() {
        let mask = SecretMask(values: [Secret("short"), Secret("secret-1"), Secret("secret-12")])
        #expect(mask.mask("short secret-12 secret-1") == "short ‹secret› ‹secret›")
    }
}
