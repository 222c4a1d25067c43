import ConnectorKit
import Metadata
import JSON
import TestKit
import Testing

@Suite("Singer taps")
struct SingerTests {
    /// A tap of two streams; `sync` is what it does when it is not asked for its catalog.
    private func tap(_ sync: String, _ connection: String = #"{"protocol": "singer"}"#) throws -> ProcessScene {
        let scene = try ProcessScene(
            """
            case "$*" in *--discover*) exec cat project/catalog.json;; esac
            \(sync)
            """, connection)
        try scene.project.write(
            """
            {"streams": [
              {"tap_stream_id": "things", "stream": "things", "schema": {"type": "object"}, "metadata": [
                {"breadcrumb": [], "metadata": {"inclusion": "available"}},
                {"breadcrumb": ["properties", "id"], "metadata": {"inclusion": "automatic"}},
                {"breadcrumb": ["properties", "no"], "metadata": {"inclusion": "unsupported"}}]},
              {"tap_stream_id": "others", "stream": "others", "schema": {}}]}
            """, to: "catalog.json")
        return scene
    }

    private static let schema = #"echo '{"type":"SCHEMA","stream":"things","schema":{},"key_properties":["id"]}'"#

    @Test("the records of the stream are landed as received, the last state is noted")
    func records() async throws {
        let scene = try tap(
            """
            \(Self.schema)
            cat <<'END'
            {"type":"STATE","value":{"at":1}}
            {"type": "RECORD", "stream": "things", "record": {"id": 1,  "price": 1.10, "name": "\\u00e9 } \\" {"}}
            {"type":"RECORD","stream":"others","record":{"id":9}}
            {"record":{"id":2,"a":[{"b":[]}]},"version":1,"stream":"th\\u0069ngs","type":"RECORD","time_extracted":"x"}

            {"type":"ACTIVATE_VERSION","stream":"things","version":1}
            END
            printf '{"type":"STATE","value":{"at": 2}}'
            """)
        let landing = try await scene.land()
        #expect(
            landing.texts == [
                #"{"id": 1,  "price": 1.10, "name": "\u00e9 } \" {"}"# + "\n" + #"{"id":2,"a":[{"b":[]}]}"# + "\n"
            ])
        #expect(landing.state == #"{"at": 2}"#)
    }

    @Test("the catalog comes back with one stream selected, the state of the last batch beside it")
    func selection() async throws {
        let scene = try tap(
            """
            echo "$*" > project/arguments; cp catalog.json project/selected.json; cp state.json project/state.json
            \(Self.schema)
            """)
        let source = #"{"options": {"replication-method": "INCREMENTAL"}}"#
        #expect(try await scene.land(source, ProcessScene.delta(#"{"at": 7}"#), loadType: .delta).state == nil)
        #expect(
            try scene.project.text(of: "arguments")
                == "--config config.json --catalog catalog.json --state state.json\n")
        #expect(try scene.project.text(of: "state.json") == #"{"at": 7}"#)
        let streams = try JSONReader.parse(scene.project.bytes(of: "selected.json"))["streams"]?.arrayValue ?? []
        #expect(
            streams.map { $0["metadata"]?.text(sortedKeys: true) } == [
                #"[{"breadcrumb":[],"metadata":{"inclusion":"available","replication-method":"INCREMENTAL","selected":true}},"#
                    + #"{"breadcrumb":["properties","id"],"metadata":{"inclusion":"automatic","selected":true}},"#
                    + #"{"breadcrumb":["properties","no"],"metadata":{"inclusion":"unsupported"}}]"#,
                #"[{"breadcrumb":[],"metadata":{"selected":false}}]"#,
            ])
        #expect(streams.map { $0["schema"]?["selected"] } == [.bool(true), .bool(false)])
    }

    @Test("a tap without a catalog is not asked for one")
    func noCatalog() async throws {
        let scene = try tap(
            Self.schema + #"; echo "$*" > project/arguments"#, #"{"protocol": "singer", "catalog": "none"}"#)
        #expect(try await scene.land().texts == [])
        #expect(try scene.project.text(of: "arguments") == "--config config.json\n")
    }

    @Test("an old tap gets its catalog as properties; one that cannot tell a catalog says what to set")
    func otherCatalogs() async throws {
        let old = try tap(
            Self.schema + #"; echo "$*" > project/arguments"#, #"{"protocol": "singer", "catalog": "properties"}"#)
        _ = try await old.land()
        #expect(try old.project.text(of: "arguments") == "--config config.json --properties catalog.json\n")
        let scene = try ProcessScene("echo 'what is --discover?' >&2; exit 2", #"{"protocol": "singer"}"#)
        #expect(
            await scene.failure() == "connector: program 'bin/program': it ended with exit code 2; its last words: "
                + "what is --discover?; if it has no --discover, set connection.catalog to \"none\"")
    }

    @Test("files of a batch become raw files, decompressed")
    func batch() async throws {
        let scene = try tap(
            #"""
            echo '{"type":"SCHEMA","stream":"things","schema":{},"key_properties":[]}'
            echo '{"type":"RECORD","stream":"things","record":{"id":1}}'
            printf '{"id":2}\n{"id":3}\n' | gzip > b.jsonl.gz
            echo "{\"type\":\"BATCH\",\"stream\":\"things\",\"encoding\":{\"format\":\"jsonl\",\"compression\":\"gzip\"},"\
            "\"manifest\":[\"file://$HOME/b.jsonl.gz\"]}"
            echo '{"type":"RECORD","stream":"things","record":{"id":4}}'
            """#)
        #expect(try await scene.land().texts == ["{\"id\":1}\n", "{\"id\":2}\n{\"id\":3}\n", "{\"id\":4}\n"])
        let parquet = try tap(
            #"echo '{"type":"BATCH","stream":"things","encoding":{"format":"parquet"},"manifest":[]}'"#)
        #expect(await parquet.failure().contains("line 1 of its output is a BATCH of another format than jsonl"))
    }

    @Test("a stream that the tap does not have, or never speaks of, is an error that names those it has")
    func unknownStream() async throws {
        let scene = try tap(#"echo '{"type":"RECORD","stream":"others","record":{}}'"#)
        #expect(
            await scene.failure(#"{"stream": "thing"}"#)
                == "connector: program 'bin/program': it has no stream 'thing'; "
                + "it has others, things; set source.stream")
        #expect(await scene.failure().contains("it never spoke of stream 'things', but of others; set source.stream"))
    }

    @Test("a tap that breaks off lands nothing and leaves no state")
    func crash() async throws {
        let scene = try tap(
            #"""
            echo '{"type":"RECORD","stream":"things","record":{"id":1}}'; echo '{"type":"STATE","value":1}'
            printf '{"type":"RECORD","stream":"things","rec'; kill -9 $$
            """#)
        #expect(await scene.failure() == "connector: program 'bin/program': it was ended by signal 9")
        let cut = try tap(#"printf '{"type":"RECORD","stream":"things","record":{"id":1}'"#)
        #expect(await cut.failure().contains("parse: program 'bin/program': line 1 of its output is no JSON object"))
    }

    @Test(
        "a line that is no message stops the landing",
        arguments: [
            ("Traceback", "is no JSON object"), ("{} x", "is no JSON object"), (#"{"a" 1}"#, "is no JSON object"),
            (#"{"a":1"#, "is no JSON object"), (#"{"type":"HELLO"}"#, "is a message of the unknown type 'HELLO'"),
            ("{}", "is a JSON object without a type"), (#"{"type":"RECORD"}"#, "is a RECORD without a stream"),
            (#"{"type":"STATE"}"#, "is a STATE without a value"),
        ])
    func garbage(line: String, problem: String) async throws {
        let scene = try tap("\(Self.schema)\ncat project/garbage")
        try scene.project.write(line + "\n", to: "garbage")
        #expect(
            await scene.failure() == "parse: program 'bin/program': line 2 of its output \(problem); "
                + "let it write its messages only; nothing was kept")
    }

    @Test("a record that no database can keep is landed for the quarantine")
    func unkeepable() async throws {
        let scene = try tap(#"cat project/garbage"#)
        let record = #"{"id":1,"a":"\ud800\u0000","b":1e999}"#
        try scene.project.write(#"{"type":"RECORD","stream":"things","record":\#(record)}"#, to: "garbage")
        #expect(try await scene.land().texts == [record + "\n"])
    }

    @Test("a state that holds a secret is refused")
    func secretState() async throws {
        let scene = try ProcessScene(
            #"""
            echo '{"type":"SCHEMA","stream":"things","schema":{},"key_properties":[]}'
            echo "{\"type\":\"STATE\",\"value\":$(cat config.json)}"
            """#, #"{"protocol": "singer", "catalog": "none", "config": {"key": {"secret": "k"}}}"#,
            secrets: ["k": "canary-7f3a9c51e2"])
        let failure = await scene.failure()
        #expect(failure.contains("its state holds a secret"))
        #expect(!failure.contains("canary"))
    }
}
