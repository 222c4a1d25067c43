import Compression
import ConnectorKit
import Foundation
import TestKit
import Testing

@Suite struct FileContentTests {
    private func zstd(_ text: String) throws -> [UInt8] {
        var compressor = try ZstdCompressor()
        var bytes: [UInt8] = []
        func take(_ span: Span<UInt8>) { for index in span.indices { bytes.append(span[index]) } }
        try compressor.push(Array(text.utf8), take)
        try compressor.finish(take)
        return bytes
    }

    private func gzip(_ folder: TemporaryFolder, _ name: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["gzip", folder.path(of: name)]
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
    }

    @Test(
        "The path's ending tells the format",
        arguments: [
            ("a.json", DocumentShape.Format.json), ("a.jsonl", .jsonl), ("a.ndjson", .jsonl), ("A.CSV", .csv),
            ("x/*.json.gz", .json), ("*.csv.zst", .csv), ("**/a.b.jsonl.GZ", .jsonl),
        ])
    func endings(path: String, format: DocumentShape.Format) throws {
        #expect(try FileScene().shape("{\"path\": \"\(path)\"}") == DocumentShape(format: format))
    }

    @Test(
        "A source that makes no sense is refused before anything is read",
        arguments: [
            (#"{"path": "a"}"#, "source.path 'a': its ending does not tell the format"),
            (#"{"path": "data/*"}"#, "source.path 'data/*': its ending does not tell the format"),
            (#"{"path": "a.gz"}"#, "source.path 'a.gz': its ending does not tell the format"),
            (
                #"{"path": "a.json", "records_path": "data"}"#, "source.records_path 'data' is not a JSON pointer"
            ),
            (
                #"{"path": "a.csv", "records_path": "/data"}"#,
                "source.records_path '/data': only json and xml files have one, and these are csv"
            ),
        ])
    func shapes(source: String, expected: String) throws {
        let error = #expect(throws: ConnectorError.self) { _ = try FileScene().shape(source) }
        #expect(error?.message == expected)
    }

    @Test("Compressed files land decompressed, each as one raw file")
    func compressed() async throws {
        let scene = try FileScene(["b.jsonl": "{\"id\":2}\n{\"id\":3}\n"])
        try gzip(scene.root, "b.jsonl")
        try scene.root.write("{\"id\":1}\n", to: "a.jsonl")
        try scene.root.write(zstd("{\"id\":4}\n"), to: "c.jsonl.zst")
        let files = try await scene.landedFiles(#"{"path": "*.jsonl*", "format": "jsonl"}"#)
        #expect(files.map(\.name) == ["00001.jsonl", "00002.jsonl", "00003.jsonl"])
        #expect(files.map(\.records) == [1, 2, 1])
        #expect(try scene.landed.text(of: "00002.jsonl") == "{\"id\":2}\n{\"id\":3}\n")
        #expect(try scene.landed.text(of: "00003.jsonl") == "{\"id\":4}\n")
    }

    @Test("A file of many chunks lands byte for byte", arguments: ["big.jsonl", "big.jsonl.zst"])
    func big(name: String) async throws {
        let text = (1...120_000).map { "{\"id\":\($0),\"text\":\"some text of record \($0)\"}\n" }.joined()
        let scene = try FileScene()
        if name.hasSuffix(".zst") {
            try scene.root.write(zstd(text), to: name)
        } else {
            try scene.root.write(text, to: name)
        }
        let files = try await scene.landedFiles("{\"path\": \"\(name)\"}")
        #expect(files.map(\.records) == [120_000])
        #expect(files.map(\.bytes) == [text.utf8.count])
        #expect(try scene.landed.bytes(of: "00001.jsonl") == Array(text.utf8))
    }

    @Test("A CSV file lands as it is, its rows counted")
    func csv() async throws {
        let text = "id,text\r\n1,\"two\nlines\"\r\n2,\r\n3"
        let scene = try FileScene(["a.csv": text])
        let files = try await scene.landedFiles(#"{"path": "a.csv"}"#)
        #expect(files.map(\.records) == [3])
        #expect(try scene.landed.text(of: "00001.csv") == text)
    }

    @Test("Links are followed, to files and to folders, and a circle of them ends")
    func links() async throws {
        let scene = try FileScene(["real/a.json": "[1]", "real/deep/b.json": "[2]"])
        try scene.root.link("linked.json", to: "real/a.json")
        try scene.root.link("folder", to: "real")
        try scene.root.link("real/deep/up", to: "..")
        #expect(try await scene.land(#"{"path": "linked.json"}"#) == ["[1]"])
        #expect(try await FileScene(root: scene.root).land(#"{"path": "folder/*.json"}"#) == ["[1]"])
        let all = try await FileScene(root: scene.root).land(#"{"path": "real/**/*.json"}"#)
        #expect(all == ["[1]", "[2]", "[1]"], "real/a.json, real/deep/b.json, real/deep/up/a.json")
    }

    @Test("What is no readable file is an error that names it")
    func obstacles() async throws {
        let scene = try FileScene(["good.json": "[]", "folder.json/a.json": "[]"])
        try scene.root.link("broken.json", to: "gone")
        try scene.root.link("circle.json", to: "circle.json")
        #expect(
            await scene.failure(#"{"path": "folder.json"}"#)
                == "ROOT/folder.json is a folder; write folder.json/* for its files")
        #expect(
            await scene.failure(#"{"path": "f*.json"}"#)
                == "ROOT/folder.json is a folder; write folder.json/* for its files")
        #expect(
            await scene.failure(#"{"path": "b*.json"}"#)
                == "ROOT/broken.json points to nothing; repair or remove the link")
        #expect(
            await scene.failure(#"{"path": "circle.json"}"#)
                == "cannot look at ROOT/circle.json: Too many levels of symbolic links; its symbolic links lead in a circle"
        )
        mkfifo(scene.root.path(of: "pipe.json"), 0o600)
        #expect(
            await scene.failure(#"{"path": "pipe.json"}"#)
                == "ROOT/pipe.json is not a regular file; name a file, not a pipe, socket or device")
    }

    @Test("A wildcard passes by the folders beside the files")
    func folders() async throws {
        let scene = try FileScene(["a.json": "[1]", "sub/b.json": "[2]"])
        #expect(try await scene.land(#"{"path": "*", "format": "json"}"#) == ["[1]"])
    }

    @Test(
        "Damaged bytes are an error of kind parse that names the file",
        arguments: [
            ("cut.json", "[{\"id\":1},{\"id", "payload 00001.json: the JSON text ends inside a value"),
            ("empty.json", "", "payload 00001.json: the payload is empty"),
            ("text.json.gz", "no gzip", "the gzip data are damaged (incorrect header check)"),
            ("empty.json.gz", "", "the gzip data end too early"),
            ("text.json.zst", "no zstd", "the zstd data are damaged"),
            ("open.csv", "a,b\n1,\"2", "payload 00001.csv: line 2: a quoted cell"),
            ("none.csv", "", "payload 00001.csv: line 1: there is no header"),
        ])
    func damage(name: String, text: String, expected: String) async throws {
        let scene = try FileScene([name: text])
        let failure = await scene.failure("{\"path\": \"\(name)\"}")
        #expect(failure.hasPrefix("file ROOT/\(name): \(expected)"), "\(failure)")
        #expect(try scene.landed.names() == [], "nothing half-written stays")
    }
}
