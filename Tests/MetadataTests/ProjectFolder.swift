import Foundation
import JSON
import Metadata

/// A project with metadata files for one test; removed by `remove()`.
struct ProjectFolder {
    let path: String

    /// Makes a folder with these files, named from the project's folder on.
    init(_ files: [String: String]) throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("metadata-\(UUID().uuidString)").path
        for (name, content) in files {
            let file = URL(fileURLWithPath: path).appendingPathComponent(name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(content.utf8).write(to: file)
        }
    }

    func remove() throws { try FileManager.default.removeItem(atPath: path) }

    /// Loads the files' catalogue.
    static func load(
        _ files: [String: String], connectors: [ConnectorDescription] = [.sample]
    ) throws -> Catalog {
        let project = try ProjectFolder(files)
        defer {
            // The folder lies in the machine's temporary folder; leaving it behind fails no test.
            try? project.remove()
        }
        return try CatalogLoader.load(project: project.path, connectors: connectors)
    }

    /// The lines of all problems of the files; empty where they load.
    static func problems(_ files: [String: String]) throws -> [String] {
        do {
            _ = try load(files)
            return []
        } catch let error as MetadataError {
            return error.problems.map(\.description)
        }
    }
}

extension ConnectorDescription {
    /// A connector with one field of every kind.
    static let sample = ConnectorDescription(
        name: "sample", summary: "Reads nothing.",
        connectionFields: [
            Field("root", .string, default: .string("/data"), "Where it lies."),
            Field("token", .string, secret: true, "The key."),
            Field(
                "auth",
                .variant(
                    "type",
                    [
                        FieldType.Variant("none"),
                        FieldType.Variant(
                            "bearer", [Field("token", .string, required: true, secret: true, "The key.")]),
                    ]), default: .object([.init("type", .string("none"))]), "How the system knows us."),
            Field(
                "retry",
                .object([Field("attempts", .int(1...10), default: .number("3"), "Times that a request is sent.")]),
                default: .object([]), "When a request is repeated."),
        ],
        sourceFields: [
            Field("path", .string, default: .string("*"), "What to read."),
            Field(
                "params", .map(.either([.string, .number(-Double.infinity...Double.infinity), .bool])),
                default: .object([]), "Parameters."),
        ],
        example: "[{\"type\": \"sample\"},\n {\"source\": {}}]",
        isTabular: { $0["path"]?.stringValue?.hasSuffix(".csv") == true })
}
