public import ConnectorKit
internal import Foundation

/// `auth` of a Vault provider: how the server knows us.
public enum VaultAuthentication: Decodable, Sendable {
    /// A token: by reference to an earlier provider, from a file, or from `VAULT_TOKEN`.
    case token(SecretReference?, file: String?)
    /// A role with a secret id (https://developer.hashicorp.com/vault/api-docs/auth/approle).
    case approle(roleID: String, secretID: SecretReference, mount: String)

    private enum CodingKeys: String, CodingKey {
        case type, token, tokenFile, roleId, secretId, mount
    }

    /// Reads what the field list let through.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        switch try container.decode(String.self, forKey: .type) {
        case "approle":
            self = .approle(
                roleID: try container.decode(String.self, forKey: .roleId),
                secretID: try container.decode(SecretReference.self, forKey: .secretId),
                mount: try container.decode(String.self, forKey: .mount))
        default:
            self = .token(
                try container.decodeIfPresent(SecretReference.self, forKey: .token),
                file: try container.decodeIfPresent(String.self, forKey: .tokenFile))
        }
    }
}

/// Gets the token with which everything else is read.
struct VaultLogin: Sendable {
    let authentication: VaultAuthentication
    let environment: [String: String]
    let projectFolder: String
    let credentials: @Sendable (String) async throws -> Secret

    /// True where another login may bring another token.
    var canRepeat: Bool {
        if case .approle = authentication { true } else { false }
    }

    func token(_ requests: VaultRequests, for name: String) async throws -> Secret {
        switch authentication {
        case .token(let reference?, _): return try await credentials(reference.secret)
        case .token(nil, let file?): return try read(file)
        case .token(nil, nil):
            guard let token = environment["VAULT_TOKEN"], !token.isEmpty else {
                throw ConnectorError(
                    "the secret '\(name)': no token for Vault at \(requests.address)", kind: .auth,
                    hint: "set VAULT_TOKEN, or give \"auth\" a token, a token_file or a role in metadata/secrets.json")
            }
            return Secret(token)
        case .approle(let role, let reference, let mount):
            let secret = try await credentials(reference.secret)
            return try await requests.login(role: role, secret: secret, mount: mount, for: name)
        }
    }

    private func read(_ file: String) throws -> Secret {
        let path = file.hasPrefix("/") ? file : "\(projectFolder)/\(file)"
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ConnectorError(
                "cannot read Vault's token from \(path)", kind: .auth,
                hint: "write the token into it, readable for this user only")
        }
        let text = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard !text.isEmpty else {
            throw ConnectorError("Vault's token file \(path) is empty", kind: .auth, hint: "write the token into it")
        }
        return Secret(text)
    }
}
