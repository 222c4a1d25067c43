internal import CSpawn
internal import Dispatch
internal import Glibc

/// How to start a program.
public struct ProgramStart: Sendable {
    /// The program's absolute path.
    public var path: String
    /// `argv`, the program's own name first.
    public var arguments: [String]
    /// The whole environment.
    public var environment: [String: String]
    /// The folder that it works in.
    public var folder: String
    /// Bytes of address space that it and each of its children may have; nil = no limit.
    public var memoryBytes: Int?

    /// How to start a program.
    public init(
        path: String, arguments: [String], environment: [String: String], folder: String, memoryBytes: Int? = nil
    ) {
        self.path = path
        self.arguments = arguments
        self.environment = environment
        self.folder = folder
        self.memoryBytes = memoryBytes
    }
}

/// How a program ended.
public enum ProgramEnd: Sendable, Equatable {
    /// By itself, with this exit code.
    case code(Int32)
    /// By this signal.
    case signal(Int32)
}

/// What a program did next.
public enum ProgramEvent: Sendable, Equatable {
    /// It wrote these bytes to its standard output.
    case output([UInt8])
    /// It wrote these bytes to its standard error.
    case complaint([UInt8])
    /// It ended by itself and everything that it wrote was read.
    case ended
    /// The deadline came first.
    case late
}

/// A program that runs in a process group of its own, with no input and two pipes that are read here.
///
/// Nothing of it stays: `end` ends the whole group. What leaves the group by setsid(2) is not followed. It is read on a
/// queue of its own, and only when asked for, so that a slow reader slows the program down.
/// Source: posix_spawn(3), pidfd_open(2), waitid(2), prlimit(1), prlimit(2).
public actor RunningProgram {
    private let queue = ProgramQueue()
    private let process: pid_t
    private var output: Int32
    private var complaints: Int32
    private var handle: Int32
    private var isReaped = false
    private var buffer = [UInt8](repeating: 0, count: 256 << 10)

    /// Blocking calls run on the program's own queue.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe queue.asUnownedSerialExecutor() }

    /// Starts a program.
    /// - Throws: `ProgramError` when the system refuses.
    public init(_ start: ProgramStart) throws(ProgramError) {
        let outputPipe = try Pipe()
        let complaintPipe: Pipe
        do {
            complaintPipe = try Pipe()
        } catch {
            outputPipe.close()
            throw error
        }
        defer {
            close(outputPipe.writing)
            close(complaintPipe.writing)
        }
        do {
            process = try start.spawn(output: outputPipe.writing, complaints: complaintPipe.writing)
        } catch {
            close(outputPipe.reading)
            close(complaintPipe.reading)
            throw error
        }
        (output, complaints) = (outputPipe.reading, complaintPipe.reading)
        // A kernel without it gives -1, which poll(2) passes over: the end is then seen a moment later.
        handle = medallion_open_process(process)
        // No secret may end in a core file. A program that has ended already has no limits to set.
        _ = medallion_forbid_core(process)
    }

    deinit {
        // Only where nobody called `end`, as after a programmer's mistake.
        if !isReaped {
            kill(-process, SIGKILL)
            var status: Int32 = 0
            while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
        }
        for descriptor in [output, complaints, handle] where descriptor >= 0 { close(descriptor) }
    }

    /// Waits for what the program does next.
    /// - Throws: `CancellationError` at most a tenth of a second after the task was cancelled.
    public func next(before deadline: ContinuousClock.Instant) throws -> ProgramEvent {
        while true {
            try Task.checkCancellation()
            let hasEnded = medallion_has_ended(process) != 0
            let left = deadline - .now
            if left <= .zero, !hasEnded { return .late }
            let wait = hasEnded ? 0 : max(1, min(100, Int32(left / .milliseconds(1))))
            var polled = [output, complaints, handle].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            guard unsafe poll(&polled, 3, wait) >= 0 else {
                precondition(errno == EINTR, "poll(2) refuses its arguments")
                continue
            }
            if polled[1].revents != 0, let bytes = read(&complaints) { return .complaint(bytes) }
            if polled[0].revents != 0, let bytes = read(&output) { return .output(bytes) }
            // A child of the program may hold the pipes open; what was written until now is all that counts.
            if hasEnded, polled[0].revents == 0, polled[1].revents == 0 { return .ended }
        }
    }

    /// Ends the whole process group: SIGTERM, then SIGKILL after `grace` at the latest.
    ///
    /// A program that ended by itself leaves behind nothing that is worth waiting for.
    /// - Returns: How the program ended, and what it complained about last.
    public func end(grace: Duration) -> (end: ProgramEnd, complaint: [UInt8]) {
        precondition(!isReaped, "a program is ended once")
        kill(-process, SIGTERM)
        let deadline = ContinuousClock.now + grace
        while medallion_has_ended(process) == 0, deadline > .now { usleep(5000) }
        kill(-process, SIGKILL)
        var status: Int32 = 0
        while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
        isReaped = true
        var polled = [pollfd(fd: complaints, events: Int16(POLLIN), revents: 0)]
        let rest = unsafe poll(&polled, 1, 0) > 0 ? read(&complaints) : nil
        // WIFEXITED, WEXITSTATUS and WTERMSIG of <sys/wait.h>.
        let signal = status & 0x7F
        return (signal == 0 ? .code(status >> 8 & 0xFF) : .signal(signal), rest ?? [])
    }

    /// The bytes at hand; nil, and the descriptor closed, at the end.
    private func read(_ descriptor: inout Int32) -> [UInt8]? {
        guard descriptor >= 0 else { return nil }
        let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
        if count > 0 { return Array(buffer[..<count]) }
        if count < 0, errno == EINTR { return nil }
        close(descriptor)
        descriptor = -1
        return nil
    }
}

/// A program that could not be started: which, and why.
public struct ProgramError: Error, Sendable, CustomStringConvertible {
    /// One line.
    public let description: String

    init(_ attempt: String, _ code: Int32) { description = "\(attempt): \(unsafe String(cString: strerror(code)))" }
}

/// Two descriptors that no other program inherits.
struct Pipe {
    let reading: Int32
    let writing: Int32

    init() throws(ProgramError) {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe2(&ends, O_CLOEXEC) == 0 else { throw ProgramError("cannot make a pipe", errno) }
        (reading, writing) = (ends[0], ends[1])
    }

    func close() {
        Glibc.close(reading)
        Glibc.close(writing)
    }
}

/// Runs an actor's jobs on a dispatch queue of its own; corelibs-libdispatch has no `DispatchSerialQueue` yet.
private final class ProgramQueue: SerialExecutor {
    private let queue = DispatchQueue(label: "medallion.program")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = unsafe asUnownedSerialExecutor()
        queue.async { unsafe job.runSynchronously(on: executor) }
    }
}
