import Foundation
import TestKit
import Testing

/// XML, dialects of CSV and zip files, as the file connector lands them.
@Suite struct FileFormatTests {
    private func scene(_ files: [String: [UInt8]]) throws -> RemoteScene {
        let root = try TemporaryFolder()
        for (name, bytes) in files { try root.write(bytes, to: name) }
        return try RemoteScene("file", #"{"root": "\#(root.path)"}"#, root: root)
    }

    @Test("XML is landed as received, and refused where it is made to do harm")
    func xml() async throws {
        let text = "<r><i id=\"1\"/><i id=\"2\"/></r>"
        let bomb = "<!DOCTYPE r [<!ENTITY a \"x\">]><r><i>&a;</i></r>"
        let scene = try scene(["a.xml": Array(text.utf8), "bomb.xml": Array(bomb.utf8)])
        let landing = try await scene.land(#"{"path": "a.xml", "records_path": "/r/i"}"#)
        #expect(landing.texts == [text] && landing.names == ["00001.xml"])
        #expect(
            await scene.failure(#"{"path": "bomb.xml", "records_path": "/r/i"}"#)
                .contains("payload 00001.xml: line 1: it declares a document type (DOCTYPE), which is refused"))
        #expect(
            await scene.failure(#"{"path": "a.xml", "records_path": "/x/i"}"#)
                .contains("there is no element /x, where records_path points"))
    }

    @Test(
        "Attributes that contradict each other are refused",
        arguments: [
            (#"{"path": "a.xml"}"#, "does not name the record's element"),
            (#"{"path": "a.csv", "records_path": "/a"}"#, "only json and xml files have one"),
            (#"{"path": "a.json", "csv": {"delimiter": ";"}}"#, "source.csv: these files are json"),
            (#"{"path": "a.csv", "lists": ["x"]}"#, "source.lists: these files are csv"),
            (#"{"path": "a.csv", "csv": {"delimiter": ";;"}}"#, "delimiter is not one ASCII character"),
            (#"{"path": "a.csv", "csv": {"header": false}}"#, "names is empty"),
            (#"{"path": "a.csv", "csv": {"names": ["a"]}}"#, "the header holds the names"),
            (#"{"path": []}"#, "names no file"), (#"{"path": "a.zip"}"#, "its ending does not tell the format"),
            (#"{"path": "a.csv", "order": {"pattern": "%Y"}}"#, "is for \"by\": \"date\""),
        ])
    func contradictions(source: String, message: String) async throws {
        #expect(try await scene([:]).failure(source).contains(message))
    }

    @Test("Every member of a zip file that matches is a raw file of its own")
    func zip() async throws {
        let root = try TemporaryFolder()
        try writeZip(["b.csv=id\n2\n", "a/x.csv=id\n1\n", "readme.txt=x", "c.json=[]"], to: root.path(of: "all.zip"))
        try writeZip(["a.csv=id\n3\n", "../a.csv=id\n4\n"], to: root.path(of: "slip.zip"))
        let scene = try RemoteScene("file", #"{"root": "\#(root.path)"}"#, root: root)
        #expect(
            try await scene.land(#"{"path": "all.zip", "members": "**/*.csv"}"#).texts == ["id\n1\n", "id\n2\n"])
        #expect(try await scene.land(#"{"path": "all.zip", "members": "*.csv"}"#).texts == ["id\n2\n"])
        #expect(
            await scene.failure(#"{"path": "all.zip", "members": "*.xml", "records_path": "/r"}"#)
                .contains("no member of the zip file matches '*.xml'; it holds a/x.csv, b.csv"))
        #expect(
            await scene.failure(#"{"path": "slip.zip", "members": "*.csv"}"#)
                .contains("the zip data are damaged (the name '../a.csv' leads out of it)"))
    }

    @Test("A cut .gz and a cut .zip land nothing", arguments: ["a.csv.gz", "a.csv.zip"])
    func cut(name: String) async throws {
        let root = try TemporaryFolder()
        let text = "id\n" + (0..<5000).map { "\($0)\n" }.joined()
        if name.hasSuffix("zip") {
            try writeZip(["a.csv=\(text)"], to: root.path(of: name))
        } else {
            try root.write(text, to: "a.csv")
            try run("/usr/bin/gzip", [root.path(of: "a.csv")])
        }
        let scene = try RemoteScene("file", #"{"root": "\#(root.path)"}"#, root: root)
        #expect(try await scene.land(#"{"path": "\#(name)"}"#).texts == [text])
        let bytes = try root.bytes(of: name)
        for length in [1, bytes.count / 2, bytes.count - 1] {
            try root.write(Array(bytes[..<length]), to: name)
            let failure = await scene.failure(#"{"path": "\#(name)"}"#)
            #expect(failure.hasPrefix("parse: file \(root.path)/\(name): the "), "\(failure)")
        }
    }

    @Test("A file that is larger than it may be is refused, plain, in gzip and in zip", arguments: ["", ".gz", ".zip"])
    func large(ending: String) async throws {
        let root = try TemporaryFolder()
        let text = "id\n" + String(repeating: "1\n", count: 600_000)
        try root.write(text, to: "a.csv")
        if ending == ".gz" { try run("/usr/bin/gzip", [root.path(of: "a.csv")]) }
        if ending == ".zip" {
            try run("/usr/bin/python3", ["-m", "zipfile", "-c", root.path(of: "a.csv.zip"), root.path(of: "a.csv")])
        }
        let scene = try RemoteScene("file", #"{"root": "\#(root.path)"}"#, root: root)
        let failure = await scene.failure(#"{"path": "a.csv\#(ending)", "max_file_mb": 1}"#)
        #expect(failure.contains("larger than 1048576 bytes when decompressed; raise source.max_file_mb"), "\(failure)")
    }

    private func writeZip(_ members: [String], to path: String) throws {
        let script = """
            import sys, zipfile
            with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as archive:
                for member in sys.argv[2:]: archive.writestr(*member.split("=", 1))
            """
        try run("/usr/bin/python3", ["-c", script, path] + members)
    }

    private func run(_ program: String, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
    }
}
