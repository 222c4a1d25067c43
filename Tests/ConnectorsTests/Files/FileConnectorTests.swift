import Compression
import ConnectorKit
import Foundation
import TestKit
import Testing

@Suite struct FileConnectorTests {
    private static let tree = [
        "a.json", "b.json", "c10.json", "c2.json", "ä.json", "x.csv", ".hidden.json", "sub/a.json", "sub/deep/a.json",
        "sub/deep/z.json", ".git/a.json", "[x].json",
    ]

    @Test(
        "A pattern names files in byte order",
        arguments: [
            ("a.json", ["a.json"]),
            ("./sub//a.json", ["sub/a.json"]),
            ("*.json", ["[x].json", "a.json", "b.json", "c10.json", "c2.json", "ä.json"]),
            ("?.json", ["a.json", "b.json", "ä.json"]),
            ("c*.json", ["c10.json", "c2.json"]),
            ("c*0.j*n", ["c10.json"]),
            ("[ab].json", ["a.json", "b.json"]),
            ("[!ab].json", ["ä.json"]),
            ("[a-c][0-9].json", ["c2.json"]),
            ("[[]x].json", ["[x].json"]),
            ("[]x].json", []),
            (".*.json", [".hidden.json"]),
            ("*/a.json", ["sub/a.json"]),
            ("**/a.json", ["a.json", "sub/a.json", "sub/deep/a.json"]),
            ("sub/**/*.json", ["sub/a.json", "sub/deep/a.json", "sub/deep/z.json"]),
            ("**/deep/**/z.json", ["sub/deep/z.json"]),
            ("sub/**", ["sub/a.json", "sub/deep/a.json", "sub/deep/z.json"]),
        ])
    func patterns(pattern: String, expected: [String]) async throws {
        let scene = try FileScene(
            Dictionary(uniqueKeysWithValues: Self.tree.map { ($0, "[{\"path\":\"\($0)\"}]") }))
        let source = "{\"path\": \"\(pattern)\", \"format\": \"json\"}"
        if expected.isEmpty {
            #expect(await scene.failure(source).hasPrefix("no file matches '\(pattern)' below ROOT; "))
        } else {
            #expect(try await scene.land(source) == expected.map { "[{\"path\":\"\($0)\"}]" })
        }
    }

    @Test(
        "A path that is none is refused with a sentence",
        arguments: [
            ("", "source.path '' names no file; name a file or a pattern, as in orders/*.json"),
            ("/etc/passwd", "source.path '/etc/passwd' is absolute; write it as seen from connection.root"),
            ("a/../../b.json", "source.path 'a/../../b.json' leaves the root by '..'; move connection.root up instead"),
            ("[a.json", "source.path '[a.json' has a [ without its ]; write [[] for the character itself"),
        ])
    func refusedPaths(path: String, expected: String) async throws {
        #expect(try await FileScene().failure("{\"path\": \"\(path)\", \"format\": \"json\"}") == expected)
    }

    @Test("No match says what there is instead")
    func nearest() async throws {
        let scene = try FileScene(["countries.json": "[]", "data/orders.json": "[]", "data/x.csv": ""])
        let none = "no file matches"
        #expect(
            await scene.failure(#"{"path": "contries.json"}"#)
                == "\(none) 'contries.json' below ROOT; did you mean 'countries.json'?")
        #expect(
            await scene.failure(#"{"path": "data/order.json"}"#)
                == "\(none) 'data/order.json' below ROOT; did you mean 'orders.json'?")
        #expect(
            await scene.failure(#"{"path": "dta/*.json"}"#) == "\(none) 'dta/*.json' below ROOT; did you mean 'data'?")
        #expect(
            await scene.failure(#"{"path": "data/*.jsonl"}"#)
                == "\(none) 'data/*.jsonl' below ROOT; ROOT/data holds orders.json, x.csv")
        try scene.root.makeFolder("empty")
        #expect(
            await scene.failure(#"{"path": "empty/*.json"}"#)
                == "\(none) 'empty/*.json' below ROOT; ROOT/empty is empty")
    }

    @Test("A root that is missing or no folder is named")
    func roots() async throws {
        let scene = try FileScene(["file": ""])
        #expect(
            await scene.failure(#"{"path": "a.json"}"#, root: scene.root.path(of: "gone"))
                == "the folder ROOT/gone does not exist; check the system's connection.root")
        #expect(
            await scene.failure(#"{"path": "a.json"}"#, root: scene.root.path(of: "file"))
                == "ROOT/file is not a folder; check the system's connection.root")
    }

    @Test("A root may name the home folder, variables and defaults, or start at the project's folder")
    func rootExpansion() async throws {
        let scene = try FileScene(["data/a.json": "[1]", "project/data/a.json": "[2]", "project/a.json": "[3]"])
        let home = ["HOME": scene.root.path, "EMPTY": ""]
        let source = #"{"path": "a.json"}"#
        for (root, expected) in [
            ("~/data", "[1]"), ("${HOME}/data/", "[1]"), ("${GONE:-~}/data", "[1]"), ("data", "[2]"), (".", "[3]"),
            ("${EMPTY:-\(scene.root.path)}/data", "[1]"),
        ] {
            let again = try FileScene(root: scene.root)
            #expect(try await again.land(source, root: root, environment: home) == [expected], "\(root)")
        }
        let prefix = "system 'files': connection.root "
        #expect(
            await scene.failure(source, root: "${GONE}/x")
                == prefix + "'${GONE}/x' needs the environment variable GONE, which is not set; "
                + "set it, or write ${GONE:-default}")
        #expect(
            await scene.failure(source, root: "${GONE/x")
                == prefix + "'${GONE/x' has a ${ without its }; write ${VAR} or ${VAR:-default}")
        #expect(
            await scene.failure(source, root: "")
                == prefix + "'' is empty; name a folder; \".\" is the project's folder")
    }
}
