import Compression
import Foundation
import TestKit
import Testing

@Suite struct ZipArchiveTests {
    /// A zip file that Python writes: `name=text` for each member; `link:name` for a symbolic link.
    static func write(_ members: [String], to path: String, password: Bool = false) throws {
        let script = """
            import sys, zipfile
            archive = zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED)
            for member in sys.argv[2:]:
                name, text = member.split("=", 1)
                info = zipfile.ZipInfo(name.removeprefix("link:"))
                info.compress_type = zipfile.ZIP_DEFLATED
                info.create_system = 3
                info.external_attr = (0o120777 if name.startswith("link:") else 0o100644) << 16
                archive.writestr(info, text)
            archive.close()
            """
        let program = Process()
        program.executableURL = URL(filePath: "/usr/bin/python3")
        program.arguments = ["-W", "ignore", "-c", script, path] + members
        try program.run()
        program.waitUntilExit()
        try #require(program.terminationStatus == 0)
    }

    private func texts(_ path: String) throws -> [String] {
        let archive = try ZipArchive(path)
        return try archive.members.map { member in
            var bytes: [UInt8] = []
            try archive.read(member) { piece in for index in piece.indices { bytes.append(piece[index]) } }
            return "\(member.name)=\(String(decoding: bytes, as: UTF8.self))"
        }
    }

    @Test("Members come in byte order of their names, folders left out")
    func members() throws {
        let folder = try TemporaryFolder()
        let path = folder.path(of: "a.zip")
        try Self.write(
            ["b/2.csv=two", "a.csv=" + String(repeating: "x", count: 100_000), "b/=", "c=", "..d=ok"], to: path)
        #expect(
            try texts(path) == ["..d=ok", "a.csv=" + String(repeating: "x", count: 100_000), "b/2.csv=two", "c="])
    }

    @Test(
        "A name that leads out of the archive is refused, as is one that stands there twice",
        arguments: [
            "../x=1", "a/../../x=1", "/etc/x=1", "..\\x=1", "C:\\x=1", "link:x=/etc/passwd", "a=1",
        ])
    func harm(member: String) throws {
        let folder = try TemporaryFolder()
        let path = folder.path(of: "a.zip")
        try Self.write(["a=0", member], to: path)
        #expect(throws: CompressionError.self) { _ = try ZipArchive(path) }
    }

    @Test("A cut or damaged archive is an error wherever it is cut")
    func cut() throws {
        let folder = try TemporaryFolder()
        let path = folder.path(of: "a.zip")
        try Self.write(["a.csv=" + (0..<2000).map { "\($0)" }.joined(separator: ",")], to: path)
        let bytes = try folder.bytes(of: "a.zip")
        for length in stride(from: 0, to: bytes.count, by: 97) {
            let cut = try folder.write(Array(bytes[..<length]), to: "cut\(length).zip")
            #expect(throws: CompressionError.self, "\(length) bytes") { try texts(cut) }
        }
        var flipped = bytes
        flipped[bytes.count / 2] ^= 0x10
        let damaged = try folder.write(flipped, to: "flipped.zip")
        #expect(throws: CompressionError.self) { try texts(damaged) }
    }
}
