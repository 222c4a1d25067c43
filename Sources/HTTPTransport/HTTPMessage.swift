/// One request; nothing of it is sent before `HTTPClient.send`.
public struct HTTPRequest: Sendable {
    /// The method, in capitals.
    public var method: String
    /// Where to.
    public var url: HTTPURL
    /// Header lines; `Host`, `Content-Length` and `Accept-Encoding` are the transport's own.
    public var headers: HTTPHeaders
    /// The body; nil sends none.
    public var body: [UInt8]?
    /// What the transfer may take.
    public var limits: HTTPLimits
    /// Signs each hop to this origin, just before it is sent; nil signs nothing.
    public var signing: HTTPSigning?

    /// A request.
    public init(
        method: String = "GET", url: HTTPURL, headers: HTTPHeaders = [], body: [UInt8]? = nil,
        limits: HTTPLimits = HTTPLimits(), signing: HTTPSigning? = nil
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.limits = limits
        self.signing = signing
    }

    /// `GET https://host/path`, safe for logs.
    public var description: String { "\(method) \(url)" }
}

/// What one request may take, redirects included.
public struct HTTPLimits: Sendable, Hashable {
    /// Time to resolve the name, connect and finish the TLS handshake.
    public var connect: Duration
    /// Time during which fewer than `minimumBytesPerSecond` arrive before the transfer is given up; whole seconds.
    public var idle: Duration
    /// The rate under which a transfer counts as idle.
    public var minimumBytesPerSecond: Int
    /// Time for everything.
    public var total: Duration
    /// Bytes of the decoded body.
    public var bodyBytes: Int
    /// Hops that are followed; 0 hands a redirect back as the answer.
    public var redirects: Int
    /// False: addresses of this machine and of inner networks are refused, whatever name leads there; also at each
    /// redirect.
    public var reachesInside: Bool

    /// Limits; the defaults suit an interactive API.
    public init(
        connect: Duration = .seconds(10), idle: Duration = .seconds(30), minimumBytesPerSecond: Int = 64,
        total: Duration = .seconds(60), bodyBytes: Int = 64 << 20, redirects: Int = 5,
        reachesInside: Bool = true
    ) {
        self.connect = connect
        self.idle = idle
        self.minimumBytesPerSecond = minimumBytesPerSecond
        self.total = total
        self.bodyBytes = bodyBytes
        self.redirects = redirects
        self.reachesInside = reachesInside
    }
}

/// One complete answer; a cut one is an error, never a response.
public struct HTTPResponse: Sendable {
    /// The status code; any, not only success.
    public var status: Int
    /// Header lines of the last hop.
    public var headers: HTTPHeaders
    /// The body, content encoding removed.
    public var body: [UInt8]
    /// Where the answer came from, after redirects.
    public var effectiveURL: HTTPURL

    /// An answer.
    public init(status: Int, headers: HTTPHeaders, body: [UInt8], effectiveURL: HTTPURL) {
        self.status = status
        self.headers = headers
        self.body = body
        self.effectiveURL = effectiveURL
    }

    /// Does nothing for 2xx.
    /// - Throws: `HTTPError` of kind status for anything else.
    public func requireSuccess() throws(HTTPError) {
        guard (200..<300).contains(status) else {
            throw HTTPError(.status(status), "\(effectiveURL): the server answered \(status)")
        }
    }
}
