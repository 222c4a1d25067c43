// swift-tools-version: 6.2
import PackageDescription

/// One settings list for every target: strict imports, existentials spelled out, warnings are errors.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
    .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
]
/// Targets that wrap a C library say `unsafe` wherever they mean it.
let wrapping: [SwiftSetting] = settings + [.strictMemorySafety()]

func system(_ name: String, _ pkgConfig: String?, apt: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt])])
}

let package = Package(
    name: "medallion",
    products: [.executable(name: "medallion", targets: ["medallion"])],
    traits: [.trait(name: "MySQL", description: "The connector type mysql; needs MariaDB Connector/C.")],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    ],
    targets: [
        // 0: system libraries, and the one C++ shim.
        system("CLibPQ", "libpq", apt: "libpq-dev"),
        system("CLibCurl", "libcurl", apt: "libcurl4-openssl-dev"),
        system("CZstd", "libzstd", apt: "libzstd-dev"),
        system("CZlib", "zlib", apt: "zlib1g-dev"),
        system("CZip", "libzip", apt: "libzip-dev"),
        system("CXML", "libxml-2.0", apt: "libxml2-dev"),
        system("CCrypto", "libcrypto", apt: "libssl-dev"),
        system("CXXHash", "libxxhash", apt: "libxxhash-dev"),
        system("CPgQuery", nil, apt: "libpg-query-dev"),
        system("CSpawn", nil, apt: "libc6-dev"),
        system("CSync", nil, apt: "libc6-dev"),
        system("CSQLite", "sqlite3", apt: "libsqlite3-dev"),
        system("CMariaDB", nil, apt: "libmariadb-dev"),
        .target(
            name: "CSimdJSON",
            cxxSettings: [.unsafeFlags(["-std=c++17", "-O2"])],
            linkerSettings: [.linkedLibrary("simdjson")]),
        // 1: values and C wrappers; unsafe code lives here only.
        .target(name: "Primitives", swiftSettings: settings),  // instants, 128-bit ids, nearest names
        .target(name: "Hashing", dependencies: ["CCrypto", "CXXHash", "Primitives"], swiftSettings: wrapping),
        .target(name: "Compression", dependencies: ["CZstd", "CZlib", "CZip"], swiftSettings: wrapping),
        .target(name: "JSON", dependencies: ["CSimdJSON"], swiftSettings: wrapping),
        .target(name: "XML", dependencies: ["CXML"], swiftSettings: wrapping),
        .target(name: "SQLGrammar", dependencies: ["CPgQuery"], swiftSettings: wrapping),
        .target(
            name: "Postgres",
            dependencies: ["CLibPQ", "Primitives", .product(name: "Logging", package: "swift-log")],
            swiftSettings: wrapping),
        .target(
            name: "HTTPTransport", dependencies: ["CLibCurl", "Compression", "Primitives", "Hashing"],
            swiftSettings: wrapping),
        .target(name: "Programs", dependencies: ["CSpawn"], swiftSettings: wrapping),
        .target(name: "SQLite", dependencies: ["CSQLite", "Primitives"], swiftSettings: wrapping),
        // Empty without the trait MySQL, so that a plain build asks for no library of MySQL's.
        .target(
            name: "MariaDB",
            dependencies: ["Primitives", .target(name: "CMariaDB", condition: .when(traits: ["MySQL"]))],
            swiftSettings: wrapping),
        .target(name: "LoopbackHTTP", swiftSettings: wrapping),  // a small server for the demo and the tests
        // sql/platform: the numbered migrations, embedded into the binary.
        .target(
            name: "PlatformSQL", path: "sql/platform",
            resources: [
                .embedInCode("0001_platform.sql"), .embedInCode("0002_entity_shape.sql"),
                .embedInCode("0003_quality.sql"), .embedInCode("0004_comments.sql"),
                .embedInCode("0005_throughput.sql"),
                .embedInCode("0006_accepted_documents.sql"), .embedInCode("0007_scopes.sql"),
                .embedInCode("0008_orders.sql"),
                .embedInCode("0009_times.sql"),
                .embedInCode("0010_gold_state.sql"),
            ],
            swiftSettings: settings),
        // 2: the vocabulary: systems, entities, columns, already valid.
        .target(name: "Metadata", dependencies: ["JSON", "Primitives", "Hashing"], swiftSettings: settings),
        // 3: all that the author of a connector must read.
        .target(
            name: "ConnectorKit",
            dependencies: [
                "CSync", "Metadata", "JSON", "XML", "Primitives", "Hashing", "Compression",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        // 4: the product, and the plugins, which cannot see each other.
        .target(
            name: "Pipeline",
            dependencies: [
                "Metadata", "ConnectorKit", "Postgres", "JSON", "Primitives", "Hashing", "Compression", "SQLGrammar",
                "PlatformSQL",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .target(
            name: "Connectors",
            dependencies: [
                "ConnectorKit", "Metadata", "HTTPTransport", "Programs", "Postgres", "SQLite",
                .target(name: "MariaDB", condition: .when(traits: ["MySQL"])), "JSON", "Primitives", "Hashing",
                "Compression",
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "connectors",
            swiftSettings: settings),
        // 5: tools for who writes a connector or metadata: samples, proposals, recordings, the contract.
        .target(
            name: "Authoring",
            dependencies: [
                "Pipeline", "ConnectorKit", "Metadata", "HTTPTransport", "JSON", "Primitives", "Hashing",
                .product(name: "Logging", package: "swift-log"),
            ],
            resources: [
                .embedInCode("Skeleton/Templates/source.py"), .embedInCode("Skeleton/Templates/system.json"),
                .embedInCode("Skeleton/Templates/entity.json"),
                .embedInCode("Skeleton/Templates/Connector.swift.txt"),
                .embedInCode("Skeleton/Templates/Subject.swift.txt"),
            ],
            swiftSettings: settings),
        // Where secrets come from: encrypted file, Vault, programs. Plugins and pipeline see `SecretStore` only.
        .target(
            name: "Secrets",
            dependencies: ["ConnectorKit", "Metadata", "HTTPTransport", "Programs", "JSON", "Primitives", "Hashing"],
            swiftSettings: settings),
        // 6: argv, environment, exit codes, wiring.
        .executableTarget(
            name: "medallion",
            dependencies: [
                "Pipeline", "Authoring", "Connectors", "ConnectorKit", "Metadata", "Postgres", "JSON", "Primitives",
                "LoopbackHTTP", "Secrets",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        // The steps that a record takes in the client, timed one by one; no part of the product.
        .executableTarget(
            name: "MicroBenchmarks",
            dependencies: ["Pipeline", "Metadata", "Postgres", "JSON", "Hashing", "Compression", "Primitives"],
            swiftSettings: settings),
        // Tests, and what they share.
        .target(
            name: "TestKit",
            dependencies: [
                "Pipeline", "Authoring", "Connectors", "ConnectorKit", "Metadata", "Postgres", "Primitives",
                "LoopbackHTTP", "JSON", .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
    ] + testTargets,
    cxxLanguageStandard: .cxx17
)

/// One test target per source target: Tests/<Target>Tests.
var testTargets: [Target] {
    let tested = [
        "Primitives", "Hashing", "Compression", "JSON", "XML", "SQLGrammar", "Postgres", "HTTPTransport", "Metadata",
        "ConnectorKit", "Pipeline", "Connectors", "Secrets", "Authoring",
    ]
    return tested.map { name in
        Target.testTarget(
            name: "\(name)Tests",
            dependencies: Set([
                name, "TestKit", "Primitives", "JSON", "Metadata", "ConnectorKit", "Postgres", "LoopbackHTTP",
                "Hashing",
            ]).sorted().map {
                .target(name: $0)
            } + (name == "Connectors" ? [.target(name: "MariaDB", condition: .when(traits: ["MySQL"]))] : []),
            exclude: name == "Pipeline" ? ["Golden"] : [],
            swiftSettings: settings)
    } + [
        .testTarget(name: "RoomsTests", swiftSettings: settings),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "TestKit", "Postgres", "Primitives", "JSON", "LoopbackHTTP", "HTTPTransport", "Metadata",
                "ConnectorKit",
                "Connectors", "Pipeline", "Secrets", "medallion",
            ],
            swiftSettings: settings),
    ]
}
