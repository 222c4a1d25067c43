import Foundation
import Testing

/// The house rules that a compiler does not check: who may import whom, and who may touch what.
@Suite("Every line knows its room")
struct RoomsTests {
    /// Target → our own modules that it may import; a C module is there for its wrapper only.
    static let mayImport: [String: Set<String>] = [
        "medallion": [
            "Pipeline", "Authoring", "Connectors", "ConnectorKit", "Metadata", "Postgres", "JSON", "Primitives",
            "LoopbackHTTP", "Secrets", "ArgumentParser", "Logging",
        ],
        "Authoring": [
            "Pipeline", "ConnectorKit", "Metadata", "HTTPTransport", "JSON", "Primitives", "Hashing", "Logging",
        ],
        "MicroBenchmarks": ["Pipeline", "Metadata", "Postgres", "JSON", "Hashing", "Compression", "Primitives"],
        "TestKit": [
            "Pipeline", "Authoring", "Connectors", "ConnectorKit", "Metadata", "Postgres", "JSON", "Primitives",
            "LoopbackHTTP", "Logging",
        ],
        "Pipeline": [
            "Metadata", "ConnectorKit", "Postgres", "JSON", "Primitives", "Hashing", "Compression", "SQLGrammar",
            "PlatformSQL", "Logging",
        ],
        "Connectors": [
            "ConnectorKit", "Metadata", "HTTPTransport", "Programs", "Postgres", "SQLite", "MariaDB", "JSON",
            "Primitives", "Hashing", "Compression", "Logging",
        ],
        "Secrets": ["ConnectorKit", "Metadata", "HTTPTransport", "Programs", "JSON", "Primitives", "Hashing"],
        "ConnectorKit": ["CSync", "Metadata", "JSON", "XML", "Primitives", "Hashing", "Compression", "Logging"],
        "Metadata": ["JSON", "Primitives", "Hashing"],
        "Postgres": ["CLibPQ", "Primitives", "Logging"],
        "HTTPTransport": ["CLibCurl", "Compression", "Primitives", "Hashing"],
        "SQLite": ["CSQLite", "Primitives"],
        "MariaDB": ["CMariaDB", "Primitives"],
        "Programs": ["CSpawn"],
        "JSON": ["CSimdJSON"],
        "SQLGrammar": ["CPgQuery"],
        "Compression": ["CZstd", "CZlib", "CZip"],
        "XML": ["CXML"],
        "Hashing": ["CCrypto", "CXXHash", "Primitives"],
        "LoopbackHTTP": [],
        "PlatformSQL": [],
        "Primitives": [],
    ]
    /// Modules of the system, open to all.
    static let system: Set = ["Foundation", "Dispatch", "Synchronization", "Glibc", "Darwin"]

    /// What only some rooms touch: the text that shows it, and the folders or files where it may stand.
    static let onlyIn: [(what: String, shownBy: String, rooms: [String])] = [
        (
            "stdout, argv, exit codes", #"(^|[^.\w"])(print|debugPrint|exit)\(|\bCommandLine\."#,
            ["Sources/medallion/", "Sources/TestKit/", "Sources/MicroBenchmarks/"]
        ),
        (
            "the environment", #"\bgetenv\(|processInfo\.environment"#,
            ["Sources/medallion/", "Sources/TestKit/", "Sources/Postgres/Cluster/"]
        ),
        (
            "the wall clock", #"\bDate\(\)|\bclock_gettime\(|\bSystemClock\(\)"#,
            [
                "Sources/Primitives/Clock.swift", "Sources/Pipeline/Run/", "Sources/medallion/", "Sources/TestKit/",
                "connectors/Rest/", "Sources/HTTPTransport/HTTPSigning.swift",
            ]
        ),
        (
            "random numbers and ids", #"\bUUID\(\)|\.random\("#,
            [
                "Sources/Primitives/", "Sources/Pipeline/Run/", "Sources/medallion/", "Sources/TestKit/",
                "connectors/Rest/", "Sources/Secrets/",
            ]
        ),
        (
            "run rows", #"\b(INTO|UPDATE|DELETE FROM) audit\.(system_run|system_layer_run|entity_layer_run)\b"#,
            ["Sources/Pipeline/Audit/", "Sources/Pipeline/Run/"]
        ),
        ("other rows of audit", #"\b(INTO|UPDATE|DELETE FROM) audit\."#, ["Sources/Pipeline/"]),
        (
            "queries of audit", #"\b(FROM|JOIN) audit\."#,
            ["Sources/Pipeline/", "Sources/medallion/", "Sources/TestKit/"]
        ),
        (
            "the tables behind gold", #""gold_data"|gold_data\."#,
            ["Sources/Pipeline/Gold/", "Sources/Metadata/ReservedNames.swift"]
        ),
        ("sql/gold", "sql/gold", ["Sources/Pipeline/Gold/", "Sources/medallion/"]),
    ]
    /// Rooms of the pipeline that only read: no statement in them may change anything.
    static let readOnly = ["Sources/Pipeline/Trace/", "Sources/Pipeline/Queries/"]

    @Test("a target imports what its layer may, and a C library only its own wrapper")
    func imports() throws {
        let pattern = try Regex(#"^\s*(?:@\w+ )*(?:\w+ )?import (?:(?:struct|class|enum|protocol|func|var) )?(\w+)"#)
        for source in try Source.all {
            let allowed = try #require(Self.mayImport[source.target], "\(source.path): a target that the table lacks")
            for line in source.lines where line.contains("import ") {
                guard let module = try pattern.firstMatch(in: line)?.output[1].substring.map(String.init) else {
                    continue
                }
                #expect(Self.system.union(allowed).contains(module), "\(source.path) may not import \(module)")
            }
        }
    }

    @Test("a thing is touched in its room only", arguments: onlyIn.indices)
    func rooms(_ index: Int) throws {
        let (what, shownBy, rooms) = Self.onlyIn[index]
        let pattern = try Regex(shownBy).anchorsMatchLineEndings()
        for source in try Source.all where !rooms.contains(where: source.path.hasPrefix) {
            for (number, line) in source.lines.enumerated() where !line.drop(while: \.isWhitespace).hasPrefix("//") {
                let place = "\(source.path):\(number + 1)"
                #expect(
                    try pattern.firstMatch(in: line) == nil,
                    "\(place) touches \(what): only \(rooms.joined(separator: ", ")) may")
            }
        }
    }

    @Test("a room that only reads changes nothing", arguments: readOnly)
    func reading(_ room: String) throws {
        let pattern = try Regex(
            #"\b(INSERT INTO|DELETE FROM|TRUNCATE|CREATE|ALTER|DROP)\b|\bUPDATE \S+ SET\b|\b(execute|beginCopyIn|transaction)\b"#
        )
        let sources = try Source.all.filter { $0.path.hasPrefix(room) }
        #expect(!sources.isEmpty, "\(room) is gone")
        for source in sources {
            for (number, line) in source.lines.enumerated() where !line.drop(while: \.isWhitespace).hasPrefix("//") {
                #expect(try pattern.firstMatch(in: line) == nil, "\(source.path):\(number + 1) changes something")
            }
        }
    }

    @Test("no file is longer than 400 lines")
    func length() throws {
        for source in try Source.all + Source.tests {
            #expect(source.lines.count <= 400, "\(source.path) has \(source.lines.count) lines: split it by its nouns")
        }
    }

    @Test("no module has a type of its own name")
    func names() throws {
        for source in try Source.all where source.target != "PlatformSQL" {
            let pattern = try Regex(#"\b(struct|class|enum|actor|protocol|typealias) \#(source.target)\b"#)
            #expect(!source.lines.contains { $0.contains(pattern) }, "\(source.path): a type named like its module")
        }
    }
}

/// One Swift file of the package.
struct Source {
    let path: String
    let target: String
    let lines: [Substring]

    static var all: [Source] { get throws { try files(in: ["Sources", "connectors", "sql/platform"]) } }
    static var tests: [Source] { get throws { try files(in: ["Tests"]) } }

    private static func files(in folders: [String]) throws -> [Source] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return try folders.flatMap { folder in
            try FileManager.default.subpathsOfDirectory(atPath: root.appending(path: folder).path())
                .filter { $0.hasSuffix(".swift") }.sorted().map { file in
                    let text = try String(contentsOf: root.appending(path: "\(folder)/\(file)"), encoding: .utf8)
                    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
                    return Source(
                        path: "\(folder)/\(file)", target: target(of: file, in: folder),
                        lines: text.hasSuffix("\n") ? lines.dropLast() : lines)
                }
        }
    }

    private static func target(of file: String, in folder: String) -> String {
        switch folder {
        case "connectors": "Connectors"
        case "sql/platform": "PlatformSQL"
        default: file.split(separator: "/").first.map(String.init) ?? file
        }
    }
}
