import CLibPQ
import Logging

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// One libpq connection, used from one thread at a time: blocking calls that can be interrupted.
///
/// Statements are sent without blocking and awaited with `poll`, on the server's socket and on the cancellation
/// signal (https://www.postgresql.org/docs/current/libpq-async.html).
@safe struct LibPQSession: ~Copyable {
    /// nil when closed.
    private(set) var pointer: OpaquePointer?
    let signal: CancellationSignal
    private let configuration: PostgresConfiguration
    /// A cancel request was sent: it might still reach a later statement, so this session takes none.
    private(set) var isCancelled = false

    init(_ configuration: PostgresConfiguration, signal: CancellationSignal) {
        unsafe pointer = nil
        self.configuration = configuration
        self.signal = signal
    }

    deinit { if let pointer = unsafe pointer { unsafe PQfinish(pointer) } }

    mutating func close() {
        if let pointer = unsafe pointer { unsafe PQfinish(pointer) }
        unsafe pointer = nil
    }

    /// True while libpq believes in the connection.
    var isConnected: Bool { unsafe pointer.map { unsafe PQstatus($0) == CONNECTION_OK } ?? false }

    /// The open connection.
    func open(_ statement: String? = nil) throws -> OpaquePointer {
        if let pointer = unsafe pointer, unsafe PQstatus(pointer) == CONNECTION_OK, !isCancelled {
            return unsafe pointer
        }
        if isCancelled, Task.isCancelled { throw CancellationError() }
        throw PostgresError(
            .connection,
            isCancelled ? "the connection was closed after a cancelled statement" : "the connection is closed",
            statement: statement)
    }

    // MARK: Connecting

    /// Connects within `connect_timeout` (10 s unless the URL says otherwise)
    /// (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PQCONNECTSTARTPARAMS).
    mutating func connect(applicationName: String) throws {
        var parameters = configuration.parameters
        for (key, value) in ["keepalives_idle": "60", "keepalives_interval": "10", "keepalives_count": "6"] {
            parameters[key] = parameters[key] ?? value
        }
        parameters["application_name"] = applicationName
        parameters["client_encoding"] = "UTF8"
        let seconds = parameters["connect_timeout"].flatMap { Int($0) } ?? 10
        let deadline = seconds > 0 ? ContinuousClock.now + .seconds(max(2, seconds)) : nil
        let opened = unsafe withCStrings(parameters.map(\.key)) { keys in
            unsafe withCStrings(parameters.map(\.value)) { values in unsafe PQconnectStartParams(keys, values, 0) }
        }
        guard let opened = unsafe opened else { throw PostgresError(.connection, "out of memory while connecting") }
        unsafe pointer = unsafe opened
        do {
            try awaitConnection(deadline: deadline)
        } catch {
            close()
            throw error
        }
        _ = unsafe PQsetErrorVerbosity(opened, PQERRORS_DEFAULT)
        _ = unsafe PQsetnonblocking(opened, 1)
        _ = unsafe PQsetNoticeProcessor(
            opened,
            { _, message in
                guard let message = unsafe message else { return }
                let text = unsafe oneLine(String(cString: message))
                Logger(label: "medallion.postgres").warning("The server sent a notice", metadata: ["notice": "\(text)"])
            }, nil)
    }

    private func awaitConnection(deadline: ContinuousClock.Instant?) throws {
        // Verbose messages carry the SQLSTATE, which libpq offers in no other way before the connection stands.
        _ = unsafe PQsetErrorVerbosity(pointer, PQERRORS_VERBOSE)
        if unsafe PQstatus(pointer) == CONNECTION_BAD { throw refusal() }
        var state = PGRES_POLLING_WRITING
        while state != PGRES_POLLING_OK {
            if state == PGRES_POLLING_FAILED { throw refusal() }
            let events = Int16(state == PGRES_POLLING_READING ? POLLIN : POLLOUT)
            let left = deadline.map { max(0, ($0 - ContinuousClock.now).inMilliseconds) } ?? -1
            switch waitFor(events, socket: unsafe PQsocket(pointer), cancellable: true, milliseconds: Int32(left)) {
            case .ready: break
            case .cancelled: throw CancellationError()
            case .timedOut:
                throw PostgresError(
                    .connection, "no answer in time from \(configuration.maskedDescription)",
                    hint: "check host, port and firewall, or raise connect_timeout in the database URL")
            }
            state = unsafe PQconnectPoll(pointer)
        }
    }

    private func refusal() -> PostgresError {
        let text = unsafe String(cString: PQerrorMessage(pointer))
        let (sqlState, reason) = connectionFailure(text)
        return PostgresError(
            sqlState.map { .server(sqlState: $0) } ?? .connection,
            "cannot connect to \(configuration.maskedDescription): \(configuration.masking(reason))",
            hint: connectionHint(sqlState))
    }

    // MARK: Waiting

    enum Wake { case ready, cancelled, timedOut }

    func waitFor(_ events: Int16, socket: Int32, cancellable: Bool, milliseconds: Int32) -> Wake {
        var waits = [
            pollfd(fd: socket, events: events, revents: 0),
            pollfd(fd: cancellable ? signal.descriptor : -1, events: Int16(POLLIN), revents: 0),
        ]
        while true {
            let count = unsafe poll(&waits, 2, milliseconds)
            if count < 0, errno == EINTR { continue }
            if count == 0 { return .timedOut }
            return waits[1].revents != 0 ? .cancelled : .ready
        }
    }

    /// Waits until the server has something to say or takes more; sends the cancel request when the task is cancelled.
    ///
    /// A request may reach the server before the statement does, where it has no effect: it is repeated.
    mutating func waitForServer(events: Int, cancellable: Bool) throws {
        let socket = unsafe PQsocket(pointer)
        guard isCancelled else {
            switch waitFor(Int16(events), socket: socket, cancellable: cancellable, milliseconds: -1) {
            case .ready, .timedOut: return
            case .cancelled: return requestCancel()
            }
        }
        if case .ready = waitFor(Int16(events), socket: socket, cancellable: false, milliseconds: 100) { return }
        cancelRequests += 1
        if cancelRequests > 50 {
            close()
            throw CancellationError()
        }
        requestCancel()
    }

    private var cancelRequests = 0

    /// https://www.postgresql.org/docs/current/libpq-cancel.html
    private mutating func requestCancel() {
        isCancelled = true
        guard let cancel = unsafe PQgetCancel(pointer) else { return }
        var reason = [CChar](repeating: 0, count: 256)
        // A refused request is repeated by the next wait, and given up with the connection in the end.
        _ = unsafe PQcancel(cancel, &reason, Int32(reason.count))
        unsafe PQfreeCancel(cancel)
    }

    /// Reads what the server may have said while nobody asked: a shutdown, an idle timeout.
    ///
    /// Such words come a moment before the end of the connection, so whoever speaks is given that moment.
    func isStillThere() -> Bool {
        var patience: Int32 = 0
        while case .ready = waitFor(
            Int16(POLLIN), socket: unsafe PQsocket(pointer), cancellable: false, milliseconds: patience)
        {
            guard unsafe PQconsumeInput(pointer) == 1, isConnected else { return false }
            patience = 50
        }
        return isConnected
    }

    // MARK: Statements

    /// Sends one statement by the extended protocol: parameters in binary, results in text.
    func send(_ sql: SQLText) throws {
        let text = sql.text
        let opened = unsafe try open(text)
        guard !text.utf8.contains(0) else {
            throw PostgresError(
                .usage, "a statement contains a NUL byte, which PostgreSQL cannot hold", statement: text)
        }
        let parameters = sql.parameters
        guard parameters.count <= 65_535 else {
            throw PostgresError(
                .usage, "\(parameters.count) parameters, at most 65535 can be bound", statement: text)
        }
        var block: [UInt8] = []
        var offsets: [Int] = []
        for parameter in parameters {
            offsets.append(block.count)
            block.append(contentsOf: parameter.bytes ?? [])
        }
        block.append(0)  // so that an empty value has an address of its own
        let sent = unsafe block.withUnsafeBufferPointer { block in
            unsafe block.withMemoryRebound(to: CChar.self) { block in
                let starts = unsafe parameters.indices.map { index in
                    unsafe parameters[index].bytes == nil ? nil : block.baseAddress.map { unsafe $0 + offsets[index] }
                }
                // https://www.postgresql.org/docs/current/libpq-exec.html#LIBPQ-PQEXECPARAMS
                return unsafe PQsendQueryParams(
                    opened, text, Int32(parameters.count), parameters.map { Oid($0.type) }, starts,
                    parameters.map { Int32($0.bytes?.count ?? 0) },
                    [Int32](repeating: 1, count: parameters.count), 0)
            }
        }
        if sent == 0 { throw lost(text) }
    }

    /// Sends several statements by the simple protocol.
    func send(script: String) throws {
        let opened = unsafe try open(script)
        guard !script.utf8.contains(0) else {
            throw PostgresError(.usage, "a script contains a NUL byte", statement: script)
        }
        if unsafe PQsendQuery(opened, script) == 0 { throw lost(script) }
    }

    /// Hands all buffered output to the socket, reading meanwhile what the server says, so that neither side waits for ever.
    mutating func flush(_ statement: String?, cancellable: Bool) throws {
        while let opened = unsafe pointer {
            let left = unsafe PQflush(opened)
            if left == 0 { return }
            // What the server said before it hung up is the better error: the next result brings it.
            if left < 0 { return }
            try waitForServer(events: Int(POLLIN) | Int(POLLOUT), cancellable: cancellable)
            if unsafe PQconsumeInput(opened) == 0 { return }
        }
    }

    /// Waits for the next result of the statement under way; nil after its last one.
    mutating func nextResult(_ statement: String?, cancellable: Bool) throws -> ResultHandle? {
        try flush(statement, cancellable: cancellable)
        while let opened = unsafe pointer {
            if unsafe PQisBusy(opened) == 0 { break }
            try waitForServer(events: Int(POLLIN), cancellable: cancellable)
            if unsafe PQconsumeInput(opened) == 0 { break }
        }
        guard let opened = unsafe pointer, let result = unsafe PQgetResult(opened) else { return nil }
        return unsafe ResultHandle(result)
    }

    /// The error of a connection that no longer answers.
    func lost(_ statement: String?) -> PostgresError {
        let reason = unsafe oneLine(configuration.masking(String(cString: PQerrorMessage(pointer))))
        return PostgresError(
            unsafe PQstatus(pointer) == CONNECTION_BAD ? .connection : .protocol,
            reason.isEmpty ? "the connection was lost" : reason, statement: statement)
    }

    /// The error that a result stands for; CancellationError for our own cancel request.
    func failure(_ result: ResultHandle, _ statement: String?) -> any Error {
        guard let sqlState = result.errorField("C") else {
            let reason = oneLine(configuration.masking(result.errorMessage))
            let isLost = unsafe pointer.map { unsafe PQstatus($0) == CONNECTION_BAD } ?? true
            return PostgresError(
                isLost ? .connection : .protocol, reason.isEmpty ? "the server's answer was not understood" : reason,
                statement: statement)
        }
        if sqlState == "57014", isCancelled { return CancellationError() }
        return PostgresError(
            kind: .server(sqlState: sqlState), message: result.errorField("M") ?? "unknown error",
            detail: result.errorField("D"), hint: result.errorField("H"),
            location: result.errorField("W").flatMap(copyLocation), statement: statement,
            position: result.errorField("P").flatMap { Int($0) })
    }
}

extension Duration {
    fileprivate var inMilliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}

/// `COPY t, line 3, column c` of a context that goes on with the value.
private func copyLocation(_ context: String) -> String? {
    guard context.hasPrefix("COPY ") else { return nil }
    let line = context.prefix { $0 != "\n" }
    return String(line.prefix { $0 != ":" })
}

/// Takes apart libpq's verbose `connection to server … failed: FATAL:  28P01: password …\nLOCATION:  …`.
private func connectionFailure(_ text: String) -> (sqlState: String?, reason: String) {
    let lines = text.split(separator: "\n").filter { !$0.hasPrefix("LOCATION:") }
    var sqlState: String?
    var words: [Substring] = []
    for word in lines.joined(separator: " ").split(separator: " ") {
        let code = word.dropLast()
        if sqlState == nil, word.last == ":", code.utf8.count == 5, words.last?.last == ":",
            code.utf8.allSatisfy({ (48...57).contains($0) || (65...90).contains($0) }),
            code.utf8.contains(where: { (48...57).contains($0) })  // FATAL and PANIC have five letters too
        {
            sqlState = String(code)
        } else {
            words.append(word)
        }
    }
    return (sqlState, words.joined(separator: " "))
}

private func connectionHint(_ sqlState: String?) -> String {
    switch sqlState {
    case "28P01", "28000": "check user and password of the database URL"
    case "3D000": "create the database, or correct its name in the database URL"
    case "53300": "the server has no free connection; try again later or raise max_connections"
    case "57P03": "the server is starting or stopping; try again in a moment"
    default: "check that the server runs and that the database URL is right"
    }
}
