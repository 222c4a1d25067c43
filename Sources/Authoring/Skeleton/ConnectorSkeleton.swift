import Metadata
import Primitives

/// The files of a new connector: they run before a line of them is changed.
public struct ConnectorSkeleton: Sendable {
    /// A file, its path from the folder in which it is made.
    public struct File: Sendable, Hashable {
        /// The path.
        public var path: String
        /// The text.
        public var text: String
        /// True for a program.
        public var isExecutable = false
    }

    /// The connector's name: `^[a-z][a-z0-9_]{0,29}$`.
    public let name: String
    /// What kind it is.
    public let kind: Kind

    /// What a connector can be.
    public enum Kind: String, Sendable, CaseIterable {
        /// A program of any language that speaks our messages; part of a project.
        case process
        /// A type of this program; part of its source tree.
        case swift
    }

    /// A skeleton; nil for a name that is none.
    public init?(name: String, kind: Kind) {
        let bytes = Array(name.utf8)
        func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }
        guard let first = bytes.first, isLetter(first), bytes.count <= 30,
            bytes.allSatisfy({ isLetter($0) || (0x30...0x39).contains($0) || $0 == 0x5F })
        else { return nil }
        self.name = name
        self.kind = kind
    }

    /// The files, in the order in which to read them.
    public var files: [File] {
        switch kind {
        case .process:
            [
                File(
                    path: "connectors/\(name)/source.py", text: filled(PackageResources.source_py), isExecutable: true),
                File(path: "metadata/systems/\(name).json", text: filled(PackageResources.system_json)),
                File(path: "metadata/entities/\(name)_readings.json", text: filled(PackageResources.entity_json)),
            ]
        case .swift:
            [
                File(
                    path: "connectors/\(type)/\(type)Connector.swift",
                    text: filled(PackageResources.Connector_swift_txt)),
                File(
                    path: "Tests/ConnectorsTests/\(type)/\(type)Subject.swift",
                    text: filled(PackageResources.Subject_swift_txt)),
            ]
        }
    }

    /// What is left to do by hand.
    public var steps: String { filled(kind == .process ? Self.processSteps : Self.swiftSteps) }

    /// `sea_level` as `SeaLevel`.
    private var type: String {
        name.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }

    /// `sea_level` as `seaLevel`.
    private var identifier: String { type.prefix(1).lowercased() + type.dropFirst() }

    private func filled(_ template: [UInt8]) -> String { filled(String(decoding: template, as: UTF8.self)) }

    private func filled(_ text: String) -> String {
        text.replacing("NAME", with: name).replacing("TYPE", with: type).replacing("IDENTIFIER", with: identifier)
    }

    private static let processSteps = """
        Next, from the project's folder:
          medallion check NAME                 it answers
          medallion read NAME.readings         its records, and what the columns read
          medallion run --system NAME          source → raw → bronze → silver
          medallion connectors test NAME       the promises that every connector keeps
        Then put your source in the place of SAMPLE in connectors/NAME/source.py.
        """

    private static let swiftSteps = """
        Three lines elsewhere:
          connectors/BuiltInConnectors.swift                     registry.register(TYPEConnector.self)
          Tests/ConnectorsTests/ConnectorContractTests.swift     case IDENTIFIER = "NAME"           in enum Kind
                                                                 case .IDENTIFIER: try .IDENTIFIER()   in its subject
        Then:
          swift test --filter ConnectorContract
          medallion connectors describe NAME
        """
}
