import Glibc

/// A new file that a body is written to. Source: open(2), write(2).
final class DownloadFile: Sendable {
    private let descriptor: Int32

    /// Makes the file, where nothing may be yet.
    init(_ path: String, for what: String) throws(HTTPError) {
        descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw HTTPError(.file, "\(what): cannot make \(path): \(unsafe String(cString: strerror(errno)))")
        }
    }

    deinit { close(descriptor) }

    /// Appends bytes; why that failed, nil where it did not.
    func append(_ bytes: [UInt8]) -> String? { unsafe bytes.withUnsafeBytes { unsafe append($0) } }

    /// Appends bytes; why that failed, nil where it did not.
    func append(_ bytes: UnsafeRawBufferPointer) -> String? {
        var rest = unsafe bytes[...]
        while unsafe !rest.isEmpty {
            let written = unsafe write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if written < 0, errno == EINTR { continue }
            guard written >= 0 else {
                return "cannot write what it sent: \(unsafe String(cString: strerror(errno)))"
            }
            unsafe rest = rest.dropFirst(written)
        }
        return nil
    }
}
