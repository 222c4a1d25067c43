#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A pipe that turns the cancellation of a task into something `poll` can wait for beside the server's socket.
///
/// The canceller writes from any thread; only the connection's own thread reads, so the cancel request is sent by
/// the thread that knows whether a statement is under way.
final class CancellationSignal: Sendable {
    /// Readable while raised.
    let descriptor: Int32
    private let writer: Int32

    /// Both ends close on exec and never block. Without free descriptors cancellation waits for the statement's end.
    init() {
        var ends: [Int32] = [-1, -1]
        if unsafe pipe(&ends) != 0 { ends = [-1, -1] }
        for end in ends where end >= 0 {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        (descriptor, writer) = (ends[0], ends[1])
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
        if writer >= 0 { close(writer) }
    }

    /// Makes the descriptor readable.
    func raise() {
        var byte: UInt8 = 1
        _ = unsafe write(writer, &byte, 1)
    }

    /// Takes back earlier signals: they belonged to a statement that has ended.
    func reset() {
        var bytes: [UInt8] = Array(repeating: 0, count: 16)
        while unsafe read(descriptor, &bytes, bytes.count) > 0 {}
    }
}
