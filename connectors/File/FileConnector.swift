public import ConnectorKit
import Logging
public import Metadata

/// Files in a folder: JSON, JSON Lines, CSV and XML, plain or compressed as `.gz`, `.zst` or `.zip`.
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
/// Every file that matches `path` becomes one raw file, in byte order of the paths or in `order`; of a `.zip` each member.
/// Raw holds the *decompressed* bytes, otherwise the file's as they are. A delta load of mode `all` lands the files that
/// are new or changed since the last one; with a cursor it lands all, and the pipeline leaves out older records.
/// Symbolic links are followed: the operator owns the root. `FileSource` has the attributes of `source`, which are the
/// same in `http_files`, `s3`, `sftp` and `ftp`.
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

    /// `file`.
    public static let name = "file"
    /// A delta load of mode `all` goes on from the files that it knows.
    public static let keepsState = true
    /// One sentence.
    public static let summary = "Reads JSON, JSON Lines, CSV and XML files from a folder, plain or compressed."
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

    private let place: LocalPlace
    private let logger: Logger

    /// A connector over one folder, which may not exist yet.
    public init(_ configuration: Configuration, context: ConnectorContext) throws {
        do {
            place = LocalPlace(
                root: try FolderPath(configuration.root, environment: context.environment)
                    .absolute(from: context.projectFolder))
        } catch {
            throw ConnectorError(
                "system '\(context.system)': connection.root '\(configuration.root)' \(error.reason)", hint: error.hint)
        }
        logger = context.logger
    }

    /// CSV has rows; by `format`, else by the path's ending.
    public static func isTabular(_ source: FileSource) -> Bool { source.isTabular }

    /// Format and place of the records, from `source` alone.
    public func shape(of source: FileSource) throws -> DocumentShape { try source.shape() }

    /// Lists the folder.
    public func check() async throws -> [String]? { try await FileCatalog(place: place).check() }

    /// Files that differ in digits only are one entity.
    public func discover() async throws -> [DiscoveredEntity]? { try await FileCatalog(place: place).entities() }

    /// Lands the files, one raw file each, 1 MiB in memory at a time.
    public func land(
        _ entity: Entity, source: FileSource, window: LoadWindow, into writer: inout RawWriter
    ) async throws {
        let landing = FileLanding(place: place, entity: entity, source: source, window: window, logger: logger)
        try await landing.land(into: &writer)
    }
}
