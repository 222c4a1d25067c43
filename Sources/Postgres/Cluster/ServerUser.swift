import Foundation

/// The operating system's user that a private cluster runs as; PostgreSQL refuses to run as root.
struct ServerUser: Sendable, Equatable {
    let name: String
    let uid: uid_t
    let gid: gid_t

    /// Whom a new cluster runs as; nil means as ourselves.
    ///
    /// For root that is `postgres`, which the distribution's package made, else `medallion`, made when needed.
    static func forNewCluster(creating: Bool) async throws -> ServerUser? {
        guard geteuid() == 0 else { return nil }
        if let user = named("postgres") ?? named("medallion") { return user }
        if creating {
            let useradd = ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", "medallion"]
            try await ServerCommand("/usr/sbin/useradd", useradd, user: nil).succeed(
                "cannot create the user 'medallion'")
            if let user = named("medallion") { return user }
        }
        return ServerUser(name: "medallion", uid: .max, gid: .max)
    }

    /// The user that owns a folder, as root would run its server; nil when that is ourselves.
    static func owner(of folder: String) throws -> ServerUser? {
        var status = stat()
        guard unsafe stat(folder, &status) == 0 else { throw systemError("cannot look at \(folder)") }
        if status.st_uid == geteuid() { return nil }
        return ServerUser(name: numbered(status.st_uid) ?? "\(status.st_uid)", uid: status.st_uid, gid: status.st_gid)
    }

    /// True when the user may pass through a folder and all folders above it, by their modes.
    func canTraverse(_ folder: String) -> Bool {
        var path = folder
        while true {
            var status = stat()
            guard unsafe stat(path, &status) == 0 else { return false }
            let bit = status.st_uid == uid ? S_IXUSR : status.st_gid == gid ? S_IXGRP : S_IXOTH
            guard status.st_mode & bit != 0 else { return false }
            if path == "/" { return true }
            path = (path as NSString).deletingLastPathComponent
        }
    }

    private static func named(_ name: String) -> ServerUser? {
        var entry = unsafe passwd()
        var found: UnsafeMutablePointer<passwd>? = nil
        var text = [CChar](repeating: 0, count: 4096)
        guard unsafe getpwnam_r(name, &entry, &text, text.count, &found) == 0, unsafe found != nil else { return nil }
        return unsafe ServerUser(name: name, uid: entry.pw_uid, gid: entry.pw_gid)
    }

    private static func numbered(_ uid: uid_t) -> String? {
        var entry = unsafe passwd()
        var found: UnsafeMutablePointer<passwd>? = nil
        var text = [CChar](repeating: 0, count: 4096)
        guard unsafe getpwuid_r(uid, &entry, &text, text.count, &found) == 0, unsafe found != nil else { return nil }
        return unsafe String(cString: entry.pw_name)
    }
}
