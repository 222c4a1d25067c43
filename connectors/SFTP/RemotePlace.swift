import ConnectorKit
import Glibc
import HTTPTransport
import Primitives

/// A folder on a server that speaks SFTP or FTP.
struct RemotePlace: FilePlace, FolderListing {
    private let server: RemoteFileServer
    private let root: String
    private let fetch: RemoteFetch

    init(
        _ server: RemoteFileServer, root: String, timeout: Double, allowsPrivate: Bool, caFile: String?,
        secrets: [Secret]
    ) {
        self.server = server
        self.root = root == "/" ? root : root.hasSuffix("/") ? String(root.dropLast()) : root
        fetch = RemoteFetch(
            client: HTTPClient(caFile: caFile),
            limits: HTTPLimits(
                total: .seconds(timeout), bodyBytes: 64 << 20,
                reachesInside: allowsPrivate || namesAddressInside(server.host)),
            mask: SecretMask(values: secrets), addressKey: "connection.host")
    }

    var title: String {
        "\(server)" + (root.isEmpty ? "" : root.hasPrefix("/") ? root : "/~/\(root)")
    }

    func files(matching pattern: FilePattern, detailed: Bool) async throws -> [PlacedFile] {
        var files = try await search(pattern)
        guard detailed else { return files }
        for index in files.indices where files[index].stamp.modified == nil {
            files[index].stamp.modified = try await ask(.time, files[index].path).modified.map {
                Instant(microseconds: $0 * 1_000_000)
            }
        }
        return files
    }

    func entries(of folder: String) async throws -> [FolderEntry] {
        if server.protocol != .sftp {
            // Not every server knows MLSD; what LIST says then is the answer.
            if let answer = try? await ask(.listFacts, folder) {
                return FolderLines.facts(String(decoding: answer.listing, as: UTF8.self))
            }
            try Task.checkCancellation()
        }
        let text = String(decoding: try await ask(.list, folder).listing, as: UTF8.self)
        return try FolderLines.long(text, at: "\(title)/\(folder)")
    }

    func fetch(_ file: PlacedFile, known: FileStamp?, to path: String, limit: Int) async throws -> FetchedFile? {
        let answer = try await ask(.content, file.path, to: path, limit: limit)
        var status = stat()
        guard stat(path, &status) == 0 else { throw systemError("cannot look at what was fetched") }
        var stamp = file.stamp
        stamp.modified = file.stamp.modified ?? answer.modified.map { Instant(microseconds: $0 * 1_000_000) }
        try fetch.checkUnchanged(file.stamp, FileStamp(size: Int(status.st_size)))
        return FetchedFile(localPath: path, stamp: stamp)
    }

    private func ask(
        _ purpose: RemoteFileRequest.Purpose, _ path: String, to local: String? = nil, limit: Int? = nil
    ) async throws -> RemoteFileAnswer {
        let whole = root.isEmpty ? path : path.isEmpty ? root : root == "/" ? "/\(path)" : "\(root)/\(path)"
        var request = RemoteFileRequest(purpose, whole, on: server, limits: fetch.limits)
        if let limit { request.limits.bodyBytes = limit }
        let asked = request
        return try await fetch.send { () async throws(HTTPError) in
            if let local { removeFile(local) }
            return try await fetch.client.send(asked, to: local)
        }
    }
}

/// Names of servers.
enum RemoteHost {
    /// A name, an IPv4 address, or an IPv6 address in brackets.
    static let pattern = "^([A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+\\])$"
}

/// How servers write what is in a folder.
enum FolderLines {
    /// `ls -l`, as SFTP servers and FTP's LIST write it: the type first, the size fifth, the name behind the date.
    static func long(_ text: String, at folder: String) throws -> [FolderEntry] {
        var entries: [FolderEntry] = []
        for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("total ") {
            var rest = line[...]
            var fields: [Substring] = []
            while fields.count < 8, let field = rest.split(separator: " ", maxSplits: 1).first {
                fields.append(field)
                rest = rest[field.endIndex...]
            }
            guard fields.count == 8, rest.hasPrefix(" "), let size = Int(fields[4]) else {
                throw ConnectorError(
                    "\(folder): the server lists the folder in a way that is not known: '\(line.prefix(80))'",
                    kind: .parse, hint: "write source.path without wildcards")
            }
            let name = rest.dropFirst()
            switch fields[0].first {
            case "d": entries.append(FolderEntry(name: String(name), kind: .folder, stamp: FileStamp()))
            case "l":
                let target = name.firstRange(of: " -> ")?.lowerBound ?? name.endIndex
                entries.append(FolderEntry(name: String(name[..<target]), kind: .link, stamp: FileStamp()))
            case "-":
                entries.append(FolderEntry(name: String(name), kind: .file, stamp: FileStamp(size: size)))
            default: break
            }
        }
        return entries
    }

    /// The facts of MLSD (RFC 3659, section 7): `type=file;size=12;modify=20261121085500; name`.
    static func facts(_ text: String) -> [FolderEntry] {
        text.split(whereSeparator: \.isNewline).compactMap { line in
            guard let blank = line.firstIndex(of: " ") else { return nil }
            var facts: [String: Substring] = [:]
            for fact in line[..<blank].split(separator: ";") {
                let pair = fact.split(separator: "=", maxSplits: 1)
                if pair.count == 2 { facts[pair[0].lowercased()] = pair[1] }
            }
            let name = String(line[line.index(after: blank)...])
            switch facts["type"]?.lowercased() {
            case "dir": return FolderEntry(name: name, kind: .folder, stamp: FileStamp())
            case "file":
                return FolderEntry(
                    name: name, kind: .file,
                    stamp: FileStamp(
                        size: facts["size"].flatMap { Int($0) }, modified: facts["modify"].flatMap { instant($0) }))
            case let type? where type.hasPrefix("os.unix=sl"):
                return FolderEntry(name: name, kind: .link, stamp: FileStamp())
            default: return nil
            }
        }
    }

    /// `YYYYMMDDhhmmss`, in UTC; decimals may follow.
    private static func instant(_ text: Substring) -> Instant? {
        let digits = Array(text.utf8.prefix(14))
        guard digits.count == 14, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        func number(_ range: Range<Int>) -> Int { digits[range].reduce(0) { $0 * 10 + Int($1 - 0x30) } }
        guard let date = CivilDate(year: number(0..<4), month: number(4..<6), day: number(6..<8)) else { return nil }
        let seconds =
            date.daysSinceEpoch * 86_400 + Int64(number(8..<10) * 3600 + number(10..<12) * 60 + number(12..<14))
        return Instant(microseconds: seconds * 1_000_000)
    }
}
