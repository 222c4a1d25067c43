import CLibCurl

extension CurlHandle {
    /// One listing or file: blocks until it is complete or failed
    /// (https://curl.se/libcurl/c/CURLOPT_SSH_KNOWNHOSTS.html, CURLOPT_USE_SSL.html, CURLOPT_FILETIME.html).
    func perform(
        _ request: RemoteFileRequest, trusting caFile: String?, into transfer: Transfer
    ) throws(HTTPError) -> RemoteFileAnswer {
        unsafe curl_easy_reset(handle)
        setPolicy(request.limits, within: request.limits.total, trusting: caFile)
        setCallbacks(transfer)
        setServer(request.server)
        set(CURLOPT_URL, request.url)
        set(CURLOPT_PATH_AS_IS, 1)
        set(CURLOPT_FILETIME, request.purpose == .time || request.purpose == .content ? 1 : 0)
        switch request.purpose {
        case .time: set(CURLOPT_NOBODY, 1)
        case .listFacts: set(CURLOPT_CUSTOMREQUEST, "MLSD")
        case .list, .content: break
        }
        if let failure = run(transfer) {
            throw failure.error("\(request)", limit: request.limits.bodyBytes, transfer)
        }
        return RemoteFileAnswer(listing: transfer.body, modified: fileTime)
    }

    private func setServer(_ server: RemoteFileServer) {
        set(CURLOPT_USERNAME, server.username)
        if let password = server.password { set(CURLOPT_PASSWORD, password) }
        switch server.protocol {
        case .sftp:
            // CURLOPT_PROTOCOLS = CURLPROTO_SFTP; without a key function, libcurl takes known keys only.
            set(CURLoption(rawValue: 181), 1 << 5)
            // CURLSSH_AUTH_PUBLICKEY or CURLSSH_AUTH_PASSWORD | CURLSSH_AUTH_KEYBOARD
            set(CURLOPT_SSH_AUTH_TYPES, server.keyFile == nil ? 2 | 8 : 1)
            if let file = server.keyFile { set(CURLOPT_SSH_PRIVATE_KEYFILE, file) }
            if let passphrase = server.passphrase { set(CURLOPT_KEYPASSWD, passphrase) }
            if let file = server.knownHosts { set(CURLOPT_SSH_KNOWNHOSTS, file) }
            if let fingerprint = server.fingerprint { set(CURLOPT_SSH_HOST_PUBLIC_KEY_SHA256, fingerprint) }
        case .ftp, .ftps:
            // CURLPROTO_FTP | CURLPROTO_FTPS
            set(CURLoption(rawValue: 181), 1 << 2 | 1 << 3)
            // CURLUSESSL_ALL: the password and the files go over TLS or not at all.
            if server.demandsTLS || server.protocol == .ftps { set(CURLOPT_USE_SSL, 3) }
            set(CURLOPT_FTP_SKIP_PASV_IP, 1)
        }
    }

    private var fileTime: Int64? {
        var time: curl_off_t = -1
        guard unsafe medallion_curl_get_time(handle, CURLINFO_FILETIME_T, &time) == CURLE_OK, time >= 0 else {
            return nil
        }
        return Int64(time)
    }
}
