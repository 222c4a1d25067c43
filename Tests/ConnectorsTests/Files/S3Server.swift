import Hashing
import LoopbackHTTP
import Primitives
import Synchronization

/// A bucket `things` on the loopback address that lists, gives, and checks every signature by itself.
///
/// What is signed is made here from the decoded request, not from its bytes: names and values are encoded anew.
final class S3Server: Sendable {
    struct Stored: Sendable {
        var body: [UInt8]
        var version = 1
        var headers: [(name: String, value: String)] = []
    }

    private let server: LoopbackServer
    private let state: State

    /// - Parameters:
    ///   - keys: Who may ask; nil lets everybody in who does not sign.
    ///   - pageSize: Keys of one page of the listing.
    ///   - answer: What is answered instead, where it is not nil.
    init(
        keys: (id: String, secret: String)? = ("id", "secret"), pageSize: Int = 2,
        answer: @escaping @Sendable (LoopbackRequest) -> LoopbackResponse? = { _ in nil }
    ) throws {
        let state = State()
        self.state = state
        server = try LoopbackServer { request in
            state.seen.withLock { $0.append("\(request.method) \(request.target)") }
            if let other = answer(request) { return other }
            if let refusal = S3Server.refusal(request, keys) { return refusal }
            return state.answer(request, pageSize: pageSize)
        }
    }

    var url: String { server.url }
    var requests: [String] { state.seen.withLock { $0 } }

    func put(_ text: String, at key: String, headers: [(name: String, value: String)] = []) {
        put(Array(text.utf8), at: key, headers: headers)
    }

    func put(_ body: [UInt8], at key: String, headers: [(name: String, value: String)] = []) {
        state.objects.withLock { objects in
            objects[key] = Stored(body: body, version: (objects[key]?.version ?? 0) + 1, headers: headers)
        }
    }

    func remove(_ key: String) { _ = state.objects.withLock { $0.removeValue(forKey: key) } }

    final class State: Sendable {
        let objects = Mutex<[String: Stored]>([:])
        let seen = Mutex<[String]>([])

        func answer(_ request: LoopbackRequest, pageSize: Int) -> LoopbackResponse {
            let objects = objects.withLock { $0 }
            guard request.path != "/things", request.path != "/things/" else { return list(objects, request, pageSize) }
            let key = String(request.path.dropFirst("/things/".count))
            guard let stored = objects[key] else { return S3Server.error(404, "NoSuchKey", "The key does not exist.") }
            return LoopbackResponse(
                headers: [("ETag", S3Server.tag(stored)), ("Content-Type", "binary/octet-stream")] + stored.headers,
                body: stored.body)
        }

        private func list(
            _ objects: [String: Stored], _ request: LoopbackRequest, _ pageSize: Int
        ) -> LoopbackResponse {
            guard request.parameter("list-type") == "2", request.parameter("encoding-type") == "url" else {
                return S3Server.error(400, "InvalidArgument", "not a list of version 2")
            }
            let prefix = request.parameter("prefix") ?? ""
            // A token that has to be encoded: what it stands for is its length.
            let start = request.parameter("continuation-token").map { $0.utf8.count } ?? 0
            let keys = objects.keys.filter { $0.hasPrefix(prefix) }.sorted {
                $0.utf8.lexicographicallyPrecedes($1.utf8)
            }
            let page = keys.dropFirst(start).prefix(pageSize)
            let isCut = start + page.count < keys.count
            let contents = page.map { key in
                let stored = objects[key] ?? Stored(body: [])
                return "<Contents><Key>\(S3Server.encoded(key, keeping: "/"))</Key>"
                    + "<LastModified>2026-01-01T00:00:0\(stored.version).000Z</LastModified>"
                    + "<ETag>\(S3Server.tag(stored).replacing("\"", with: "&quot;"))</ETag>"
                    + "<Size>\(stored.body.count)</Size></Contents>"
            }.joined()
            let token =
                isCut
                ? "<NextContinuationToken>\(String(repeating: "+", count: start + page.count))</NextContinuationToken>"
                : ""
            return LoopbackResponse(
                headers: [("Content-Type", "application/xml")],
                body: Array(
                    """
                    <?xml version="1.0" encoding="UTF-8"?>
                    <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>things</Name>\
                    <EncodingType>url</EncodingType><IsTruncated>\(isCut)</IsTruncated>\(token)\(contents)</ListBucketResult>
                    """.utf8))
        }
    }

    static func error(_ status: Int, _ code: String, _ message: String) -> LoopbackResponse {
        LoopbackResponse(
            status: status, headers: [("Content-Type", "application/xml")],
            body: Array("<?xml version=\"1.0\"?><Error><Code>\(code)</Code><Message>\(message)</Message></Error>".utf8))
    }

    static func tag(_ stored: Stored) -> String { "\"\(SHA256.hex(of: stored.body.span).prefix(32))\"" }

    /// nil where the request is signed as it must be.
    private static func refusal(_ request: LoopbackRequest, _ keys: (id: String, secret: String)?) -> LoopbackResponse?
    {
        guard let given = request.header("Authorization") else {
            return keys == nil ? nil : error(403, "AccessDenied", "Access Denied")
        }
        guard let keys else { return error(400, "InvalidArgument", "nobody signs here") }
        guard let time = request.header("X-Amz-Date"), let hash = request.header("X-Amz-Content-Sha256"),
            hash == SHA256.hex(of: request.body.span),
            let names = given.split(separator: "SignedHeaders=").last?.split(separator: ",").first,
            names.split(separator: ";").contains("host")
        else { return error(400, "AuthorizationHeaderMalformed", "it lacks what must be signed") }
        let scope = "\(time.prefix(8))/eu-test-1/s3/aws4_request"
        let query = request.query.map { (encoded($0.name), encoded($0.value)) }
            .sorted { "\($0.0)=\($0.1)" < "\($1.0)=\($1.1)" }.map { "\($0)=\($1)" }.joined(separator: "&")
        let headers = names.split(separator: ";").map { "\($0):\(request.header(String($0)) ?? "")\n" }.joined()
        let canonical = [request.method, encoded(request.path, keeping: "/"), query, headers, String(names), hash]
            .joined(separator: "\n")
        let text = "AWS4-HMAC-SHA256\n\(time)\n\(scope)\n" + SHA256.hex(of: Array(canonical.utf8).span)
        var key = Array("AWS4\(keys.secret)".utf8)
        for part in scope.split(separator: "/") { key = HMACSHA256.code(of: Array(part.utf8), key: key) }
        let signature = hexadecimal(HMACSHA256.code(of: Array(text.utf8), key: key))
        let expected =
            "AWS4-HMAC-SHA256 Credential=\(keys.id)/\(scope), SignedHeaders=\(names), Signature=\(signature)"
        // What was sent is repeated, as careless servers do.
        return given == expected ? nil : error(403, "SignatureDoesNotMatch", "not signed by \(given)")
    }

    private static func encoded(_ text: String, keeping kept: Character = "-") -> String {
        text.utf8.map { byte in
            let character = Character(Unicode.Scalar(byte))
            let isPlain = byte < 0x80 && (character.isLetter || character.isNumber || "-._~".contains(character))
            return isPlain || character == kept && byte < 0x80
                ? String(character) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }.joined()
    }
}
