internal import Hashing
internal import Primitives

/// Signs requests as AWS and those who speak its S3 do: Signature Version 4
/// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html).
///
/// It is our own because libcurl 7.88 neither sorts parameters nor signs the body's hash, without which S3 refuses.
public struct HTTPSigning: Sendable, CustomStringConvertible, CustomReflectable {
    private let accessKey: String
    private let secretKey: String
    private let sessionToken: String?
    private let region: String
    private let service: String

    /// Who signs; `service` is as AWS names it: `s3`, `execute-api`, `es`.
    public init(accessKey: String, secretKey: String, sessionToken: String? = nil, region: String, service: String) {
        self.accessKey = accessKey
        self.secretKey = secretKey
        self.sessionToken = sessionToken
        self.region = region
        self.service = service
    }

    /// Shows no key.
    public var description: String { "aws-sigv4 \(region) \(service)" }

    /// Shows no children, so that `dump` prints no key either.
    public var customMirror: Mirror { Mirror(self, children: []) }

    /// The request with the headers that prove who sends it, made at its last moment: a signature holds for minutes.
    func signed(_ request: HTTPRequest) -> HTTPRequest { signed(request, at: SystemClock().now()) }

    /// The request with its date, its body's hash, and the signature over them and all headers.
    func signed(_ request: HTTPRequest, at instant: Instant) -> HTTPRequest {
        let time = basicTime(instant)
        let day = String(time.prefix(8))
        var request = request
        let body = request.body ?? []
        let hash = SHA256.hex(of: body.span)
        request.headers.set(HTTPHeader("X-Amz-Date", time))
        request.headers.set(HTTPHeader("X-Amz-Content-Sha256", hash))
        if let sessionToken {
            request.headers.set(HTTPHeader("X-Amz-Security-Token", sessionToken, isCredential: true))
        }
        let (canonical, names) = canonicalRequest(request, hash)
        let scope = "\(day)/\(region)/\(service)/aws4_request"
        let text = "AWS4-HMAC-SHA256\n\(time)\n\(scope)\n\(SHA256.hex(of: Array(canonical.utf8).span))"
        var key = Array("AWS4\(secretKey)".utf8)
        for part in [day, region, service, "aws4_request"] { key = HMACSHA256.code(of: Array(part.utf8), key: key) }
        let signature = hexadecimal(HMACSHA256.code(of: Array(text.utf8), key: key))
        request.headers.set(
            HTTPHeader(
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=\(accessKey)/\(scope), SignedHeaders=\(names), Signature=\(signature)"))
        return request
    }

    /// What is signed, and the names of the headers in it. Path and query are those of the URL, as they are sent.
    private func canonicalRequest(_ request: HTTPRequest, _ hash: String) -> (text: String, names: String) {
        let url = request.url
        let host = String(url.origin.dropFirst(url.scheme.utf8.count + 3))
        var headers: [String: [String]] = ["host": [host]]
        for header in request.headers.lines where header.name.lowercased() != "authorization" {
            headers[header.name.lowercased(), default: []].append(oneBlank(header.value))
        }
        let names = headers.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        let lines = names.map { "\($0):\((headers[$0] ?? []).joined(separator: ","))\n" }.joined()
        let signedNames = names.joined(separator: ";")
        return (
            "\(request.method)\n\(canonicalPath(url.path))\n\(canonicalQuery(url.query ?? ""))\n\(lines)\n\(signedNames)\n"
                + hash, signedNames
        )
    }

    /// S3 signs the path as it is sent; every other service encodes it once more.
    private func canonicalPath(_ path: String) -> String {
        guard service != "s3" else { return path }
        return path.split(separator: "/", omittingEmptySubsequences: false).map { percentEncoded(String($0)) }
            .joined(separator: "/")
    }

    /// The parameters by name, then value, each with its `=`.
    private func canonicalQuery(_ query: String) -> String {
        let parameters = query.split(separator: "&").map { part -> [Substring] in
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return [pair[0], pair.count > 1 ? pair[1] : ""]
        }
        let sorted = parameters.sorted { left, right in
            left[0] == right[0]
                ? left[1].utf8.lexicographicallyPrecedes(right[1].utf8)
                : left[0].utf8.lexicographicallyPrecedes(right[0].utf8)
        }
        return sorted.map { "\($0[0])=\($0[1])" }.joined(separator: "&")
    }
}

/// Runs of blanks as one, as the signature wants header values.
private func oneBlank(_ text: String) -> String { text.split(separator: " ").joined(separator: " ") }

/// `20130524T000000Z`.
private func basicTime(_ instant: Instant) -> String {
    String(instant.description.prefix(19).filter { $0 != "-" && $0 != ":" }) + "Z"
}
