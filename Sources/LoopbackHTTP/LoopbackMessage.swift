/// One request as the loopback server read it.
public struct LoopbackRequest: Sendable {
    /// The method, as sent.
    public let method: String
    /// The path, percent-decoded.
    public let path: String
    /// The query's parameters in order, percent-decoded.
    public let query: [(name: String, value: String)]
    /// Header lines in order.
    public let headers: [(name: String, value: String)]
    /// The body.
    public let body: [UInt8]
    /// The path and the query as sent.
    public let target: String

    /// The first value of a query parameter.
    public func parameter(_ name: String) -> String? { query.first { $0.name == name }?.value }

    /// The first value of a header, whatever its case.
    public func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

/// What the loopback server answers: a proper response, or one that misbehaves on purpose.
public struct LoopbackResponse: Sendable {
    /// What happens on the wire.
    enum Delivery: Sendable {
        /// Status line, headers, body; the connection is kept.
        case proper
        /// These bytes and nothing else, then the end.
        case raw([UInt8], Ending)
        /// A proper response of which the body comes one byte per interval.
        case trickle(everyMilliseconds: Int)
    }

    /// How a raw answer ends.
    public enum Ending: Sendable {
        /// The connection is closed in order.
        case close
        /// The connection is reset.
        case reset
        /// The connection stays open in silence until the server stops or the client leaves.
        case silence
    }

    /// The status code.
    public var status: Int
    /// Header lines; `Content-Length` is added.
    public var headers: [(name: String, value: String)]
    /// The body.
    public var body: [UInt8]
    /// Milliseconds before the first byte.
    public var delayMilliseconds = 0
    var delivery = Delivery.proper

    /// A proper response.
    public init(status: Int = 200, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// A JSON text with its content type.
    public static func json(
        _ text: String, status: Int = 200, headers: [(name: String, value: String)] = []
    ) -> LoopbackResponse {
        LoopbackResponse(
            status: status, headers: [("Content-Type", "application/json")] + headers, body: Array(text.utf8))
    }

    /// A redirect to `location`, taken as it is.
    public static func redirect(to location: String, status: Int = 302) -> LoopbackResponse {
        LoopbackResponse(status: status, headers: [("Location", location)])
    }

    /// Exactly these bytes on the wire, then the ending: cut bodies, broken chunks, garbage.
    public static func raw(_ bytes: [UInt8], then ending: Ending = .close) -> LoopbackResponse {
        var response = LoopbackResponse()
        response.delivery = .raw(bytes, ending)
        return response
    }

    /// A response that announces `announced` bytes and closes after `body`.
    public static func cut(_ body: String, announced: Int) -> LoopbackResponse {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: \(announced)\r\n\r\n"
        return .raw(Array((head + body).utf8))
    }

    /// The same response, its body sent one byte per interval.
    public func trickling(everyMilliseconds interval: Int) -> LoopbackResponse {
        var response = self
        response.delivery = .trickle(everyMilliseconds: interval)
        return response
    }

    /// The same response after a delay.
    public func delayed(milliseconds: Int) -> LoopbackResponse {
        var response = self
        response.delayMilliseconds = milliseconds
        return response
    }

    /// Status line, headers and body as bytes; a HEAD request gets no body.
    func bytes(keepAlive: Bool, withoutBody: Bool) -> [UInt8] {
        var head = "HTTP/1.1 \(status) \(status < 400 ? "OK" : "Error")\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        head += "Content-Length: \(body.count)\r\nConnection: \(keepAlive ? "keep-alive" : "close")\r\n\r\n"
        return Array(head.utf8) + (withoutBody ? [] : body)
    }
}
