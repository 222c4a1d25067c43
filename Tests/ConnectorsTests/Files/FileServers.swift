import Foundation
import Glibc
import LoopbackHTTP
import TestKit

/// A server program on the loopback address, ended with the object.
final class ServerProgram: @unchecked Sendable {
    // Process is not Sendable; it is touched by init and deinit only.
    private let process = Process()
    private let input = Pipe()
    let port: Int

    /// The program ends when its shell's input does, also where the tests were killed. And sshd closes all files that it did not
    /// open, which Foundation takes for its end, and then waits for that before it sees any other process end: the shell keeps
    /// them open.
    private static let script = #""$@" & cat; kill -9 $!"#

    struct NotStarted: Error, CustomStringConvertible { let description: String }

    /// Starts a program and waits until its port answers.
    init(_ program: String, port: Int, _ arguments: [String], log: String) throws {
        self.port = port
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", Self.script, "sh", program] + arguments
        process.standardInput = input
        process.standardOutput = FileHandle(forWritingAtPath: log)
        process.standardError = process.standardOutput
        try process.run()
        for _ in 0..<500 {
            if Self.answers(port) { return }
            guard process.isRunning else { break }
            usleep(20_000)
        }
        throw NotStarted(description: "\(program): \(try String(contentsOfFile: log, encoding: .utf8))")
    }

    deinit {
        // Not waited for: it holds nothing but its port, and what it started ends with its connections.
        try? input.fileHandleForWriting.close()
    }

    /// A port that nobody holds now.
    static func freePort() throws -> Int {
        let server = try LoopbackServer { _ in LoopbackResponse() }
        defer { server.stop() }
        return server.port
    }

    private static func answers(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}

/// OpenSSH's server with SFTP, for the user that runs the tests, and a key that opens it.
struct SFTPServer: Sendable {
    /// The key's passphrase.
    static let passphrase = "canary-7f3a9c51e2"
    let folder: TemporaryFolder
    let program: ServerProgram
    let fingerprint: String

    var user: String { NSUserName() }
    var files: String { folder.path(of: "files") }

    init() throws {
        folder = try TemporaryFolder()
        _ = try folder.makeFolder("files")
        for (name, passphrase) in [("host", ""), ("user", Self.passphrase), ("stranger", "")] {
            _ = try Self.run(
                "/usr/bin/ssh-keygen",
                ["-q", "-t", "ed25519", "-C", "test", "-N", passphrase, "-f", folder.path(of: name)])
        }
        try folder.write(folder.text(of: "user.pub"), to: "authorized")
        fingerprint = try String(
            Self.run("/usr/bin/ssh-keygen", ["-lf", folder.path(of: "host.pub")]).split(separator: " ")[1])
        let port = try ServerProgram.freePort()
        try folder.write(
            """
            Port \(port)
            ListenAddress 127.0.0.1
            HostKey \(folder.path(of: "host"))
            AuthorizedKeysFile \(folder.path(of: "authorized"))
            PidFile none
            StrictModes no
            UsePAM no
            PasswordAuthentication no
            KbdInteractiveAuthentication no
            PermitRootLogin prohibit-password
            Subsystem sftp internal-sftp
            """, to: "sshd_config")
        // The package's service makes this folder, which root's sshd demands, only when it starts.
        if geteuid() == 0 { mkdir("/run/sshd", 0o755) }
        program = try ServerProgram(
            "/usr/sbin/sshd", port: port, ["-D", "-e", "-f", folder.path(of: "sshd_config")],
            log: folder.path(of: "log"))
    }

    /// `connection` with what is given in place of the fingerprint and the key.
    func connection(known: String? = nil, key: String = "user", root: String? = nil) -> String {
        let known = known ?? "\"fingerprint\": \"\(fingerprint)\""
        let passphrase = key == "user" ? ", \"passphrase\": {\"secret\": \"key_passphrase\"}" : ""
        return """
            {"host": "127.0.0.1", "port": \(program.port), "username": "\(user)", \(known),
             "key_file": "\(folder.path(of: key))"\(passphrase), "root": "\(root ?? files)"}
            """
    }

    private static func run(_ program: String, _ arguments: [String]) throws -> String {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw ServerProgram.NotStarted(description: program) }
        return String(decoding: data, as: UTF8.self)
    }
}

/// Python's pyftpdlib with one user.
struct FTPServer: Sendable {
    static let password = "canary-7f3a9c51e2"
    let folder: TemporaryFolder
    let program: ServerProgram

    init() throws {
        folder = try TemporaryFolder()
        _ = try folder.makeFolder("files")
        let port = try ServerProgram.freePort()
        program = try ServerProgram(
            "/usr/bin/python3", port: port,
            [
                "-m", "pyftpdlib", "-i", "127.0.0.1", "-p", "\(port)", "-d", folder.path(of: "files"), "-u", "user",
                "-P",
                Self.password,
            ], log: folder.path(of: "log"))
    }

    func connection(tls: String = "none", password: String = "ftp_password", root: String = "") -> String {
        """
        {"host": "127.0.0.1", "port": \(program.port), "username": "user", "password": {"secret": "\(password)"},
         "tls": "\(tls)", "root": "\(root)"}
        """
    }
}
