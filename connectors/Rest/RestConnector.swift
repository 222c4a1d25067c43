public import ConnectorKit
import HTTPTransport
import JSON
public import Metadata

/// Reads resources of a JSON API over HTTP; every page of an answer becomes a raw file as received.
///
/// In `metadata/systems.json`:
/// ```json
/// {
///   "id": "shop", "name": "Web shop", "description": "Customers and orders of the web shop", "type": "rest",
///   "connection": {
///     "base_url": "https://shop.example.com/api",
///     "headers": {"Accept-Language": "en"},
///     "auth": {"type": "bearer", "token": {"secret": "shop_token"}},
///     "timeout_s": 60,
///     "retry": {"attempts": 4, "base_delay_s": 0.5, "max_delay_s": 30, "deadline_s": 300}
///   }
/// }
/// ```
/// In `metadata/entities.json`:
/// ```json
/// {
///   "name": "orders", "description": "Orders, newest state", "system_id": "shop", "load_type": "delta",
///   "source": {
///     "path": "/orders",
///     "params": {"sort": "updated_at"},
///     "records_path": "/data",
///     "pagination": {"type": "page", "size_param": "per_page", "page_size": 100, "total_pages_path": "/pages"}
///   },
///   "delta": {"cursor_column": "updated_at", "request_param": "updated_since"},
///   "columns": [{"name": "id", "type": "int", "key": true}, {"name": "updated_at", "type": "timestamptz"}]
/// }
/// ```
/// `auth` is `none`, `basic`, `bearer`, `api_key`, `oauth2`, `session`, `jwt` or `aws_sigv4`; README has an example of each.
/// `pagination` is `none`, `page`, `offset`, `cursor`, `keyset`, `link_header` or `next_url`; `medallion connectors describe
/// rest` lists the attributes of each. A delta load sends the start of its window in `delta.request_param`.
public struct RestConnector: Connector {
    /// `connection` of a system; the keys, units and defaults stand in `fields`.
    public struct Configuration: ConnectorConfiguration {
        var baseURL: String
        var headers: [String: TextOrSecret]
        var auth: RestAuthentication
        var timeout: Double
        var connectTimeout: Double
        var idleTimeout: Double
        var maximumBodyMegabytes: Int
        var caFile: String?
        var retry: RestRetry
        var errors: [RestErrorRule]
        var allowPrivate: Bool
        var allowHttp: Bool

        private enum CodingKeys: String, CodingKey {
            case baseURL = "baseUrl"
            case headers, auth, caFile, retry, errors, allowPrivate, allowHttp
            case timeout = "timeoutS"
            case connectTimeout = "connectTimeoutS"
            case idleTimeout = "idleTimeoutS"
            case maximumBodyMegabytes = "maxBodyMb"
        }
    }

    /// `source` of an entity; what holds expressions is read from the entity itself, because only there names and
    /// their order stay as they are written.
    public struct Source: ConnectorConfiguration {
        var path: String
        var recordsPath: String
        var format: DocumentShape.Format
        var pagination: RestPagination
        var steps: RestSteps?
        var errors: [RestErrorRule]
        var revalidate: RestRevalidation

        private enum CodingKeys: String, CodingKey {
            case path, recordsPath, format, pagination, steps, errors, revalidate, export
        }

        /// True where a job makes the data first.
        let hasExport: Bool

        /// A source from its JSON object.
        public init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            path = try container.decode(String.self, forKey: .path)
            recordsPath = try container.decode(String.self, forKey: .recordsPath)
            format = try container.decode(DocumentShape.Format.self, forKey: .format)
            pagination = try container.decode(RestPagination.self, forKey: .pagination)
            steps = try container.decodeIfPresent(RestSteps.self, forKey: .steps)
            errors = try container.decode([RestErrorRule].self, forKey: .errors)
            revalidate = try container.decode(RestRevalidation.self, forKey: .revalidate)
            hasExport = container.contains(.export)
        }

        var records: RestRecords {
            RestRecords(path: format == .json ? JSONPointer(path: recordsPath)?.tokens ?? [] : nil)
        }
    }

    /// `rest`.
    public static let name = "rest"
    /// What it reads.
    public static let summary = "Resources of a JSON API over HTTP, page by page"
    /// A system with a bearer token and an entity loaded by changes.
    public static let example = """
        [
          {
            "id": "shop", "name": "Web shop", "description": "Customers and orders of the web shop", "type": "rest",
            "connection": {
              "base_url": "https://shop.example.com/api",
              "auth": {"type": "bearer", "token": {"secret": "shop_token"}}
            }
          },
          {
            "name": "orders", "description": "Orders, newest state", "system_id": "shop", "load_type": "delta",
            "source": {
              "path": "/orders", "records_path": "/data",
              "pagination": {"type": "page", "size_param": "per_page", "page_size": 100, "total_pages_path": "/pages"}
            },
            "delta": {"cursor_column": "updated_at", "request_param": "updated_since"},
            "columns": [
              {"name": "id", "type": "int", "key": true},
              {"name": "total", "type": "numeric", "precision": 12, "scale": 2},
              {"name": "updated_at", "type": "timestamptz"}
            ]
          }
        ]
        """

    /// Once for each row of another entity, as `{{ parent.… }}`.
    public static let takesParents = true
    /// By ETag and Last-Modified.
    public static let revalidates = true

    private let requests: RestRequests
    private let config: JSONValue

    /// A connector of one system; its secrets are looked up here, once.
    public init(_ configuration: Configuration, context: ConnectorContext) throws {
        requests = try RestRequests(configuration, context: context)
        config = context.connection["config"] ?? .object([])
    }

    /// Rows of CSV are strings.
    public static func isTabular(_ source: Source) -> Bool { source.format == .csv }

    /// One text per page, records at `records_path`.
    public func shape(of source: Source) throws -> DocumentShape {
        DocumentShape(format: source.format, recordsPath: source.recordsPath, lists: source.format == .xml ? [] : nil)
    }

    /// Lands every page of the resource, or fails as a whole: a missing page would look like deleted records.
    public func land(
        _ entity: Entity, source: Source, window: LoadWindow, into writer: inout RawWriter
    ) async throws {
        try await RestLoad(entity, source, window, config: config, requests).land(into: &writer)
    }

    /// Ends the session, where a login opened one.
    public func close() async { await requests.identity.close() }
}
