import CLibCurl
import Primitives

/// An absolute `http` or `https` URL without user info and fragment.
///
/// Parsed and resolved by libcurl (https://curl.se/libcurl/c/libcurl-url.html), so that what is checked is what is
/// requested. Two URLs are equal when their text is.
public struct HTTPURL: Sendable, Hashable {
    /// The whole URL as it is requested.
    public let text: String
    /// `http` or `https`.
    public let scheme: String
    /// The host in lower case; an IPv6 address in brackets.
    public let host: String
    /// The port, also where the text leaves it out.
    public let port: Int
    /// The path, percent-encoded.
    public let path: String
    /// What follows `?`, percent-encoded.
    public let query: String?

    /// Reads an absolute URL. Spaces and bytes beyond ASCII are percent-encoded.
    /// - Throws: `HTTPError` of kind invalidRequest for anything but http and https, and for user info in the URL.
    public init(_ text: String) throws(HTTPError) {
        self = try CurlURL().parsed(text, relativeTo: nil)
    }

    /// The URL that `reference`, absolute or relative, means on a page at this URL (RFC 3986, section 5).
    /// - Throws: as `init`.
    public func resolving(_ reference: String) throws(HTTPError) -> HTTPURL {
        try CurlURL().parsed(reference, relativeTo: self.text)
    }

    /// True when scheme, host and port are the same: credentials for one may go to the other.
    public func isSameOrigin(as other: HTTPURL) -> Bool {
        scheme == other.scheme && host == other.host && port == other.port
    }

    /// `scheme://host` and the port, if it is not the scheme's own.
    public var origin: String {
        let isDefault = port == (scheme == "https" ? 443 : 80)
        return isDefault ? "\(scheme)://\(host)" : "\(scheme)://\(host):\(port)"
    }

    /// This URL with more parameters behind those that it has, each percent-encoded.
    public func adding(_ parameters: [(name: String, value: String)]) throws(HTTPError) -> HTTPURL {
        guard !parameters.isEmpty else { return self }
        let added = parameters.map { "\(percentEncoded($0.name))=\(percentEncoded($0.value))" }.joined(separator: "&")
        guard let query else { return try HTTPURL("\(text)?\(added)") }
        return try HTTPURL(query.isEmpty ? "\(text)\(added)" : "\(text)&\(added)")
    }

    fileprivate init(text: String, scheme: String, host: String, port: Int, path: String, query: String?) {
        self.text = text
        self.scheme = scheme
        self.host = host
        self.port = port
        self.path = path
        self.query = query
    }
}

extension HTTPURL {
    /// True where the host is written as an address of this machine or of an inner network, or as `localhost`: whoever
    /// wrote it meant it.
    public var namesInside: Bool { namesAddressInside(host) }
}

/// True for a host that is written as an address of this machine or of an inner network, or as `localhost`.
public func namesAddressInside(_ host: String) -> Bool {
    let name = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host.lowercased()
    return name == "localhost" || name.hasSuffix(".localhost")
        || AddressScope.isNumeric(name) && AddressScope(numeric: name) != .global
}

extension HTTPURL: CustomStringConvertible {
    /// Origin and path without the query, which may hold secrets: safe for logs.
    public var description: String { origin + path }
}

/// Owns one `CURLU` handle.
@safe private struct CurlURL: ~Copyable {
    private let handle: OpaquePointer

    init() {
        guard let handle = unsafe curl_url() else { preconditionFailure("libcurl has no memory for a URL") }
        unsafe self.handle = handle
    }

    deinit { unsafe curl_url_cleanup(handle) }

    func parsed(_ text: String, relativeTo base: String?) throws(HTTPError) -> HTTPURL {
        let flags = UInt32(CURLU_NON_SUPPORT_SCHEME | CURLU_URLENCODE)
        if let base { _ = unsafe curl_url_set(handle, CURLUPART_URL, base, flags) }
        guard !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }),
            unsafe curl_url_set(handle, CURLUPART_URL, text, flags) == CURLUE_OK
        else { throw HTTPError(.invalidRequest, "not a URL (expected http:// or https://, a host and a path)") }
        guard let scheme = part(CURLUPART_SCHEME), ["http", "https"].contains(scheme) else {
            throw HTTPError(
                .invalidRequest, "URL scheme '\(part(CURLUPART_SCHEME) ?? "")' refused, expected http or https")
        }
        guard part(CURLUPART_USER) == nil, part(CURLUPART_PASSWORD) == nil else {
            throw HTTPError(.invalidRequest, "a user name or password in the URL is refused")
        }
        _ = unsafe curl_url_set(handle, CURLUPART_FRAGMENT, nil, 0)
        guard let whole = part(CURLUPART_URL), let host = part(CURLUPART_HOST), !host.isEmpty,
            let port = part(CURLUPART_PORT, UInt32(CURLU_DEFAULT_PORT)).flatMap(Int.init)
        else { throw HTTPError(.invalidRequest, "the URL has no host") }
        return HTTPURL(
            text: whole, scheme: scheme, host: host.lowercased(), port: port, path: part(CURLUPART_PATH) ?? "/",
            query: part(CURLUPART_QUERY))
    }

    private func part(_ part: CURLUPart, _ flags: UInt32 = 0) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard unsafe curl_url_get(handle, part, &text, flags) == CURLUE_OK, let found = unsafe text else { return nil }
        defer { unsafe curl_free(found) }
        return unsafe String(cString: found)
    }
}
