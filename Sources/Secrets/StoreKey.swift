internal import ConnectorKit
internal import Foundation
internal import Glibc
public import Hashing

/// Where the key of the encrypted store comes from: a variable, or a file that only its owner may read.
public struct StoreKey: Sendable {
    /// The variable with the key itself.
    public static let variable = "MEDALLION_SECRETS_KEY"
    /// The variable with the path of the key's file.
    public static let fileVariable = "MEDALLION_SECRETS_KEY_FILE"

    /// The key's file; nil where the key comes from the variable, or where no place is known.
    public let file: String?
    private let text: String?

    /// The variable's key, else the variable's file, else `keyFile`, else `~/.config/medallion/secrets.key`.
    public init(environment: [String: String], keyFile: String?) {
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        text = value(Self.variable)
        let folder = value("XDG_CONFIG_HOME") ?? value("HOME").map { $0 + "/.config" }
        file =
            text == nil
            ? value(Self.fileVariable) ?? keyFile ?? folder.map { $0 + "/medallion/secrets.key" } : nil
    }

    /// A key's file.
    public init(file: String) {
        self.file = file
        text = nil
    }

    /// `the variable MEDALLION_SECRETS_KEY`, or the file's path.
    public var place: String { text != nil ? "the variable \(Self.variable)" : file ?? "a file" }

    /// The key.
    /// - Throws: `ConnectorError` when it is missing, not a key, or readable by others.
    public func load() throws -> SealingKey {
        if let text { return try Self.parse(text, place) }
        guard let file else {
            throw ConnectorError(
                "no key for the encrypted secrets: neither \(Self.variable) nor \(Self.fileVariable) nor HOME is set",
                kind: .auth, hint: "set one of them")
        }
        return try Self.read(file)
    }

    /// The key of that id: a rotation that was killed may have left it beside the key's file.
    /// - Throws: `ConnectorError` when there is none: the wrong key.
    func load(id: String, for store: String) throws -> SealingKey {
        let key = try load()
        if key.id.utf8.elementsEqual(id.utf8) { return key }
        if let file, access(Self.next(file), F_OK) == 0 {
            let next = try Self.read(Self.next(file))
            if next.id.utf8.elementsEqual(id.utf8) { return next }
        }
        throw ConnectorError(
            "wrong key: \(store) is encrypted with key \(id), but \(place) holds key \(key.id)", kind: .auth,
            hint: "give the right key by \(Self.variable) or \(Self.fileVariable)")
    }

    /// Writes a new key into a file that does not exist yet.
    /// - Throws: `ConnectorError`, `DurableFileError`.
    static func write(_ key: SealingKey, to file: String, replacing: Bool = false) throws {
        try makePrivateFolder(of: file)
        guard replacing || access(file, F_OK) != 0 else {
            throw ConnectorError(
                "there is a key in \(file) already, and what it encrypted would be lost", kind: .auth,
                hint: "'medallion secrets rotate' changes the key, --file FILE makes one elsewhere")
        }
        var part = try DurableFile(creating: file, mode: 0o600)
        try part.write(Array((hexadecimal(key.bytes) + "\n").utf8).span)
        if replacing { return try part.publishReplacing() }
        try part.publish()
        try DurableFile.syncFolder(URL(fileURLWithPath: file).deletingLastPathComponent().path)
    }

    /// Makes a new key in the key's file.
    /// - Returns: The key's id.
    /// - Throws: `ConnectorError` where a key is already, or the key comes from the variable.
    public func make() throws -> String {
        guard let file else {
            throw ConnectorError(
                "the key comes from \(place), where a program cannot put a new one", kind: .auth,
                hint: "name a file by --file")
        }
        let key = SealingKey.random()
        try Self.write(key, to: file)
        return key.id
    }

    /// Where the next key waits while the store is encrypted with it.
    static func next(_ file: String) -> String { file + ".next" }

    private static func read(_ file: String) throws -> SealingKey {
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let reason = String(cString: strerror(errno))
            throw ConnectorError(
                "cannot read the key of the encrypted secrets from \(file): \(reason)", kind: .auth,
                hint: "'medallion secrets key' makes one; \(fileVariable) names another file")
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        var status = stat()
        // What was opened is looked at, so that nobody can put another file into its place in between.
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw ConnectorError("the key \(file) is no regular file", kind: .auth)
        }
        guard status.st_uid == geteuid() || status.st_uid == 0 else {
            throw ConnectorError(
                "the key \(file) belongs to user \(status.st_uid), not to the one that runs medallion", kind: .auth,
                hint: "chown it, or give a key of your own")
        }
        guard status.st_mode & 0o077 == 0 else {
            throw ConnectorError(
                "the key \(file) may be read by others (mode \(String(status.st_mode & 0o777, radix: 8)))", kind: .auth,
                hint: "chmod 600 \(file)")
        }
        let data: Data
        do { data = try handle.read(upToCount: 4096) ?? Data() } catch {
            throw ConnectorError("cannot read the key \(file): \(error.localizedDescription)", kind: .auth)
        }
        return try parse(String(decoding: data, as: UTF8.self), file)
    }

    /// 64 hex digits, or 32 bytes in base64.
    private static func parse(_ text: String, _ place: String) throws -> SealingKey {
        let digits = Array(text.trimmingCharacters(in: .whitespacesAndNewlines).utf8)
        let nibbles = digits.compactMap { Character(Unicode.Scalar($0)).hexDigitValue.map(UInt8.init) }
        let bytes: [UInt8]
        if digits.count == 2 * SealingKey.length, nibbles.count == digits.count {
            bytes = stride(from: 0, to: nibbles.count, by: 2).map { nibbles[$0] << 4 | nibbles[$0 + 1] }
        } else {
            bytes = Data(base64Encoded: Data(digits)).map(Array.init) ?? []
        }
        guard let key = SealingKey(bytes: bytes) else {
            throw ConnectorError(
                "\(place) holds no key: expected 32 bytes as 64 hex digits or in base64", kind: .auth,
                hint: "'medallion secrets key --file FILE' makes one")
        }
        return key
    }
}

/// Makes the folder of a file unless it exists: for the owner alone, or one that others may pass through.
func makePrivateFolder(of file: String, mode: Int = 0o700) throws {
    let folder = URL(fileURLWithPath: file).deletingLastPathComponent()
    do {
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: mode])
    } catch {
        throw ConnectorError("cannot make the folder \(folder.path): \(error.localizedDescription)", kind: .auth)
    }
}
