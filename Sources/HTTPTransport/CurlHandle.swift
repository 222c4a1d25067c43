import CLibCurl
import Glibc

/// Owns one easy handle of libcurl, with its connections (https://curl.se/libcurl/c/libcurl-easy.html).
///
/// Every option is set anew for each hop: `curl_easy_reset` keeps connections, addresses and TLS sessions only.
@safe struct CurlHandle: ~Copyable {
    let handle: UnsafeMutableRawPointer

    init() {
        CurlHandle.initialized
        guard let handle = unsafe curl_easy_init() else { preconditionFailure("libcurl has no memory for a handle") }
        unsafe self.handle = handle
    }

    deinit { unsafe curl_easy_cleanup(handle) }

    /// Must run once before the first handle; 3 is CURL_GLOBAL_DEFAULT.
    private static let initialized: Void = { _ = curl_global_init(3) }()

    /// One hop: blocks until the answer is complete or the transfer failed.
    func perform(
        _ request: HTTPRequest, within remaining: Duration, trusting caFile: String?, into transfer: Transfer
    ) throws(HTTPError) {
        unsafe curl_easy_reset(handle)
        guard HTTPHeader.isToken(request.method) else {
            throw HTTPError(.invalidRequest, "\(request.url): the method is no token")
        }
        setPolicy(request.limits, within: remaining, trusting: caFile)
        // An open connection was let through for another request: where a redirect leads is looked at anew.
        if transfer.isRedirected { set(CURLOPT_FRESH_CONNECT, 1) }
        // CURLOPT_PROTOCOLS = HTTP | HTTPS; its successor _STR is missing before 7.85.
        set(CURLoption(rawValue: 181), 3)
        set(CURLOPT_PATH_AS_IS, 1)
        setCallbacks(transfer)
        let headers = try CurlList(request, asksForGzip: !transfer.isDownload)
        unsafe _ = medallion_curl_set_list(handle, CURLOPT_HTTPHEADER, headers.first)
        setMethod(request)
        set(CURLOPT_URL, request.url.text)
        if let failure = run(transfer) { throw failure.error(of: request, transfer) }
        transfer.endBody()
        if let problem = transfer.problem { throw HTTPError(problem.kind, "\(request.description): \(problem.text)") }
    }

    /// Blocks until the transfer that the options describe is complete; what went wrong, if anything did.
    func run(_ transfer: Transfer) -> CurlFailure? {
        var reason = [CChar](repeating: 0, count: Int(CURL_ERROR_SIZE))
        let code = unsafe reason.withUnsafeMutableBufferPointer { buffer in
            unsafe _ = medallion_curl_set_pointer(handle, CURLOPT_ERRORBUFFER, buffer.baseAddress)
            let code = unsafe curl_easy_perform(handle)
            unsafe _ = medallion_curl_set_pointer(handle, CURLOPT_ERRORBUFFER, nil)
            return code
        }
        withExtendedLifetime(transfer) {}
        guard code != CURLE_OK else { return nil }
        let text = String(decoding: reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let fallback = unsafe String(cString: curl_easy_strerror(code))
        return CurlFailure(code: code, reason: text.isEmpty ? fallback : text)
    }

    /// Where the peer of the last hop stands.
    var peerScope: AddressScope {
        var text: UnsafePointer<CChar>?
        guard unsafe medallion_curl_get_string(handle, CURLINFO_PRIMARY_IP, &text) == CURLE_OK,
            let found = unsafe text
        else { return .global }
        return AddressScope(numeric: unsafe String(cString: found))
    }

    func setPolicy(_ limits: HTTPLimits, within remaining: Duration, trusting caFile: String?) {
        set(CURLOPT_NOSIGNAL, 1)
        // No proxy, whatever the environment says.
        set(CURLOPT_PROXY, "")
        set(CURLOPT_NOPROXY, "*")
        set(CURLOPT_FOLLOWLOCATION, 0)
        set(CURLOPT_SSL_VERIFYPEER, 1)
        set(CURLOPT_SSL_VERIFYHOST, 2)
        // CURL_SSLVERSION_TLSv1_2, or later.
        set(CURLOPT_SSLVERSION, 6)
        if let caFile { set(CURLOPT_CAINFO, caFile) }
        set(CURLOPT_BUFFERSIZE, 128 << 10)
        set(CURLOPT_TCP_KEEPALIVE, 1)
        set(CURLOPT_CONNECTTIMEOUT_MS, max(1, min(limits.connect, remaining).milliseconds))
        set(CURLOPT_TIMEOUT_MS, max(1, remaining.milliseconds))
        set(CURLOPT_LOW_SPEED_LIMIT, limits.minimumBytesPerSecond)
        set(CURLOPT_LOW_SPEED_TIME, max(1, (limits.idle.milliseconds + 999) / 1000))
    }

    private func setMethod(_ request: HTTPRequest) {
        if let body = request.body {
            set(CURLOPT_POSTFIELDSIZE, body.count)
            unsafe body.withUnsafeBufferPointer { bytes in
                let start = unsafe UnsafeMutableRawPointer(mutating: bytes.baseAddress)
                unsafe _ = medallion_curl_set_pointer(handle, CURLOPT_COPYPOSTFIELDS, start)
            }
        } else if request.method == "HEAD" {
            set(CURLOPT_NOBODY, 1)
        }
        if request.method != "HEAD" { set(CURLOPT_CUSTOMREQUEST, request.method) }
    }

    /// The context pointer is borrowed: `perform` keeps the transfer alive until libcurl returned.
    func setCallbacks(_ transfer: Transfer) {
        let context = unsafe Unmanaged.passUnretained(transfer).toOpaque()
        unsafe _ = medallion_curl_set_pointer(handle, CURLOPT_WRITEDATA, context)
        unsafe _ = medallion_curl_set_pointer(handle, CURLOPT_HEADERDATA, context)
        unsafe _ = medallion_curl_set_pointer(handle, CURLOPT_XFERINFODATA, context)
        unsafe _ = medallion_curl_set_pointer(handle, CURLOPT_OPENSOCKETDATA, context)
        unsafe _ = medallion_curl_set_write(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
            guard let bytes = unsafe bytes, let transfer = unsafe transferBehind(context) else { return 0 }
            let taken = unsafe transfer.takeBody(UnsafeRawBufferPointer(start: bytes, count: size * count))
            return taken ? size * count : 0
        }
        unsafe _ = medallion_curl_set_write(handle, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
            guard let bytes = unsafe bytes, let transfer = unsafe transferBehind(context) else { return 0 }
            let taken = unsafe transfer.takeHeaderLine(UnsafeRawBufferPointer(start: bytes, count: size * count))
            return taken ? size * count : 0
        }
        set(CURLOPT_NOPROGRESS, 0)
        unsafe _ = medallion_curl_set_progress(handle, CURLOPT_XFERINFOFUNCTION) { context, _, _, _, _ in
            unsafe transferBehind(context)?.isCancelled == true ? 1 : 0
        }
        unsafe _ = medallion_curl_set_opensocket(handle, CURLOPT_OPENSOCKETFUNCTION) { context, _, target in
            guard let transfer = unsafe transferBehind(context), let target = unsafe target else { return -1 }
            let address = unsafe target.pointee
            guard unsafe transfer.permits(AddressScope(of: target)) else { return -1 }
            return socket(address.family, address.socktype | Int32(SOCK_CLOEXEC.rawValue), address.protocol)
        }
    }

    func set(_ option: CURLoption, _ value: Int) {
        unsafe _ = medallion_curl_set_long(handle, option, value)
    }

    func set(_ option: CURLoption, _ value: String) {
        unsafe _ = medallion_curl_set_string(handle, option, value)
    }
}

/// The transfer behind a callback's context pointer.
private func transferBehind(_ context: UnsafeMutableRawPointer?) -> Transfer? {
    guard let context = unsafe context else { return nil }
    return unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
}

extension AddressScope {
    /// The scope of the address that libcurl is about to connect to.
    fileprivate init(of target: UnsafeMutablePointer<curl_sockaddr>) {
        let offset = MemoryLayout<curl_sockaddr>.offset(of: \.addr) ?? 0
        let address = unsafe UnsafeRawPointer(target).advanced(by: offset).assumingMemoryBound(to: sockaddr.self)
        unsafe self.init(bytesOf: address)
    }
}

/// Owns a `curl_slist` of header lines.
@safe private struct CurlList: ~Copyable {
    private(set) var first: UnsafeMutablePointer<curl_slist>?
    /// They say where a request goes and where it ends; given by hand, they could say something else.
    private static let ofTransport: Set = ["host", "content-length", "transfer-encoding", "connection"]

    init(_ request: HTTPRequest, asksForGzip: Bool) throws(HTTPError) {
        unsafe first = nil
        for header in request.headers.lines {
            guard header.isWellFormed else {
                throw HTTPError(
                    .invalidRequest,
                    "\(request.description): header '\(header.name)' holds a line break or another forbidden character")
            }
            guard !CurlList.ofTransport.contains(header.name.lowercased()) else {
                throw HTTPError(
                    .invalidRequest, "\(request.description): the header '\(header.name)' is the transport's own")
            }
            append(header.value.isEmpty ? "\(header.name);" : "\(header.name): \(header.value)")
        }
        // Not by CURLOPT_ACCEPT_ENCODING: libcurl would undo it, and see no early end.
        if asksForGzip, request.headers["Accept-Encoding"] == nil { append("Accept-Encoding: gzip") }
        // libcurl adds these two on its own where they are not disabled.
        if request.headers["Expect"] == nil { append("Expect:") }
        if request.body != nil, request.headers["Content-Type"] == nil { append("Content-Type:") }
    }

    private mutating func append(_ line: String) {
        unsafe first = curl_slist_append(first, line)
    }

    deinit { unsafe curl_slist_free_all(first) }
}

extension Duration {
    /// Whole milliseconds, cut at a day so that no sum overflows.
    var milliseconds: Int {
        let parts = min(self, .seconds(86_400)).components
        return Int(parts.seconds * 1000 + parts.attoseconds / 1_000_000_000_000_000)
    }
}
