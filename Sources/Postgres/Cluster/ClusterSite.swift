import Foundation

/// Where one project's private cluster lies, and whom its server runs as.
struct ClusterSite: Sendable {
    /// `<project>/.medallion`: locks, the mark of `db start`, and the data unless they lie elsewhere.
    let stateFolder: String
    /// Holds the data folder: the state folder, or `/var/lib/medallion/<hash of the project's path>`.
    let dataParent: String
    /// Sixteen hexadecimal digits of the project's path.
    let hash: String
    /// nil: as ourselves.
    let user: ServerUser?

    var dataFolder: String { "\(dataParent)/postgres" }
    var logFile: String { "\(dataFolder)/server.log" }
    /// Shared by all who use the server, exclusive for the one who stops it.
    var useLockFile: String { "\(stateFolder)/postgres.use" }
    /// Exclusive while the server is made, started or stopped.
    var startLockFile: String { "\(stateFolder)/postgres.start" }
    /// Exists between `db start` and `db stop`.
    var keptFile: String { "\(stateFolder)/postgres.kept" }

    /// True once initdb has been completed: the folder gets its name at the very end.
    var hasData: Bool { Self.hasData(dataFolder) }

    /// The version that made the data.
    var majorVersion: Int? {
        // Missing before initdb.
        (try? String(contentsOfFile: "\(dataFolder)/PG_VERSION", encoding: .utf8))
            .flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }

    /// Finds the cluster of a project, or decides where a new one goes.
    /// - Parameter creating: also makes the state folder, and the server's user where none exists.
    init(projectFolder: String, creating: Bool) async throws {
        guard let project = unsafe realpath(projectFolder, nil) else {
            throw systemError("cannot find the project folder \(projectFolder)")
        }
        let path = unsafe String(cString: project)
        unsafe free(project)
        stateFolder = path == "/" ? "/.medallion" : "\(path)/.medallion"
        hash = fingerprint(path)
        if creating { try Self.makeStateFolder(stateFolder) }
        let elsewhere = "/var/lib/medallion/\(hash)"
        for parent in [stateFolder, elsewhere] where Self.hasData("\(parent)/postgres") {
            dataParent = parent
            user = geteuid() == 0 ? try ServerUser.owner(of: "\(parent)/postgres") : nil
            return
        }
        user = try await ServerUser.forNewCluster(creating: creating)
        let reachable = creating ? stateFolder : path
        dataParent = user?.canTraverse(reachable) ?? true ? stateFolder : elsewhere
    }

    private static func hasData(_ folder: String) -> Bool {
        // A folder that we may not look into exists all the same; using it then fails with a reason.
        fileExists("\(folder)/PG_VERSION") || errno == EACCES
    }

    /// 0700, or passable for the server's user when root makes it; ignored by git either way.
    private static func makeStateFolder(_ folder: String) throws {
        if unsafe mkdir(folder, 0o700) == 0 {
            if geteuid() == 0 { _ = unsafe chmod(folder, 0o711) }
        } else if errno != EEXIST {
            throw systemError(
                "cannot create \(folder)", hint: "make the project folder writable, or use --database-url")
        }
        let ignore = "\(folder)/.gitignore"
        if !fileExists(ignore) { try Data("*\n".utf8).write(to: URL(fileURLWithPath: ignore)) }
    }

    /// Makes an empty folder that only the server's user can enter.
    func makePrivateFolder(_ folder: String) throws {
        guard unsafe mkdir(folder, 0o700) == 0 || errno == EEXIST else { throw systemError("cannot create \(folder)") }
        if let user, unsafe lchown(folder, user.uid, user.gid) != 0 {
            throw systemError("cannot give \(folder) to \(user.name)")
        }
        // Where others may write, somebody may have been there first.
        var status = stat()
        guard unsafe lstat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR,
            status.st_uid == user?.uid ?? geteuid(), unsafe chmod(folder, 0o700) == 0
        else {
            throw PostgresError(
                .usage, "\(folder) belongs to somebody else", hint: "remove it: it is this project's socket folder")
        }
    }

    /// Where a server that is about to start puts its socket: never longer than 100 bytes with the socket's name.
    func socketFolder(runtimeFolder: String?) -> String {
        let name = "medallion-\(hash)"
        var candidates = ["/tmp/\(name)-\(geteuid())"]
        if geteuid() == 0 { candidates.insert("/run/\(name)", at: 0) }
        if geteuid() != 0, let runtimeFolder { candidates.insert("\(runtimeFolder)/\(name)", at: 0) }
        return candidates.first { folder in
            let parent = (folder as NSString).deletingLastPathComponent
            return unsafe folder.utf8.count <= 80 && access(parent, W_OK | X_OK) == 0
        } ?? candidates[candidates.count - 1]
    }
}

/// FNV-1a, 64 bits: names a folder, protects nothing.
private func fingerprint(_ text: String) -> String {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
}
