public import ConnectorKit
import JSON
public import Metadata

/// Files in a folder: JSON, JSON Lines and CSV, plain or compressed as `.gz` or `.zst`.
///
/// ```json
/// {"id": "iso", "name": "ISO codes", "description": "Codes of the Debian package iso-codes", "type": "file",
///  "connection": {"root": "${ISO_CODES:-/usr/share/iso-codes}/json"}}
///
/// {"name": "countries", "system_id": "iso", "description": "ISO 3166-1", "load_type": "full", "key": ["alpha_2"],
///  "source": {"path": "iso_3166-1.json", "records_path": "/3166-1"},
///  "columns": [{"name": "alpha_2", "type": "string", "length": 2}]}
/// ```
///
/// Every file that matches `path` becomes one raw file, in byte order of the paths. Raw holds the *decompressed* bytes
/// of a `.gz` or `.zst` file, otherwise the file's bytes as they are. A delta load lands the same files as a full one;
/// the pipeline leaves out records older than the cursor. Symbolic links are followed: the operator owns the root.
public struct FileConnector: Connector {
    /// A system's `connection`.
    public struct Configuration: ConnectorConfiguration {
        /// The folder under which every path lies.
        public var root: String
        /// Every attribute.
        public static let fields = [
            Field(
                "root", .string, required: true,
                "Folder of the files. ~ is the home folder, ${VAR} and ${VAR:-default} are taken from the environment; "
                    + "a relative folder starts at the project's.")
        ]
    }

    /// An entity's `source`.
    public struct Source: ConnectorConfiguration {
        /// A pattern of paths below the root.
        public var path: String
        /// The notation; by the path's ending where it is nil.
        public var format: DocumentShape.Format?
        /// JSON pointer to the array of records.
        public var recordsPath: String
        /// Every attribute.
        public static let fields = [
            Field(
                "path", .string, required: true,
                "File below root, or a pattern: * and ? within a name, [a-z] one of, [!a-z] none of, ** any folders. "
                    + "No match is an error. Names that begin with a dot match only a pattern that does."),
            Field(
                "format", .oneOf(DocumentShape.Format.allCases.map(\.rawValue)),
                "Notation of the files; by default the path's ending says it: .json, .jsonl or .ndjson, .csv, each also "
                    + "followed by .gz or .zst."),
            Field(
                "records_path", .string, default: .string(""),
                "JSON pointer to the array of records within a json file, as in /data/items; \"\" is the root."),
        ]
    }

    /// `file`.
    public static let name = "file"
    /// One sentence.
    public static let summary = "Reads JSON, JSON Lines and CSV files from a folder, plain or compressed."
    /// A complete system and entity.
    public static let example = """
        [
          {"id": "iso", "name": "ISO codes", "description": "Codes of the Debian package iso-codes", "type": "file",
           "connection": {"root": "/usr/share/iso-codes/json"}},
          {"name": "countries", "system_id": "iso", "description": "ISO 3166-1", "load_type": "full", "key": ["alpha_2"],
           "source": {"path": "iso_3166-1.json", "records_path": "/3166-1"},
           "columns": [{"name": "alpha_2", "type": "string", "length": 2}, {"name": "name", "type": "text"}]}
        ]
        """

    private let root: String

    /// A connector over one folder, which may not exist yet.
    public init(_ configuration: Configuration, context: ConnectorContext) throws {
        do {
            root = try FolderPath(configuration.root, environment: context.environment)
                .absolute(from: context.projectFolder)
        } catch {
            throw ConnectorError(
                "system '\(context.system)': connection.root '\(configuration.root)' \(error.reason)", hint: error.hint)
        }
    }

    /// CSV has rows; by `format`, else by the path's ending.
    public static func isTabular(_ source: Source) -> Bool {
        (source.format ?? FileEnding(source.path).format) == .csv
    }

    /// Format and place of the records, from `source` alone.
    public func shape(of source: Source) throws -> DocumentShape {
        _ = try FilePattern(source.path)
        guard let format = source.format ?? FileEnding(source.path).format else {
            throw ConnectorError(
                "source.path '\(source.path)': its ending does not tell the format",
                hint: "add \"format\": \"json\", \"jsonl\" or \"csv\"")
        }
        guard JSONPointer(source.recordsPath) != nil else {
            throw ConnectorError(
                "source.records_path '\(source.recordsPath)' is not a JSON pointer",
                hint: "write it as in /data/items, or \"\" for the root")
        }
        guard format == .json || source.recordsPath.isEmpty else {
            throw ConnectorError(
                "source.records_path '\(source.recordsPath)': only json files have one, and these are \(format.rawValue)",
                hint: "remove records_path")
        }
        return DocumentShape(format: format, recordsPath: source.recordsPath)
    }

    /// Lands every matching file, one raw file each, 1 MiB in memory at a time.
    public func land(
        _ entity: Entity, source: Source, window: LoadWindow, into writer: inout RawWriter
    ) async throws {
        writer.note(request: "file \(root)/\(source.path)")
        if window.from != nil { writer.noteUnfiltered() }
        for path in try FilePattern(source.path).matches(below: root) {
            try Task.checkCancellation()
            do {
                try SourceFile(path: path).land(into: &writer)
            } catch let error as ConnectorError {
                throw ConnectorError(
                    "file \(path): \(error.message)", kind: error.kind, hint: error.hint,
                    isTransient: error.isTransient)
            }
        }
    }
}
