import Primitives

/// A folder or a file on a server that speaks SFTP or FTP.
public struct RemoteFileRequest: Sendable, CustomStringConvertible {
    /// What is asked for.
    public enum Purpose: Sendable, Hashable {
        /// The folder's entries, as lines of text: `ls -l`.
        case list
        /// The folder's entries as FTP's facts (RFC 3659), which not every server knows.
        case listFacts
        /// The file's modification time, none of its content.
        case time
        /// The content.
        case content
    }

    /// The server and how it knows us.
    public var server: RemoteFileServer
    /// From the server's root where it begins with `/`, else from the folder of the login.
    public var path: String
    /// What is asked for.
    public var purpose: Purpose
    /// What the transfer may take.
    public var limits: HTTPLimits

    /// A request.
    public init(_ purpose: Purpose, _ path: String, on server: RemoteFileServer, limits: HTTPLimits) {
        self.server = server
        self.path = path
        self.purpose = purpose
        self.limits = limits
    }

    /// `sftp://host:22/path`, without user and password.
    public var description: String { "\(server)\(path.hasPrefix("/") ? "" : "/~/")\(path)" }

    /// The URL for libcurl, each name percent-encoded; a folder ends in a slash.
    var url: String {
        let isFolder = purpose == .list || purpose == .listFacts
        let names = path.split(separator: "/").map { percentEncoded(String($0)) }.joined(separator: "/")
        let start =
            switch (server.protocol, path.hasPrefix("/")) {
            case (.sftp, true): "/"
            case (.sftp, false): "/~/"
            // In FTP a path begins in the login's folder, and %2F leads to the root (RFC 1738, 3.2.2).
            case (.ftp, true), (.ftps, true): "/%2F"
            case (.ftp, false), (.ftps, false): "/"
            }
        return server.description + start + names + (isFolder && !names.isEmpty ? "/" : "")
    }
}

/// A server of files, and how we and it prove who we are.
public struct RemoteFileServer: Sendable, CustomStringConvertible, CustomReflectable {
    /// How it is spoken to.
    public enum `Protocol`: String, Sendable {
        /// Files over SSH.
        case sftp
        /// RFC 959, in clear or with AUTH TLS.
        case ftp
        /// TLS from the first byte on.
        case ftps
    }

    /// How it is spoken to.
    public var `protocol`: `Protocol`
    /// Its name or address.
    public var host: String
    /// Its port; nil for the protocol's own.
    public var port: Int?
    /// Our name there.
    public var username: String
    /// Our password; nil without one.
    public var password: String?
    /// The file of our private SSH key; nil without one.
    public var keyFile: String?
    /// What opens the key file.
    public var passphrase: String?
    /// The file in which OpenSSH keeps the keys of servers.
    public var knownHosts: String?
    /// SHA-256 of the server's key in base64, as `ssh-keygen -l` shows it, without `SHA256:`.
    public var fingerprint: String?
    /// True for FTP that turns to TLS before it logs in.
    public var demandsTLS: Bool

    /// A server.
    public init(
        _ protocol: `Protocol`, host: String, port: Int? = nil, username: String, password: String? = nil,
        keyFile: String? = nil, passphrase: String? = nil, knownHosts: String? = nil, fingerprint: String? = nil,
        demandsTLS: Bool = false
    ) {
        self.protocol = `protocol`
        self.host = host
        self.port = port
        self.username = username
        self.password = password
        self.keyFile = keyFile
        self.passphrase = passphrase
        self.knownHosts = knownHosts
        self.fingerprint = fingerprint
        self.demandsTLS = demandsTLS
    }

    /// `sftp://host:2222`, without user and password.
    public var description: String { "\(`protocol`.rawValue)://\(host)\(port.map { ":\($0)" } ?? "")" }

    /// Shows no children, so that `dump` prints no password either.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// What a server of files answered.
public struct RemoteFileAnswer: Sendable {
    /// The listing; empty for a file.
    public var listing: [UInt8]
    /// Seconds since 1970 UTC at which the file last changed; nil where the server does not say.
    public var modified: Int64?
}
