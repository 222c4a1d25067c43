public import ConnectorKit
internal import Foundation
internal import Glibc
internal import Hashing
internal import JSON
public import Primitives

/// Secrets in one file, each sealed by AES-256-GCM with its name bound to it; names and instants are readable.
///
///     {"version": 1, "cipher": "AES-256-GCM", "key_id": "16 hex digits",
///      "secrets": [{"name": "shop_token", "set_at": "2026-01-31T12:00:00Z", "nonce": "…", "value": "…"}]}
///
/// Written as a whole: a new file takes the place of the old one. Writers wait for each other by flock(2) on `<file>.lock`.
public struct EncryptedStore: Sendable {
    /// A secret's name and when it was set.
    public struct Entry: Sendable {
        /// The name.
        public var name: String
        /// When it was set, ISO 8601.
        public var setAt: String
        fileprivate var sealed: SealingKey.Sealed
    }

    private struct Content {
        var keyID: String?
        var entries: [Entry] = []
    }

    /// The file's absolute path.
    public let path: String
    let key: StoreKey

    /// A store, which need not exist yet.
    public init(path: String, key: StoreKey) {
        self.path = path
        self.key = key
    }

    /// True when the file is there.
    public var exists: Bool { access(path, F_OK) == 0 }

    /// The id of the key that it is encrypted with; nil before the first secret.
    /// - Throws: `ConnectorError` when the file is damaged.
    public var keyID: String? { get throws { try read().keyID } }

    /// Names and instants, by name.
    /// - Throws: `ConnectorError` when the file is damaged.
    public var entries: [Entry] { get throws { try read().entries } }

    /// The secret; nil where the store has none of that name, for which no key is needed.
    /// - Throws: `ConnectorError` for a wrong key or a damaged file.
    public func value(of name: String) throws -> Secret? {
        let content = try read()
        guard let entry = content.entries.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) else { return nil }
        return try open(entry, key.load(id: content.keyID ?? "", for: path))
    }

    /// Sets a secret; every one of the store is then readable with the key at hand, or nothing is written.
    /// - Throws: `ConnectorError`, `DurableFileError`.
    public func set(_ name: String, to secret: Secret, at instant: Instant) throws {
        try SecretChain.check(name)
        try change { content in
            let key = try content.keyID.map { try self.key.load(id: $0, for: path) } ?? self.key.load()
            content.keyID = key.id
            content.entries.removeAll { $0.name.utf8.elementsEqual(name.utf8) }
            content.entries.append(Self.seal(name, secret, setAt: instant.description, key))
        }
    }

    /// Removes secrets; no key is needed.
    /// - Returns: Those that were not there.
    /// - Throws: `ConnectorError`, `DurableFileError`.
    public func remove(_ names: [String]) throws -> [String] {
        guard exists else { return names }
        return try change { content in
            let missing = names.filter { name in
                !content.entries.contains { $0.name.utf8.elementsEqual(name.utf8) }
            }
            content.entries.removeAll { entry in names.contains { $0.utf8.elementsEqual(entry.name.utf8) } }
            return missing
        }
    }

    /// Encrypts everything with a new key: in the key's file, or in `newFile`, from which the key comes from then on.
    ///
    /// The new key is durable before the store is encrypted with it, and is found there if the process dies in between.
    /// - Returns: The number of secrets, the new key's id and its file.
    /// - Throws: `ConnectorError`, `DurableFileError`.
    public func rotate(to newFile: String?) throws -> (count: Int, keyID: String, file: String) {
        guard let file = newFile ?? key.file else {
            throw ConnectorError(
                "the key comes from \(key.place), where a program cannot put a new one", kind: .auth,
                hint: "name a file for the new key by --key-file, and point \(StoreKey.fileVariable) to it afterwards")
        }
        return try change { content in
            let old = try content.keyID.map { try key.load(id: $0, for: path) } ?? key.load()
            let secrets = try content.entries.map { ($0, try open($0, old)) }
            let new = SealingKey.random()
            let inPlace = newFile == nil
            // A rotation that was killed may have left the very key of the store there: it goes into its place first.
            if inPlace, try key.load().id != old.id { try StoreKey.write(old, to: file, replacing: true) }
            try StoreKey.write(new, to: inPlace ? StoreKey.next(file) : file, replacing: inPlace)
            content.keyID = new.id
            content.entries = secrets.map { Self.seal($0.name, $1, setAt: $0.setAt, new) }
            try write(content)
            if inPlace {
                try StoreKey.write(new, to: file, replacing: true)
                unlink(StoreKey.next(file))
            }
            return (secrets.count, new.id, file)
        }
    }

    // MARK: -

    private static func binding(_ name: String) -> [UInt8] { Array("medallion secret 1\0\(name)".utf8) }

    private static func seal(_ name: String, _ secret: Secret, setAt: String, _ key: SealingKey) -> Entry {
        Entry(name: name, setAt: setAt, sealed: key.seal(Array(secret.reveal().utf8), binding: binding(name)))
    }

    private func open(_ entry: Entry, _ key: SealingKey) throws -> Secret {
        guard let plain = key.open(entry.sealed, binding: Self.binding(entry.name)),
            let text = String(validating: plain, as: UTF8.self)
        else {
            throw ConnectorError(
                "the secret '\(entry.name)' in \(path) was changed by something else than medallion", kind: .auth,
                hint: "restore the file from its backup, or 'medallion secrets set \(entry.name)' anew")
        }
        return Secret(text)
    }

    private func read() throws -> Content {
        guard exists else { return Content() }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ConnectorError("cannot read \(path)", kind: .auth, hint: "make it readable for this user")
        }
        let damaged = ConnectorError(
            "\(path) is no store of encrypted secrets, or is damaged", kind: .auth,
            hint: "restore it from its backup, or move it away and set the secrets anew")
        let value: JSONValue
        do { value = try JSONReader.parse(Array(data)) } catch { throw damaged }
        guard value["version"]?.intValue == 1, let keyID = value["key_id"]?.stringValue,
            let entries = value["secrets"]?.arrayValue
        else { throw damaged }
        return Content(
            keyID: keyID.isEmpty ? nil : keyID,
            entries: try entries.map { entry in
                func bytes(_ name: String) -> [UInt8]? {
                    entry[name]?.stringValue.flatMap { Data(base64Encoded: $0) }.map(Array.init)
                }
                guard let name = entry["name"]?.stringValue, let setAt = entry["set_at"]?.stringValue,
                    let nonce = bytes("nonce"), let sealed = bytes("value")
                else { throw damaged }
                return Entry(name: name, setAt: setAt, sealed: SealingKey.Sealed(nonce: nonce, bytes: sealed))
            })
    }

    /// Reads, changes and writes while nobody else does.
    private func change<Outcome>(_ body: (inout Content) throws -> Outcome) throws -> Outcome {
        // The private cluster's user has to pass through the same folder.
        try makePrivateFolder(of: path, mode: 0o711)
        let lock = Glibc.open(path + ".lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard lock >= 0 else {
            throw ConnectorError("cannot make \(path).lock: \(String(cString: strerror(errno)))", kind: .auth)
        }
        defer { close(lock) }
        while flock(lock, LOCK_EX) != 0 {
            guard errno == EINTR else {
                throw ConnectorError("cannot lock \(path).lock: \(String(cString: strerror(errno)))", kind: .auth)
            }
        }
        var content = try read()
        let outcome = try body(&content)
        try write(content)
        return outcome
    }

    private func write(_ content: Content) throws {
        let sorted = content.entries.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        let value = JSONValue.object([
            JSONMember("version", .number("1")), JSONMember("cipher", .string("AES-256-GCM")),
            JSONMember("key_id", .string(content.keyID ?? "")),
            JSONMember(
                "secrets",
                .array(
                    sorted.map { entry in
                        .object([
                            JSONMember("name", .string(entry.name)), JSONMember("set_at", .string(entry.setAt)),
                            JSONMember("nonce", .string(Data(entry.sealed.nonce).base64EncodedString())),
                            JSONMember("value", .string(Data(entry.sealed.bytes).base64EncodedString())),
                        ])
                    })),
        ])
        var file = try DurableFile(creating: path, mode: 0o600)
        try file.write((value.serialized(pretty: true) + [0x0A]).span)
        try file.publishReplacing()
    }
}

/// The encrypted store as a provider.
public struct StoredSecrets: LocalSecretProvider {
    /// The store.
    public let store: EncryptedStore

    /// Answers from a store.
    public init(store: EncryptedStore) { self.store = store }

    /// `store`.
    public var title: String { "store" }

    /// Names the command.
    public func remedy(for name: String) -> String { "store it by 'medallion secrets set \(name)'" }

    /// What was set by that name.
    public func localValue(of name: String) throws -> Secret? { try store.value(of: name) }
}
