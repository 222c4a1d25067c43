import ConnectorKit
import Foundation
import Glibc
import JSON
import Metadata
import Primitives
import TestKit
import Testing

/// What a delta load of whole files lands, and in which order.
@Suite struct FileLedgerTests {
    private func scene(_ files: [String: String]) throws -> (RemoteScene, TemporaryFolder) {
        let root = try TemporaryFolder()
        for (name, text) in files { try root.write(text, to: name) }
        return (try RemoteScene("file", #"{"root": "\#(root.path)"}"#, root: root), root)
    }

    private func touch(_ path: String, _ instant: Instant) {
        let time = timespec(tv_sec: Int(instant.microseconds / 1_000_000), tv_nsec: 0)
        utimensat(AT_FDCWD, path, [time, time], 0)
    }

    @Test("Only files that are new or changed are landed; those that are gone are forgotten")
    func changes() async throws {
        let (scene, root) = try scene(["a.jsonl": "{\"id\":1}\n", "b.jsonl": "{\"id\":2}\n"])
        let source = #"{"path": "*.jsonl"}"#
        let first = try await scene.land(source, isDelta: true)
        #expect(first.texts == ["{\"id\":1}\n", "{\"id\":2}\n"])
        let second = try await scene.land(source, state: first.state)
        #expect(second.texts == [] && second.state == first.state)
        try root.write("{\"id\":3}\n", to: "c.jsonl")
        try root.write("{\"id\":20}\n", to: "b.jsonl")
        try FileManager.default.removeItem(atPath: root.path(of: "a.jsonl"))
        let third = try await scene.land(source, state: second.state)
        #expect(third.texts == ["{\"id\":20}\n", "{\"id\":3}\n"])
        #expect(third.state?.contains("a.jsonl") == false)
        try root.write("{\"id\":1}\n", to: "a.jsonl")
        #expect(try await scene.land(source, state: third.state).texts == ["{\"id\":1}\n"])
    }

    @Test(
        "A file with another time and the same content is not landed again; one of the same size and another content is"
    )
    func content() async throws {
        let (scene, root) = try scene(["a.jsonl": "{\"id\":1}\n"])
        let source = #"{"path": "a.jsonl"}"#
        let first = try await scene.land(source, isDelta: true)
        touch(root.path(of: "a.jsonl"), Instant(microseconds: 1_000_000_000_000))
        let second = try await scene.land(source, state: first.state)
        #expect(second.texts == [] && second.state != first.state)
        try root.write("{\"id\":2}\n", to: "a.jsonl")
        #expect(try await scene.land(source, state: second.state).texts == ["{\"id\":2}\n"])
    }

    @Test("A full load lands everything, and leaves the ledger that the next delta load goes on from")
    func full() async throws {
        let (scene, _) = try scene(["a.jsonl": "{\"id\":1}\n"])
        let first = try await scene.land(#"{"path": "*"}"#.replacing("*", with: "*.jsonl"), isDelta: true)
        let (connector, entity) = try scene.make(#"{"path": "*.jsonl"}"#, isDelta: true)
        let landed = try TemporaryFolder()
        var writer = RawWriter(folder: landed.path, shape: try connector.shape(of: entity))
        try await connector.land(entity, window: LoadWindow(loadType: .full, until: RemoteScene.now), into: &writer)
        #expect(writer.files.count == 1 && writer.state == first.state)
        #expect(try await scene.land(#"{"path": "*.jsonl"}"#).state == nil)
    }

    @Test("A state that is no ledger is said, with the way out")
    func damaged() async throws {
        let (scene, _) = try scene(["a.jsonl": "{\"id\":1}\n"])
        for state in ["{", "[]", #"{"files": [[1]]}"#] {
            let failure = await scene.failure(#"{"path": "a.jsonl"}"#, state: state)
            #expect(
                failure.hasPrefix(
                    "parse: the state of the last batch is no ledger of files; run 'medallion cursor reset'"))
        }
    }

    @Test("A file that changed a moment ago waits for the next run; a full load fails instead")
    func settling() async throws {
        let (scene, root) = try scene(["a.jsonl": "{\"id\":1}\n", "b.jsonl": "{\"id\":2}\n"])
        touch(root.path(of: "a.jsonl"), RemoteScene.now.advanced(byMicroseconds: -61_000_000))
        touch(root.path(of: "b.jsonl"), RemoteScene.now.advanced(byMicroseconds: -59_000_000))
        let source = #"{"path": "*.jsonl", "settle_s": 60}"#
        let first = try await scene.land(source, isDelta: true)
        #expect(first.texts == ["{\"id\":1}\n"])
        #expect(scene.log.text.contains("b.jsonl"))
        let later = RemoteScene.now.advanced(byMicroseconds: 5_000_000)
        #expect(try await scene.land(source, state: first.state, until: later).texts == ["{\"id\":2}\n"])
        #expect(
            await scene.failure(source)
                == "connector: file b.jsonl at \(root.path) changed within 60.0 s before this run (settle_s); "
                + "run again when it is complete; a full load cannot leave it out")
    }

    @Test(
        "Files are landed in the order that is asked for",
        arguments: [
            ("", "12345"), (#", "order": {"by": "name"}"#, "12345"), (#", "order": {"by": "modified"}"#, "54321"),
            (#", "order": {"by": "date", "pattern": "%Y%m%d"}"#, "34125"),
            (#", "order": {"by": "date", "pattern": "-%d%m%Y"}"#, "42513"),
        ])
    func order(order: String, expected: String) async throws {
        let (scene, root) = try scene([
            "a-03042026.jsonl": "{\"id\":1}", "b-01012026.jsonl": "{\"id\":2}", "c-11122026.jsonl": "{\"id\":3}",
            "d-01012025.jsonl": "{\"id\":4}", "e-02012026.jsonl": "{\"id\":5}",
        ])
        for (place, name) in try root.names().enumerated() {
            touch(root.path(of: name), Instant(microseconds: 1_000_000_000_000 - Int64(place) * 1_000_000_000))
        }
        if order.contains("%Y%m%d") {
            for (old, new) in [
                ("a-03042026", "a-20260302"), ("b-01012026", "b-20260303"), ("c-11122026", "c-20250101"),
                ("d-01012025", "d-20250102"), ("e-02012026", "e-20270101"),
            ] {
                rename(root.path(of: old + ".jsonl"), root.path(of: new + ".jsonl"))
            }
        }
        let texts = try await scene.land(#"{"path": "*.jsonl"\#(order)}"#).texts
        #expect(texts.map { $0.filter(\.isNumber) }.joined() == expected)
    }

    @Test("A file without its date, and a pattern without one, are errors")
    func noDate() async throws {
        let (scene, root) = try scene(["a.jsonl": "{\"id\":1}"])
        #expect(
            await scene.failure(#"{"path": "*.jsonl", "order": {"by": "date", "pattern": "%Y"}}"#)
                == "connector: file a.jsonl at \(root.path): no date '%Y' in its name; "
                + "correct source.order.pattern, or let source.path match only files with a date")
        #expect(
            await scene.failure(#"{"path": "*.jsonl", "order": {"by": "date", "pattern": "x"}}"#)
                .hasPrefix("connector: source.order.pattern 'x' holds no date that is known"))
    }

    @Test("Expressions in a path are filled in: the instant of the run, the window, system and entity")
    func templates() async throws {
        let (scene, _) = try scene([
            "2026/02/03/test-things.jsonl": "{\"id\":1}", "2026/02/02/test-things.jsonl": "{\"id\":2}",
        ])
        let day = "{{ now | date('%Y/%m/%d') }}/{{ system }}-{{ entity }}.jsonl"
        #expect(try await scene.land(#"{"path": "\#(day)"}"#).texts == ["{\"id\":1}"])
        let both = #"["\#(day)", "{{ window.until | shift('-1d') | date('%Y/%m/%d') }}/*.jsonl"]"#
        #expect(try await scene.land(#"{"path": \#(both)}"#).texts == ["{\"id\":2}", "{\"id\":1}"])
        #expect(await scene.failure(#"{"path": "{{ nau }}.jsonl"}"#).contains("{{ nau }}"))
    }

    @Test("What a folder holds becomes drafts of entities, like files as one")
    func discovered() async throws {
        let (scene, root) = try scene([
            "orders/2026-01-01.csv": "", "orders/2026-01-02.csv": "", "orders/2026-01-02.csv.gz": "", "items.jsonl": "",
            "notes.txt": "", "Feed [1].xml": "",
        ])
        let found = try await scene.connector().discover() ?? []
        #expect(
            found.map { "\($0.name) \($0.source.text())" } == [
                #"feed {"path":"Feed [1].xml","records_path":"/"}"#.replacing("feed ", with: "feed "),
                #"items {"path":"items.jsonl"}"#, #"orders {"path":"orders/*.csv"}"#,
                #"orders_2 {"path":"orders/2026-01-02.csv.gz"}"#,
            ])
        #expect(try await scene.connector().check() == ["\(root.path) with 6 files"])
    }
}
