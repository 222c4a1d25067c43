import ConnectorKit
import JSON

/// The program's own configuration: free-form JSON in which `{"secret": "name"}` stands for a secret's value.
struct ProcessSettings: Sendable {
    /// As metadata have it: names of secrets, no values.
    let written: JSONValue
    /// Knows every secret of it, each line of a secret of several lines too.
    let mask: SecretMask
    private let secrets: [String: Secret]

    init(_ written: JSONValue, secrets store: any SecretStore) throws {
        self.written = written
        var secrets: [String: Secret] = [:]
        for name in written.secretNames { secrets[name] = try store.secret(named: name) }
        self.secrets = secrets
        mask = SecretMask(
            values: secrets.values.flatMap { secret in
                [secret] + secret.reveal().split(whereSeparator: \.isNewline).map { Secret(String($0)) }
            })
    }

    /// The text for the program, and for it only.
    func revealed() -> [UInt8] { written.replacingSecrets { secrets[$0]?.reveal() ?? "" }.serialized() }
}

extension JSONValue {
    /// The name of the secret that this value stands for.
    var secretName: String? {
        guard let members = objectValue, members.count == 1 else { return nil }
        return self["secret"]?.stringValue
    }

    fileprivate var secretNames: Set<String> {
        if let name = secretName { return [name] }
        let values = arrayValue ?? objectValue?.map(\.value) ?? []
        return values.reduce(into: []) { $0.formUnion($1.secretNames) }
    }

    fileprivate func replacingSecrets(_ value: (String) -> String) -> JSONValue {
        if let name = secretName { return .string(value(name)) }
        switch self {
        case .array(let elements): return .array(elements.map { $0.replacingSecrets(value) })
        case .object(let members):
            return .object(members.map { JSONMember($0.name, $0.value.replacingSecrets(value)) })
        default: return self
        }
    }

    /// The object with a member set; a value that is no object becomes one.
    func setting(_ name: String, to value: JSONValue) -> JSONValue {
        var members = objectValue ?? []
        if let index = members.firstIndex(where: { $0.name.utf8.elementsEqual(name.utf8) }) {
            members[index].value = value
        } else {
            members.append(JSONMember(name, value))
        }
        return .object(members)
    }

    /// The object with the members of another one.
    func merging(_ other: JSONValue) -> JSONValue {
        (other.objectValue ?? []).reduce(self) { $0.setting($1.name, to: $1.value) }
    }
}
