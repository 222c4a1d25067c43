import ConnectorKit
import Metadata
import TestKit
import Testing

@Suite("Programs that speak our own messages")
struct JSONLinesProgramTests {
    /// A program that obeys `commands`; `read` is what it does when it is asked to read.
    private func program(_ read: String, commands: String = #""read""#, check: String = "true") throws -> ProcessScene {
        try ProcessScene(
            #"""
            case "$1" in
            describe) echo '{"type":"describe","protocol":1,"commands":[\#(commands)]}';;
            check) echo '{"type":"check","ok":\#(check),"message":"wrong key"}';;
            discover) echo '{"type":"stream","name":"things"}';;
            read) cp *.json project/
            \#(read);;
            esac
            echo '{"type":"done"}'
            """#, #"{"protocol": "jsonl"}"#)
    }

    @Test("records, state and log are taken; the request and the state lie in files")
    func records() async throws {
        let scene = try program(
            """
            printf '%s\\n' '{"type":"log","level":"warning","message":"two\\nlines"}'
            echo '{"type":"record","stream":"things","record":{"id": 1}}'
            echo '{"type":"state","value":{"page":2}}'
            """)
        let landing = try await scene.land(
            #"{"options": {"depth": 2}}"#, ProcessScene.delta(#"{"page":1}"#, from: "5"), loadType: .delta)
        #expect(landing.texts == ["{\"id\": 1}\n"])
        #expect(landing.state == #"{"page":2}"#)
        #expect(try scene.project.text(of: "state.json") == #"{"page":1}"#)
        #expect(
            try scene.project.text(of: "request.json")
                == #"{"stream":"things","load_type":"delta","until":"1970-01-01T00:00:00.000000Z","#
                + #""options":{"depth":2},"from":"5"}"#)
        #expect(scene.log.text.contains("warning a program said [\"program.log\": two lines]"))
        #expect(try await scene.land().state == #"{"page":2}"#)
    }

    @Test("what a program says that it obeys is asked first")
    func commands() async throws {
        let all = #""check", "discover", "read""#
        let refused = try program("true", commands: all, check: "false")
        #expect(await refused.failure() == "auth: program 'bin/program': its check failed: wrong key")
        let open = try program("true", commands: all)
        #expect(await open.failure(#"{"stream": "thing"}"#).contains("it has no stream 'thing'; it has things"))
        #expect(try await open.land().texts == [])
        let none = try program("true", commands: "")
        #expect(await none.failure().contains("is not of protocol 1 with the command read"))
    }

    @Test("without done nobody knows whether that was all")
    func noDone() async throws {
        let scene = try program(#"echo '{"type":"record","stream":"things","record":{"id":1}}'; exit 0"#)
        #expect(
            await scene.failure() == "parse: program 'bin/program': it ended without {\"type\": \"done\"}, "
                + "so nobody knows whether that was all; let it write done as its last line")
        let talkative = try program(#"echo '{"type":"done"}'; echo '{"type":"record","stream":"things","record":{}}'"#)
        #expect(await talkative.failure().contains("line 2 of its output follows its done"))
        let failing = try program(#"echo '{"type":"done"}'; exit 4"#)
        #expect(await failing.failure().contains("it ended with exit code 4"))
    }

    @Test("a program gives up in its own words")
    func error() async throws {
        let scene = try program(
            #"echo '{"type":"error","message":"come back later","kind":"rate_limit","transient":true}'"#)
        #expect(
            await scene.failure() == "rate_limit transient: program 'bin/program': it gave up: come back later")
    }

    @Test("a raw file is closed before it grows over its size, at the end of a record")
    func largeFiles() async throws {
        let scene = try ProcessScene(
            #"""
            text=$(head -c 100000 /dev/zero | tr '\0' x)
            echo '{"type":"SCHEMA","stream":"things","schema":{},"key_properties":[]}'
            for id in 1 2 3 4 5 6 7 8 9 10 11 12; do
                echo "{\"type\":\"RECORD\",\"stream\":\"things\",\"record\":{\"id\":$id,\"text\":\"$text\"}}"
            done
            """#, #"{"protocol": "singer", "catalog": "none", "file_mb": 1}"#)
        let texts = try await scene.land().texts
        #expect(texts.map { $0.split(separator: "\n").count } == [10, 2])
    }
}
