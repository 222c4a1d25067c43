import CLibCurl

/// A result of `curl_easy_perform` (https://curl.se/libcurl/c/libcurl-errors.html) with its text.
struct CurlFailure {
    var code: CURLcode
    var reason: String

    /// The error that the caller sees; what our callbacks stopped is named by its cause, not as a failed write.
    func error(of request: HTTPRequest, _ transfer: Transfer) -> HTTPError {
        error(request.description, limit: request.limits.bodyBytes, transfer)
    }

    /// The error of a request that is described by `what`.
    func error(_ what: String, limit: Int, _ transfer: Transfer) -> HTTPError {
        if transfer.isCancelled { return HTTPError(.cancelled, "\(what): cancelled") }
        if transfer.isTooLarge {
            return HTTPError(.tooLarge, "\(what): the decoded answer exceeds \(limit) bytes")
        }
        if let problem = transfer.problem { return HTTPError(problem.kind, "\(what): \(problem.text)") }
        switch transfer.refusedAddress {
        case .byRedirect?:
            return HTTPError(.redirect, "\(what): a redirect to an address inside our own network is refused")
        case .inside?: return HTTPError(.insideAddress, "\(what): its address lies inside our own network")
        case nil: break
        }
        return HTTPError(kind, "\(what): \(sentence)")
    }

    private var kind: HTTPError.Kind {
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST: .dns
        case CURLE_COULDNT_CONNECT: .connect
        case CURLE_OPERATION_TIMEDOUT: .timeout
        case CURLE_PARTIAL_FILE, CURLE_GOT_NOTHING, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_HTTP2_STREAM: .truncated
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
            CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS, CURLE_USE_SSL_FAILED:
            .tls
        case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL: .invalidRequest
        case CURLE_LOGIN_DENIED, CURLE_REMOTE_ACCESS_DENIED: .denied
        case CURLE_REMOTE_FILE_NOT_FOUND, CURLE_FTP_COULDNT_RETR_FILE: .notFound
        default: .transfer
        }
    }

    private var sentence: String {
        switch kind {
        case .dns: "the host's name has no address (\(reason))"
        case .connect: "no connection (\(reason))"
        case .timeout: "no complete answer in time (\(reason))"
        case .truncated: "the answer broke off (\(reason))"
        case .tls: "TLS refused (\(reason))"
        case .denied: "access was refused (\(reason))"
        case .notFound: "there is no such file or folder (\(reason))"
        default: reason
        }
    }
}
