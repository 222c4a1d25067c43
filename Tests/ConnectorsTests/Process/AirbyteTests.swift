import ConnectorKit
import Metadata
import JSON
import TestKit
import Testing

@Suite("Airbyte sources")
struct AirbyteTests {
    /// A source of two streams; `read` is what it does when it is asked to read.
    private func source(_ read: String, config: String = "{}", check: String = "SUCCEEDED") throws -> ProcessScene {
        try ProcessScene(
            #"""
            echo "$*" >> project/calls
            echo 'starting up'
            case "$1" in
            spec) echo '{"type":"SPEC","spec":{"connectionSpecification":{"properties":{"auth":{"oneOf":[
              {"properties":{"token":{"type":"string","airbyte_secret":true}}}]}}}}}' | tr -d '\n'; echo;;
            check) echo '{"type":"CONNECTION_STATUS","connectionStatus":{"status":"\#(check)","message":"no access"}}';;
            discover) echo '{"type":"CATALOG","catalog":{"streams":[
              {"name":"things","json_schema":{},"supported_sync_modes":["full_refresh","incremental"],
               "default_cursor_field":["at"],"source_defined_primary_key":[["id"]]},
              {"name":"rates","json_schema":{},"supported_sync_modes":["full_refresh"]}]}}' | tr -d '\n'; echo;;
            read) cp catalog.json project/configured.json
            \#(read)
            ;;
            esac
            """#, #"{"protocol": "airbyte", "config": \#(config)}"#, secrets: ["token": "canary-7f3a9c51e2"])
    }

    @Test("records and state are taken, the rest is logged")
    func records() async throws {
        let scene = try source(
            """
            cat <<'END'
            {"type":"LOG","log":{"level":"WARN","message":"slow today"}}
            {"type":"TRACE","trace":{"type":"STREAM_STATUS","stream_status":{"status":"STARTED"}}}
            {"type":"RECORD","record":{"stream":"things","data":{"id":1, "at":"x"},"emitted_at":1}}
            {"type":"RECORD","record":{"emitted_at":2,"data":{"id":9},"stream":"rates"}}
            {"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"things"},"stream_state":{"at":"x"}}}}
            {"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"rates"},"stream_state":{}}}}
            END
            """)
        let landing = try await scene.land(loadType: .delta)
        #expect(landing.texts == ["{\"id\":1, \"at\":\"x\"}\n"])
        let state =
            #"[{"type":"STREAM","stream":{"stream_descriptor":{"name":"things"},"stream_state":{"at":"x"}}}]"#
        #expect(landing.state == state)
        #expect(scene.log.text.contains("slow today"))
        #expect(
            try scene.project.text(of: "configured.json")
                == #"{"streams":[{"stream":{"name":"things","json_schema":{},"#
                + #""supported_sync_modes":["full_refresh","incremental"],"default_cursor_field":["at"],"#
                + #""source_defined_primary_key":[["id"]]},"sync_mode":"incremental","destination_sync_mode":"append","#
                + #""cursor_field":["at"],"primary_key":[["id"]]}]}"#)
        _ = try await scene.land(loadType: .delta)
        _ = try await scene.land(#"{"args": []}"#, ProcessScene.delta(state), loadType: .delta)
        let calls = try scene.project.text(of: "calls").split(separator: "\n")
        #expect(calls.last == "read --config config.json --catalog catalog.json --state state.json")
    }

    @Test("a legacy state is its data")
    func legacyState() async throws {
        let scene = try source(#"echo '{"type":"STATE","state":{"data":{"at":5}}}'"#)
        #expect(try await scene.land(loadType: .delta).state == #"{"at":5}"#)
    }

    @Test("a stream that cannot tell changes is not loaded by delta")
    func fullOnly() async throws {
        let scene = try source("true")
        #expect(
            await scene.failure(#"{"stream": "rates"}"#, ProcessScene.delta(nil))
                == "connector: program 'bin/program': its stream 'rates' cannot tell changes; "
                + "set the entity's load_type to \"full\"")
        #expect(await scene.failure(#"{"stream": "thin"}"#).contains("it has rates, things"))
    }

    @Test("what the source says went wrong is the error, also with exit code 0")
    func trace() async throws {
        let scene = try source(
            """
            echo '{"type":"RECORD","record":{"stream":"things","data":{"id":1}}}'
            echo '{"type":"TRACE","trace":{"type":"ERROR","error":{"message":"quota used up","failure_type":"transient_error"}}}'
            """)
        #expect(
            await scene.failure() == "connector transient: program 'bin/program': it gave up: quota used up")
        let incomplete = try source(
            #"echo '{"type":"TRACE","trace":{"type":"STREAM_STATUS","stream_status":{"status":"INCOMPLETE"}}}'"#)
        #expect(await incomplete.failure().contains("it says that stream 'things' is incomplete"))
    }

    @Test("a failed check is told, and nothing is read")
    func check() async throws {
        let scene = try source("true", check: "FAILED")
        #expect(await scene.failure().hasPrefix("auth: program 'bin/program': its check failed: no access"))
        let calls = try scene.project.text(of: "calls")
        #expect(!calls.contains("read"))
    }

    @Test("what the source calls secret must be a reference")
    func literalSecret() async throws {
        let literal = try source("true", config: #"{"auth": {"token": "in-plain-text"}}"#)
        #expect(
            await literal.failure() == "auth: program 'bin/program': connection.config holds secrets in plain text: "
                + "auth.token; write {\"secret\": \"name\"} there")
        let reference = try source(
            "cp config.json project/config.json", config: #"{"auth": {"token": {"secret": "token"}}}"#)
        _ = try await reference.land()
        #expect(try reference.project.text(of: "config.json") == #"{"auth":{"token":"canary-7f3a9c51e2"}}"#)
    }
}
