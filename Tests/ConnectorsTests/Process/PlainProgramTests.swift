import ConnectorKit
import Primitives
import TestKit
import Testing

@Suite("Programs whose output is the payload")
struct PlainProgramTests {
    @Test("what it writes is landed byte by byte, and the folder is gone")
    func payload() async throws {
        let scene = try ProcessScene(#"printf 'id,name\r\n1,"a""b"\r\n2,%s\n' "$1""#, #"{"protocol": "plain"}"#)
        let landing = try await scene.land(#"{"format": "csv", "args": ["$HOME; *"]}"#)
        #expect(landing.texts == ["id,name\r\n1,\"a\"\"b\"\r\n2,$HOME; *\n"])
        #expect(landing.request?.hasSuffix("/bin/program $HOME; *") == true)
        #expect(try scene.temporary.names() == [])
    }

    @Test("a JSON document is read by its pointer")
    func document() async throws {
        let scene = try ProcessScene(#"echo '{"data": {"items": [{"id": 1}]}}'"#, #"{"protocol": "plain"}"#)
        let landing = try await scene.land(#"{"format": "json", "records_path": "/data/items"}"#)
        #expect(landing.texts == ["{\"data\": {\"items\": [{\"id\": 1}]}}\n"])
    }

    @Test("the bounds of a delta load are arguments; without them the pipeline filters")
    func window() async throws {
        let scene = try ProcessScene(#"echo "{\"id\": 1, \"from\": \"$1\"}""#, #"{"protocol": "plain"}"#)
        let window = ProcessScene.delta(nil, from: "2026-01-01")
        let asked = try await scene.land(#"{"format": "jsonl", "args": ["{from}"]}"#, window)
        #expect(asked.texts == ["{\"id\": 1, \"from\": \"2026-01-01\"}\n"])
        #expect(!asked.isUnfiltered)
        #expect(try await scene.land(#"{"format": "jsonl"}"#, window).isUnfiltered)
    }

    @Test("the configuration lies at {config}")
    func configuration() async throws {
        let scene = try ProcessScene(
            #"cat "$1"; echo"#,
            #"{"protocol": "plain", "config": {"b": 12345678901234567890.10, "a": [{"secret": "k"}]}}"#,
            secrets: ["k": "quo\"te"])
        let landing = try await scene.land(#"{"format": "jsonl", "args": ["{config}"]}"#)
        #expect(landing.texts == [#"{"b":12345678901234567890.10,"a":["quo\"te"]}"# + "\n"])
        #expect(landing.request?.hasSuffix("bin/program config.json") == true)
    }

    @Test("a program that fails lands nothing, and its last words are told")
    func fails() async throws {
        let scene = try ProcessScene(
            #"echo '{"id": 1}'; printf 'first\nno such\ttable\n' >&2; exit 3"#, #"{"protocol": "plain"}"#)
        #expect(
            await scene.failure(#"{"format": "jsonl"}"#)
                == "connector: program 'bin/program': it ended with exit code 3; its last words: first | no such table")
    }

    @Test("a program that is not there is named")
    func missing() async throws {
        let scene = try ProcessScene("", #"{"protocol": "plain"}"#)
        try scene.project.write("not executable", to: "bin/program")
        #expect(await scene.failure(#"{"format": "csv"}"#).contains("cannot run"))
        #expect(
            await scene.failure(#"{}"#) == "connector: source.format is missing; say what the program writes: "
                + "\"json\", \"jsonl\" or \"csv\"")
    }
}
