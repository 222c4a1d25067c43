import ConnectorKit
import HTTPTransport
import JSON
import Primitives

/// A bucket (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html, API_GetObject.html).
struct S3Place: FilePlace {
    let title: String

    private let base: HTTPURL
    /// Keys begin with it: "" or `shops/`.
    private let prefix: String
    private let signing: HTTPSigning?
    private let fetch: RemoteFetch

    init(_ configuration: S3Connector.Configuration, context: ConnectorContext) throws {
        let names = configuration.root.split(separator: "/").map(String.init)
        prefix = names.map { $0 + "/" }.joined()
        title = "s3://" + ([configuration.bucket] + names).joined(separator: "/")
        base = try Self.base(configuration)
        let keys = try [configuration.accessKey, configuration.secretKey, configuration.sessionToken].map {
            try $0.map { try context.secrets.secret(named: $0.secret) }
        }
        switch (keys[0], keys[1]) {
        case (let access?, let secret?):
            signing = HTTPSigning(
                accessKey: access.reveal(), secretKey: secret.reveal(), sessionToken: keys[2]?.reveal(),
                region: configuration.region, service: "s3")
        case (nil, nil) where keys[2] == nil: signing = nil
        default:
            throw ConnectorError(
                "system '\(context.system)': access_key and secret_key belong together", kind: .auth,
                hint: "give both, or neither for a public bucket")
        }
        let caFile = configuration.caFile.map(context.absolute)
        fetch = RemoteFetch(
            client: HTTPClient(caFile: caFile),
            limits: HTTPLimits(
                total: .seconds(configuration.timeoutS), bodyBytes: 64 << 20, redirects: 0,
                reachesInside: try Outward.reachesInside(
                    base, allowsPrivate: configuration.allowPrivate, allowsHTTP: configuration.allowHttp,
                    attribute: "connection.endpoint")),
            mask: SecretMask(values: keys.compactMap(\.self)), addressKey: "connection.endpoint")
    }

    private static func base(_ configuration: S3Connector.Configuration) throws -> HTTPURL {
        let server = configuration.endpoint ?? "https://s3.\(configuration.region).amazonaws.com"
        let addressing = configuration.addressing ?? (configuration.endpoint == nil ? "virtual_host" : "path")
        do {
            let server = try HTTPURL(server)
            if addressing == "path" { return try HTTPURL("\(server.origin)/\(configuration.bucket)") }
            let host = String(server.origin.dropFirst(server.scheme.utf8.count + 3))
            return try HTTPURL("\(server.scheme)://\(configuration.bucket).\(host)/")
        } catch {
            throw ConnectorError("connection.endpoint '\(server)': \(error.message)")
        }
    }

    func files(matching pattern: FilePattern, detailed: Bool) async throws -> [PlacedFile] {
        let start = pattern.literalStart.joined(separator: "/")
        let listed = prefix + start + (pattern.isLiteral || start.isEmpty ? "" : "/")
        var files: [PlacedFile] = []
        var token: String?
        var tokens: Set<String> = []
        repeat {
            let page = try await page(listed, after: token)
            for object in page.objects where object.key.hasPrefix(prefix) {
                let path = String(object.key.dropFirst(prefix.count))
                if pattern.matches(path) { files.append(PlacedFile(path: path, stamp: object.stamp)) }
            }
            token = page.next
            if let token, !tokens.insert(token).inserted {
                throw ConnectorError("\(title): the listing never ends: it continues where it was before")
            }
        } while token != nil
        return files
    }

    func fetch(_ file: PlacedFile, known: FileStamp?, to path: String, limit: Int) async throws -> FetchedFile? {
        let key = (prefix + file.path).split(separator: "/", omittingEmptySubsequences: false)
            .map { percentEncoded(String($0)) }.joined(separator: "/")
        let url: HTTPURL
        do {
            url = try HTTPURL("\(base.text.hasSuffix("/") ? String(base.text.dropLast()) : base.text)/\(key)")
        } catch { throw fetch.failure(error) }
        var request = HTTPRequest(url: url, limits: fetch.limits, signing: signing)
        request.limits.bodyBytes = limit
        let answer = try await send(request, to: path)
        let received = FileStamp(
            size: answer.headers["Content-Length"].flatMap { Int($0) }, modified: file.stamp.modified,
            tag: answer.headers["ETag"])
        try fetch.checkUnchanged(file.stamp, received)
        return FetchedFile(
            localPath: path, stamp: file.stamp, compression: FileEnding.Compression(answer, of: file.path))
    }

    private struct Page {
        var objects: [(key: String, stamp: FileStamp)]
        var next: String?
    }

    private func page(_ listed: String, after token: String?) async throws -> Page {
        var parameters = [("list-type", "2"), ("encoding-type", "url"), ("prefix", listed)]
        if let token { parameters.append(("continuation-token", token)) }
        let request: HTTPRequest
        do {
            request = HTTPRequest(
                url: try base.adding(parameters.map { (name: $0.0, value: $0.1) }), limits: fetch.limits,
                signing: signing)
        } catch { throw fetch.failure(error) }
        let body = try await send(request, to: nil).body
        let list: JSONValue
        do {
            list = try S3Answer.json(body, at: "/ListBucketResult", lists: ["Contents"])
        } catch {
            throw ConnectorError(
                fetch.mask.mask("\(title): the listing is none of S3: \(error)"), kind: .parse,
                hint: "check connection.endpoint and addressing")
        }
        let isEncoded = list["EncodingType"]?.stringValue == "url"
        let objects = (list["Contents"]?.arrayValue ?? []).compactMap { object -> (String, FileStamp)? in
            guard let key = object["Key"]?.stringValue else { return nil }
            let modified = object["LastModified"]?.stringValue.flatMap { Instant(iso8601: $0) }
            return (
                isEncoded ? percentDecoded(key) : key,
                FileStamp(
                    size: object["Size"]?.stringValue.flatMap { Int($0) }, modified: modified,
                    tag: object["ETag"]?.stringValue)
            )
        }
        let isCut = list["IsTruncated"]?.stringValue == "true"
        guard !isCut || list["NextContinuationToken"]?.stringValue != nil else {
            throw ConnectorError("\(title): the listing is cut, and does not say where it goes on", kind: .parse)
        }
        return Page(
            objects: objects.map { (key: $0.0, stamp: $0.1) },
            next: isCut ? list["NextContinuationToken"]?.stringValue : nil)
    }

    /// Sends a request; any answer but 200 is told in S3's own words.
    private func send(_ request: HTTPRequest, to path: String?) async throws -> HTTPResponse {
        try await fetch.send { () async throws(HTTPError) in
            if let path { removeFile(path) }
            let answer =
                if let path {
                    try await fetch.client.download(request, to: path)
                } else {
                    try await fetch.client.send(request)
                }
            guard answer.status != 200 else { return answer }
            let (code, message) = S3Answer.error(answer)
            let text = "\(request.description): the server answered \(answer.status) \(code): \(message)"
            switch answer.status {
            case 401, 403: throw HTTPError(.denied, text)
            case 404: throw HTTPError(.notFound, text)
            default: throw HTTPError(.status(answer.status), text)
            }
        }
    }
}

/// S3's answers in XML.
enum S3Answer {
    /// An element as JSON.
    static func json(_ body: [UInt8], at path: String, lists: [String] = []) throws -> JSONValue {
        var records: [[UInt8]] = []
        guard
            var converter = try RecordConverter.make(DocumentShape(format: .xml, recordsPath: path, lists: lists))
        else { return .null }
        try converter.feed(body.span) { records.append($0.document) }
        try converter.finish { records.append($0.document) }
        guard let record = records.first else {
            throw ConnectorError("there is no element \(path)", kind: .parse)
        }
        return try JSONReader.parse(record)
    }

    /// Code and message of an error; what the status alone says where the body is none of S3.
    static func error(_ answer: HTTPResponse) -> (code: String, message: String) {
        // An error without a body, as of HEAD, or of a proxy, has neither.
        guard let value = try? json(answer.body, at: "/Error") else { return ("", "no reason given") }
        let message = value["Message"]?.stringValue ?? ""
        let region = value["Region"]?.stringValue ?? answer.headers["x-amz-bucket-region"]
        return (
            value["Code"]?.stringValue ?? "",
            message + (region.map { answer.status == 301 || answer.status == 400 ? " (region \($0))" : "" } ?? "")
        )
    }
}
