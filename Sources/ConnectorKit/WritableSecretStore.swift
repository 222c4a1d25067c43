/// A secret store that can also keep a new value, as for a refresh token which the server replaces at each use.
public protocol WritableSecretStore: SecretStore {
    /// Keeps a new value under the name, durable before it returns; false where the place that holds the secret cannot be
    /// written to, such as the environment.
    /// - Throws: `ConnectorError` that names the secret and why it cannot be written.
    func replace(_ value: Secret, named name: String) async throws -> Bool
}
