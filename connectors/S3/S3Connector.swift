public import ConnectorKit
import JSON
import Logging
public import Metadata

/// Files in a bucket of S3, or of a server that speaks its protocol: MinIO, Ceph, R2, Garage.
///
/// ```json
/// {"id": "lake", "name": "Data lake", "description": "What the shops deliver", "type": "s3",
///  "connection": {"bucket": "deliveries", "region": "eu-central-1", "root": "shops",
///                 "access_key": {"secret": "lake_id"}, "secret_key": {"secret": "lake_key"}}}
///
/// {"name": "orders", "system_id": "lake", "description": "Orders of the shops", "load_type": "delta", "key": ["id"],
///  "delta": {"mode": "all"}, "source": {"path": "orders/*/*.csv.gz"}, "columns": [{"name": "id", "type": "bigint"}]}
/// ```
/// `"endpoint": "https://minio.example.com"` leads to another server than Amazon's. Without keys nothing is signed, as
/// public buckets like it. Everything else is as in `FileConnector`: patterns, formats, and the ledger of delta loads,
/// for which a file is the same as long as its size and ETag are.
public struct S3Connector: Connector {
    /// A system's `connection`.
    public struct Configuration: ConnectorConfiguration {
        var bucket: String
        var root: String
        var endpoint: String?
        var region: String
        var addressing: String?
        var accessKey: SecretReference?
        var secretKey: SecretReference?
        var sessionToken: SecretReference?
        var timeoutS: Double
        var caFile: String?
        var allowPrivate: Bool
        var allowHttp: Bool

        /// Every attribute.
        public static let fields =
            [
                Field("bucket", .pattern("^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$"), required: true, "The bucket's name."),
                Field("root", .string, default: .string(""), "With what every key begins, as a folder: shops/2026."),
                Field(
                    "endpoint", .pattern("^https?://[^/?#@\\s]+/?$"),
                    "The server's address; by default Amazon's of the region."),
                Field("region", .pattern("^[A-Za-z0-9-]+$"), default: .string("us-east-1"), "The bucket's region."),
                Field(
                    "addressing", .oneOf(["path", "virtual_host"]),
                    "Where the bucket stands: endpoint/bucket/key or bucket.endpoint/key; by default path with an endpoint, "
                        + "virtual_host without."),
                Field("access_key", .string, secret: true, "Access key id; none for a public bucket."),
                Field("secret_key", .string, secret: true, "Secret access key."),
                Field("session_token", .string, secret: true, "Session token of temporary keys."),
                Field(
                    "timeout_s", .number(0.1...86_400), default: .number("3600"),
                    "Seconds that one request may take in all."),
                Field(
                    "ca_file", .string,
                    "PEM file of authorities to trust instead of the machine's; relative to the project."),
            ] + Outward.fields
    }

    /// `s3`.
    public static let name = "s3"
    /// A delta load of mode `all` goes on from the files that it knows.
    public static let keepsState = true
    /// One sentence.
    public static let summary = "Reads files from a bucket of S3 or of a server that speaks its protocol."
    /// A complete system and entity.
    public static let example = """
        [
          {"id": "lake", "name": "Data lake", "description": "What the shops deliver", "type": "s3",
           "connection": {"bucket": "deliveries", "region": "eu-central-1",
                          "access_key": {"secret": "lake_id"}, "secret_key": {"secret": "lake_key"}}},
          {"name": "orders", "system_id": "lake", "description": "Orders of the shops", "load_type": "delta",
           "key": ["id"], "delta": {"mode": "all"}, "source": {"path": "orders/*/*.csv.gz"},
           "columns": [{"name": "id", "type": "bigint"}, {"name": "total", "type": "numeric", "precision": 12, "scale": 2}]}
        ]
        """

    private let place: S3Place
    private let logger: Logger

    /// A connector over one bucket; its secrets are looked up here, once.
    public init(_ configuration: Configuration, context: ConnectorContext) throws {
        place = try S3Place(configuration, context: context)
        logger = context.logger
    }

    /// CSV has rows; by `format`, else by the path's ending.
    public static func isTabular(_ source: FileSource) -> Bool { source.isTabular }

    /// Format and place of the records, from `source` alone.
    public func shape(of source: FileSource) throws -> DocumentShape { try source.shape() }

    /// Lists the bucket.
    public func check() async throws -> [String]? { try await FileCatalog(place: place).check() }

    /// Files that differ in digits only are one entity.
    public func discover() async throws -> [DiscoveredEntity]? { try await FileCatalog(place: place).entities() }

    /// Lands the files, one raw file each.
    public func land(
        _ entity: Entity, source: FileSource, window: LoadWindow, into writer: inout RawWriter
    ) async throws {
        let landing = FileLanding(place: place, entity: entity, source: source, window: window, logger: logger)
        try await landing.land(into: &writer)
    }
}
