import ConnectorKit
import Foundation
import HTTPTransport
import Primitives

/// A web server's files below a URL.
struct HTTPPlace: FilePlace, FolderListing {
    var title: String { base.description }

    private let base: HTTPURL
    private let credentials: Secret?
    private let fetch: RemoteFetch

    init(_ configuration: HTTPFilesConnector.Configuration, context: ConnectorContext) throws {
        do {
            let text = configuration.baseUrl
            base = try HTTPURL(text.hasSuffix("/") ? String(text.dropLast()) : text)
        } catch {
            throw ConnectorError("connection.base_url: \(error.message)")
        }
        let password = try configuration.password.map { try context.secrets.secret(named: $0.secret) }
        let token = try configuration.token.map { try context.secrets.secret(named: $0.secret) }
        var secrets = [password, token].compactMap(\.self)
        switch (configuration.username, password, token) {
        case (nil, nil, nil): credentials = nil
        case (nil, nil, let token?): credentials = Secret("Bearer \(token.reveal())")
        case (let name?, let password?, nil):
            let pair = Data("\(name):\(password.reveal())".utf8).base64EncodedString()
            secrets.append(Secret(pair))
            credentials = Secret("Basic \(pair)")
        default:
            throw ConnectorError(
                "system '\(context.system)': username and password belong together, and token stands alone",
                kind: .auth, hint: "give both, or token, or none")
        }
        let caFile = configuration.caFile.map(context.absolute)
        fetch = RemoteFetch(
            client: HTTPClient(caFile: caFile),
            limits: HTTPLimits(
                total: .seconds(configuration.timeoutS), bodyBytes: 64 << 20,
                reachesInside: try Outward.reachesInside(
                    base, allowsPrivate: configuration.allowPrivate, allowsHTTP: configuration.allowHttp,
                    attribute: "connection.base_url")),
            mask: SecretMask(values: secrets), addressKey: "connection.base_url")
    }

    /// Asks for base_url: any answer that lets us in.
    func check() async throws -> [String] {
        do {
            return ["\(title) lists \(try await entries(of: "").count) entries"]
        } catch let error as ConnectorError where error.kind != .auth {
            let answer = try await fetch.send { () async throws(HTTPError) in
                try await fetch.client.send(try request("", isFolder: true))
            }
            if answer.status >= 500 { throw error }
            return ["\(title) answers, and lists no folders: paths must be without wildcards"]
        }
    }

    func files(matching pattern: FilePattern, detailed: Bool) async throws -> [PlacedFile] {
        guard !pattern.isLiteral else {
            return [PlacedFile(path: pattern.literalStart.joined(separator: "/"), stamp: FileStamp())]
        }
        return try await search(pattern)
    }

    func entries(of folder: String) async throws -> [FolderEntry] {
        let answer = try await fetch.send { () async throws(HTTPError) in
            let answer = try await fetch.client.send(try request(folder, isFolder: true))
            try accept(answer, [200])
            return answer
        }
        guard answer.headers["Content-Type"]?.lowercased().contains("html") == true else {
            throw ConnectorError(
                "\(answer.effectiveURL): the server lists no folder there", kind: .parse,
                hint: "write source.path without wildcards, or let the server list its folders (autoindex)")
        }
        return HTTPIndex.entries(of: String(decoding: answer.body, as: UTF8.self), at: answer.effectiveURL)
    }

    func fetch(_ file: PlacedFile, known: FileStamp?, to path: String, limit: Int) async throws -> FetchedFile? {
        let answer = try await fetch.send { () async throws(HTTPError) in
            removeFile(path)
            var request = try request(file.path, isFolder: false)
            request.limits.bodyBytes = limit
            if let tag = known?.tag {
                request.headers.append(HTTPHeader("If-None-Match", tag))
            } else if let modified = known?.modified {
                request.headers.append(HTTPHeader("If-Modified-Since", httpDate(modified)))
            }
            let answer = try await fetch.client.download(request, to: path)
            try accept(answer, known == nil ? [200] : [200, 304])
            return answer
        }
        guard answer.status == 200 else { return nil }
        try refuseLoginPage(answer, file)
        let stamp = FileStamp(
            size: answer.headers["Content-Length"].flatMap { Int($0) },
            modified: answer.headers["Last-Modified"].flatMap { httpDate($0) }, tag: answer.headers["ETag"])
        return FetchedFile(
            localPath: path, stamp: stamp, compression: FileEnding.Compression(answer, of: file.path))
    }

    /// A page for people in place of a file of data.
    private func refuseLoginPage(_ answer: HTTPResponse, _ file: PlacedFile) throws {
        guard answer.headers["Content-Type"]?.lowercased().hasPrefix("text/html") == true else { return }
        throw ConnectorError(
            "the server answered with a page (text/html) instead of a file", kind: .parse,
            hint: "check base_url and path; a login page looks like this")
    }

    private func request(_ path: String, isFolder: Bool) throws(HTTPError) -> HTTPRequest {
        let names = path.split(separator: "/").map { percentEncoded(String($0)) }
        let text = ([base.text.hasSuffix("/") ? String(base.text.dropLast()) : base.text] + names).joined(
            separator: "/")
        var request = HTTPRequest(url: try HTTPURL(text + (isFolder ? "/" : "")), limits: fetch.limits)
        if let credentials { request.headers.set(HTTPHeader("Authorization", credentials.reveal())) }
        return request
    }

    private func accept(_ answer: HTTPResponse, _ statuses: [Int]) throws(HTTPError) {
        guard !statuses.contains(answer.status) else { return }
        let text = "\(answer.effectiveURL): the server answered \(answer.status)"
        switch answer.status {
        case 401, 403: throw HTTPError(.denied, text)
        case 404, 410: throw HTTPError(.notFound, text)
        default: throw HTTPError(.status(answer.status), text)
        }
    }
}

/// Pages on which web servers list a folder.
enum HTTPIndex {
    /// What the links of a page name that stand directly in its folder.
    static func entries(of page: String, at url: HTTPURL) -> [FolderEntry] {
        var entries: [FolderEntry] = []
        var seen: Set<String> = []
        for target in links(of: page) {
            // A link that cannot be read leads to no file.
            guard let link = try? url.resolving(target), link.isSameOrigin(as: url), link.query == nil else { continue }
            let folder = url.path.hasSuffix("/") ? url.path : url.path + "/"
            guard link.path.hasPrefix(folder) else { continue }
            let rest = link.path.dropFirst(folder.count)
            let encoded = rest.hasSuffix("/") ? rest.dropLast() : rest
            let name = percentDecoded(String(encoded), plusIsBlank: false)
            guard !name.isEmpty, !name.contains("/"), seen.insert(name).inserted else { continue }
            entries.append(
                FolderEntry(name: name, kind: rest.hasSuffix("/") ? .folder : .file, stamp: FileStamp()))
        }
        return entries
    }

    /// The values of `href`, in quotes of either kind.
    private static func links(of page: String) -> [String] {
        var links: [String] = []
        var rest = page[...]
        while let found = rest.range(of: "href=", options: .caseInsensitive) {
            rest = rest[found.upperBound...]
            guard let quote = rest.first, quote == "\"" || quote == "'",
                let end = rest.dropFirst().firstIndex(of: quote)
            else { continue }
            links.append(String(rest[rest.index(after: rest.startIndex)..<end]).replacing("&amp;", with: "&"))
            rest = rest[end...]
        }
        return links
    }
}
