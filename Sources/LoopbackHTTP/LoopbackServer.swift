import Dispatch
import Glibc
import Synchronization

/// A small HTTP/1.1 server on 127.0.0.1 for the demo and for tests: no TLS, no limits worth the name.
///
/// Never put it in front of anything real. Each connection has a thread; the handler may block and may be called by
/// several threads at once.
public final class LoopbackServer: Sendable {
    /// Answers one request.
    public typealias Handler = @Sendable (LoopbackRequest) -> LoopbackResponse

    /// Why the server did not start.
    public struct StartError: Error, CustomStringConvertible {
        /// One line: the call that failed and the system's reason.
        public let description: String
    }

    /// The port that it listens on.
    public let port: Int

    private let listener: Int32
    private let handler: Handler
    private let connections = Mutex<Set<Int32>>([])
    private let isStopping = Atomic<Bool>(false)
    private let stopped = Atomic<Bool>(false)
    private let accepted = Atomic<Int>(0)

    /// `http://127.0.0.1:<port>`.
    public var url: String { "http://127.0.0.1:\(port)" }

    /// Connections accepted so far; fewer than requests when clients keep them.
    public var connectionCount: Int { accepted.load(ordering: .relaxed) }

    /// Listens at once; port 0 takes any free one.
    /// - Throws: `StartError` when the port is taken.
    public init(port: Int = 0, handler: @escaping Handler) throws {
        self.handler = handler
        (listener, self.port) = try LoopbackServer.listen(on: port)
        thread().async { [self] in acceptConnections() }
    }

    /// Refuses new connections and ends the open ones.
    public func stop() {
        guard !isStopping.exchange(true, ordering: .sequentiallyConsistent) else { return }
        // In this order: the accepting thread closes the listener once it sees `stopped`.
        shutdown(listener, Int32(SHUT_RDWR))
        stopped.store(true, ordering: .sequentiallyConsistent)
        connections.withLock { open in
            for descriptor in open { shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
    }

    /// True once `stop` was called.
    var isStopped: Bool { stopped.load(ordering: .relaxed) }

    private func acceptConnections() {
        while !isStopped {
            let descriptor = accept(listener, nil, nil)
            guard descriptor >= 0 else {
                // Too many open files, or shut down: either passes or `isStopped` follows.
                usleep(1000)
                continue
            }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            accepted.add(1, ordering: .relaxed)
            let serves = connections.withLock { open in
                if !isStopped { open.insert(descriptor) }
                return !isStopped
            }
            guard serves else {
                close(descriptor)
                break
            }
            thread().async { [self] in
                serve(LoopbackConnection(descriptor: descriptor, server: self))
                // Taken out of the set before it is closed, so that `stop` never touches a reused number.
                _ = connections.withLock { $0.remove(descriptor) }
                close(descriptor)
            }
        }
        close(listener)
    }

    /// A serial queue of its own gets a thread at once; a concurrent one would wait for the pool to grow.
    private func thread() -> DispatchQueue { DispatchQueue(label: "medallion.loopback") }

    private func serve(_ connection: LoopbackConnection) {
        var connection = connection
        while !isStopped, let request = connection.readRequest() {
            let keepAlive = request.header("Connection")?.lowercased() != "close"
            guard connection.send(handler(request), to: request, keepAlive: keepAlive), keepAlive else { return }
        }
    }

    private static func listen(on port: Int) throws -> (descriptor: Int32, port: Int) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw StartError(description: "socket: \(reason())") }
        var one: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, size)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                unsafe bind(descriptor, generic, length) == 0 && Glibc.listen(descriptor, 128) == 0
                    && getsockname(descriptor, generic, &length) == 0
            }
        }
        guard bound else {
            let error = StartError(description: "cannot listen on 127.0.0.1:\(port): \(reason())")
            close(descriptor)
            throw error
        }
        return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
    }

    private static func reason() -> String { unsafe String(cString: strerror(errno)) }
}
