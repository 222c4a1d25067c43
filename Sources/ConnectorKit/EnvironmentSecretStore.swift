import Foundation

/// Secrets from the environment, then from files: what a scheduler, a container or a developer can set.
///
/// The secret `shop_token` is looked up as the variable `MEDALLION_SECRET_SHOP_TOKEN`, then as the file
/// `/run/secrets/shop_token` (where container engines mount secrets), then as `<project>/secrets/shop_token`.
/// One line feed at a file's end is not part of the secret.
public struct EnvironmentSecretStore: SecretStore {
    private let environment: [String: String]
    private let folders: [String]

    /// A store over the environment, which only the composition root reads, and a project's folder.
    public init(environment: [String: String], projectFolder: String) {
        self.init(environment: environment, folders: ["/run/secrets", projectFolder + "/secrets"])
    }

    /// A store over the environment and these folders.
    public init(environment: [String: String], folders: [String]) {
        self.environment = environment
        self.folders = folders
    }

    /// The variable that holds the secret of that name: upper case, everything but letters and digits as `_`.
    public static func variable(for name: String) -> String {
        let upper = name.uppercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" }
        return "MEDALLION_SECRET_" + String(upper)
    }

    /// The secret's value.
    /// - Throws: `ConnectorError` of kind auth, naming the secret and how to set it.
    public func secret(named name: String) throws -> Secret {
        try Self.checkName(name)
        if let secret = try variableValue(of: name) ?? fileValue(of: name) { return secret }
        let files = folders.map { $0 + "/" + name }.joined(separator: " or ")
        throw ConnectorError(
            "the secret '\(name)' is not set", kind: .auth,
            hint: "set the environment variable \(Self.variable(for: name)) or write it into \(files)")
    }

    /// Refuses a name that is a path.
    /// - Throws: `ConnectorError` of kind auth.
    public static func checkName(_ name: String) throws {
        let safe = name.utf8.allSatisfy { $0 != UInt8(ascii: "/") && $0 != 0 }
        guard safe, !name.isEmpty, name != ".", name != ".." else {
            throw ConnectorError(
                "'\(name)' is no name of a secret", kind: .auth, hint: "use letters, digits, '_', '-' and '.'")
        }
    }

    /// The variable's value; nil where it is not set.
    public func variableValue(of name: String) -> Secret? {
        guard let value = environment[Self.variable(for: name)], !value.isEmpty else { return nil }
        return Secret(value)
    }

    /// The content of the first file of that name; nil where there is none.
    /// - Throws: `ConnectorError` of kind auth for a file that cannot be read or is empty.
    public func fileValue(of name: String) throws -> Secret? {
        for folder in folders {
            if let value = try read(folder + "/" + name, name) { return Secret(value) }
        }
        return nil
    }

    /// The file's content, nil where there is no file.
    private func read(_ path: String, _ name: String) throws -> String? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw ConnectorError(
                "the secret '\(name)': cannot read \(path)", kind: .auth, hint: "make it readable for this user")
        }
        guard var value = String(bytes: bytes, encoding: .utf8) else {
            throw ConnectorError("the secret '\(name)': \(path) is not UTF-8 text", kind: .auth)
        }
        if value.hasSuffix("\r\n") || value.hasSuffix("\n") { value.removeLast() }
        guard !value.isEmpty else {
            throw ConnectorError(
                "the secret '\(name)': \(path) is empty", kind: .auth, hint: "write the value into it")
        }
        return value
    }
}
