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
/// `pagination` is `none`, `page`, `offset`, `cursor`, `link_header` or `next_url`; `medallion connectors describe
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

        private enum CodingKeys: String, CodingKey {
            case baseURL = "baseUrl"
            case headers, auth, caFile, retry
            case timeout = "timeoutS"
            case connectTimeout = "connectTimeoutS"
            case idleTimeout = "idleTimeoutS"
            case maximumBodyMegabytes = "maxBodyMb"
        }
    }

    /// `source` of an entity; `params` are read from the entity itself, because only there they keep their order.
    public struct Source: ConnectorConfiguration {
        var path: String
        var recordsPath: String
        var pagination: RestPagination
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

    private let requests: RestRequests

    /// A connector of one system; its secrets are looked up here, once.
    public init(_ configuration: Configuration, context: ConnectorContext) throws {
        requests = try RestRequests(configuration, context: context)
    }

    /// One JSON text per page, records at `records_path`.
    public func shape(of source: Source) throws -> DocumentShape {
        DocumentShape(format: .json, recordsPath: source.recordsPath)
    }

    /// Lands every page of the resource, or fails as a whole: a missing page would look like deleted records.
    public func land(
        _ entity: Entity, source: Source, window: LoadWindow, into writer: inout RawWriter
    ) async throws {
        let first = try requests.url(of: source, of: entity, window)
        var pager = try RestPager(source.pagination, first: first)
        writer.note(request: requests.noted(pager.first))
        while let url = pager.next {
            try Task.checkCancellation()
            guard let page = try await requests.page(at: url, number: pager.number) else { break }
            let landed = try writer.write(page.body)
            try pager.advance(past: page, records: landed.records, checksum: landed.sha256)
        }
    }

    /// Ends the session, where a login opened one.
    public func close() async { await requests.identity.close() }
}
