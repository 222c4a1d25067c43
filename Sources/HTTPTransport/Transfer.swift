import CLibCurl
import Compression
import Synchronization

/// Set from any thread; libcurl asks for it about once a second and whenever bytes move.
final class CancellationFlag: Sendable {
    private let flag = Atomic<Bool>(false)

    func set() { flag.store(true, ordering: .relaxed) }
    var isSet: Bool { flag.load(ordering: .relaxed) }
}

/// Why a connection to an address was not opened.
enum RefusedAddress {
    /// A server outside sent us inside.
    case byRedirect
    /// It lies inside, and only the outside may be reached.
    case inside
}

/// What libcurl's callbacks collect during one hop; lives on the session's thread only.
final class Transfer {
    /// Header lines of the answer, without status lines and trailers.
    private(set) var headers = HTTPHeaders()
    /// The status of the last status line.
    private(set) var status = 0
    /// The decoded body.
    private(set) var body: [UInt8] = []
    /// True once the body exceeded its limit.
    private(set) var isTooLarge = false
    /// Why the body could not be decoded, or not written to its file; nil where it was.
    private(set) var problem: (kind: HTTPError.Kind, text: String)?
    /// Why an address was refused; nil as long as none was.
    private(set) var refusedAddress: RefusedAddress?

    private let limit: Int
    private let cancellation: CancellationFlag
    private let redirectedFrom: AddressScope?
    private let reachesInside: Bool
    private let file: DownloadFile?
    private var fileBytes = 0
    private var headBytes = 0
    private var headIsComplete = false
    /// nil before the first byte of the body.
    private var decoder: ContentDecoder?

    /// A hop; `redirectedFrom` is where the server that sent us here stands, nil for the first hop.
    /// With a `file`, the body of a success is written there.
    init(
        limits: HTTPLimits, cancellation: CancellationFlag, redirectedFrom: AddressScope?, file: DownloadFile? = nil
    ) {
        reachesInside = limits.reachesInside
        self.file = file
        limit = limits.bodyBytes
        self.cancellation = cancellation
        self.redirectedFrom = redirectedFrom
    }

    /// True for a hop that a server sent us on.
    var isRedirected: Bool { redirectedFrom != nil }

    var isCancelled: Bool { cancellation.isSet }

    /// True where the body comes as it is sent, for its file.
    var isDownload: Bool { file != nil }

    /// Takes one header line with its line end; false stops the transfer.
    func takeHeaderLine(_ bytes: UnsafeRawBufferPointer) -> Bool {
        headBytes += bytes.count
        guard headBytes <= 1 << 18 else {
            isTooLarge = true
            return false
        }
        let line = unsafe String(decoding: bytes, as: UTF8.self)
        if line.hasPrefix("HTTP/") {
            headers = HTTPHeaders()
            headIsComplete = false
            status = line.split(separator: " ").dropFirst().first.flatMap { Int($0.prefix(3)) } ?? 0
        } else if line.utf8.allSatisfy({ $0 == 0x0D || $0 == 0x0A }) {
            headIsComplete = true
            reserveAnnouncedLength()
        } else if !headIsComplete, let colon = line.utf8.firstIndex(of: 0x3A) {
            let value = line[line.utf8.index(after: colon)...]
            headers.append(HTTPHeader(String(line[..<colon]), trimmed(value)))
        }
        return true
    }

    /// Takes bytes of the body as they are sent; false stops the transfer.
    func takeBody(_ bytes: UnsafeRawBufferPointer) -> Bool {
        // Only what was asked for goes into the file, not what is said instead; other protocols have no status.
        if let file, status == 0 || isSuccess {
            fileBytes += bytes.count
            isTooLarge = fileBytes > limit
            guard !isTooLarge else { return false }
            problem = unsafe file.append(bytes).map { (.file, $0) }
            return problem == nil
        }
        do {
            if decoder == nil { decoder = try ContentDecoder(headers, limit: limit) }
            try unsafe decoder?.decode(bytes, into: &body)
        } catch {
            note(error)
        }
        return problem == nil && !isTooLarge
    }

    /// Says that the transfer ended well: no more bytes of the body come.
    func endBody() {
        do {
            try decoder?.finish()
        } catch {
            note(error)
        }
    }

    private var isSuccess: Bool { (200..<300).contains(status) }

    private func note(_ error: any Error) {
        switch error {
        case CompressionError.tooLarge: isTooLarge = true
        // Then the status says more than words that cannot be read.
        case _ where !isSuccess: break
        case CompressionError.truncated: problem = (.truncated, "the answer broke off (\(error))")
        case let error as ContentDecoder.UnknownEncoding:
            problem = (.encoding, "the content encoding is '\(error.name)', and gzip was asked for")
        default: problem = (.encoding, "the content encoding is broken (\(error))")
        }
    }

    /// True when a connection to that address may be opened.
    func permits(_ scope: AddressScope) -> Bool {
        let isInside = scope != .global && !reachesInside
        let isTrick = redirectedFrom.map { !$0.mayRedirect(to: scope) } ?? false
        guard isInside || isTrick else { return true }
        refusedAddress = isTrick ? .byRedirect : .inside
        return false
    }

    private func reserveAnnouncedLength() {
        guard file == nil, let announced = headers["Content-Length"].flatMap(Int.init), announced > 0 else { return }
        body.reserveCapacity(min(announced, limit, 64 << 20))
    }

    private func trimmed(_ value: Substring) -> String {
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D || $0 == 0x0A }
        let bytes = value.utf8.drop(while: isBlank)
        return String(decoding: bytes.reversed().drop(while: isBlank).reversed(), as: UTF8.self)
    }
}
