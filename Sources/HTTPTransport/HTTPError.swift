/// Why a request brought no usable answer: what was attempted, where, and what happened.
///
/// The text names scheme, host and path; never a query, a header, a body or user info, any of which may hold secrets.
public struct HTTPError: Error, Sendable, CustomStringConvertible {
    /// What went wrong.
    public enum Kind: Sendable, Hashable {
        /// The request itself is not one: a malformed URL, a line break in a header.
        case invalidRequest
        /// The host's name has no address.
        case dns
        /// No connection.
        case connect
        /// The peer cannot prove who it is, or no common TLS version.
        case tls
        /// Connecting, waiting or the whole took too long.
        case timeout
        /// The answer broke off: shorter than announced, without its last chunk, or the connection was reset.
        case truncated
        /// The decoded body exceeds the limit.
        case tooLarge
        /// The content encoding is unknown or broken.
        case encoding
        /// Too many hops, or one that leads where we do not go.
        case redirect
        /// The address lies on this machine or in an inner network, where the request may not go.
        case insideAddress
        /// The task was cancelled.
        case cancelled
        /// A status that the caller does not accept.
        case status(Int)
        /// The server of files refuses us, or this path.
        case denied
        /// The server of files has no such path.
        case notFound
        /// What was fetched could not be written here.
        case file
        /// The peer does not speak HTTP, or a transfer failed in a way that has no kind of its own.
        case transfer
    }

    /// What went wrong.
    public var kind: Kind
    /// What was attempted, where, and what happened: one line.
    public var message: String

    /// An error; line breaks and other control characters of `message` become spaces.
    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = String(
            String.UnicodeScalarView(message.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }))
    }

    /// True when the same request may succeed later.
    public var isTransient: Bool {
        switch kind {
        case .dns, .connect, .timeout, .truncated, .transfer: true
        case .status(let code): HTTPError.isTransient(status: code)
        case .invalidRequest, .tls, .tooLarge, .encoding, .redirect, .insideAddress, .cancelled, .denied, .notFound,
            .file:
            false
        }
    }

    /// True for answers that ask to come back: 408, 425, 429, 500, 502, 503, 504.
    public static func isTransient(status: Int) -> Bool { [408, 425, 429, 500, 502, 503, 504].contains(status) }

    /// One line, safe for log, audit and page.
    public var description: String { message }
}
