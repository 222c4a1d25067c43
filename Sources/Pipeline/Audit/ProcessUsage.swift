#if canImport(Glibc)
    internal import Glibc
#endif
internal import Synchronization

/// What the process used during a step. Steps that run side by side share it: it cannot be told apart.
public struct ProcessUsage: Sendable, Hashable {
    /// The most resident memory at any moment, in bytes.
    public var peakMemoryBytes: Int
    /// Time on the processors, user and system, in milliseconds; without programs that it started.
    public var cpuMilliseconds: Int
}

/// Measures steps that overlap in one process by the one mark that the kernel keeps of its memory.
///
/// The mark is set back when a step begins, after all steps under way were handed what it showed. So it never tells of a
/// time before the youngest step, and each step has the highest mark of its own time. Nothing runs in between.
///
/// The mark is the kernel's only one: who looks at the process from outside (wait4(2), time(1)) sees the peak since the
/// last step began. Where it cannot be set back, peaks are those since the process began.
final class UsageMeter: Sendable {
    /// Where the readings come from.
    struct Source: Sendable {
        /// The kernel's mark, in bytes.
        var peakMemory: @Sendable () -> Int
        /// Sets the mark back to what is resident now.
        var resetPeak: @Sendable () -> Void
        /// Processor time since the process began, in microseconds.
        var cpu: @Sendable () -> Int

        static let process = Source(
            peakMemory: { ProcessFiles.peakMemory() ?? ProcessFiles.lifetimePeakMemory() },
            resetPeak: { ProcessFiles.resetPeakMemory() }, cpu: { ProcessFiles.cpu() })
    }

    /// One step's share of the meter, from its beginning until nobody holds it any more.
    final class Measurement: Sendable {
        private let meter: UsageMeter
        private let number: Int
        private let cpuAtStart: Int

        fileprivate init(_ meter: UsageMeter, number: Int) {
            self.meter = meter
            self.number = number
            cpuAtStart = meter.source.cpu()
        }

        deinit { meter.end(number) }

        /// What was used from the beginning until now.
        func read() -> ProcessUsage {
            ProcessUsage(
                peakMemoryBytes: meter.peak(of: number),
                cpuMilliseconds: (meter.source.cpu() - cpuAtStart) / 1000)
        }
    }

    /// The meter of this process: two of them would set back each other's mark.
    static let process = UsageMeter(.process)

    private struct State {
        /// The highest mark so far of each measurement under way.
        var peaks: [Int: Int] = [:]
        var lastNumber = 0

        mutating func hand(out peak: Int) {
            for number in peaks.keys { peaks[number] = max(peaks[number, default: 0], peak) }
        }
    }

    private let source: Source
    private let state = Mutex(State())

    init(_ source: Source) { self.source = source }

    /// Begins to measure.
    func begin() -> Measurement {
        let number = state.withLock { state in
            if !state.peaks.isEmpty { state.hand(out: source.peakMemory()) }
            source.resetPeak()
            state.lastNumber += 1
            state.peaks[state.lastNumber] = 0
            return state.lastNumber
        }
        return Measurement(self, number: number)
    }

    private func peak(of number: Int) -> Int {
        state.withLock { state in
            state.hand(out: source.peakMemory())
            return state.peaks[number, default: 0]
        }
    }

    private func end(_ number: Int) { state.withLock { $0.peaks[number] = nil } }
}

/// What the kernel tells a process about itself (proc(5), getrusage(2)).
private enum ProcessFiles {
    /// `VmHWM` of /proc/self/status, in bytes; nil where there is none.
    static func peakMemory() -> Int? {
        let file = open("/proc/self/status", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        return withUnsafeTemporaryAllocation(byteCount: 8192, alignment: 1) { buffer in
            let count = read(file, buffer.baseAddress, buffer.count)
            guard count > 0 else { return nil }
            return kilobytes(after: Array("VmHWM:".utf8), in: buffer[..<count]).map { $0 * 1024 }
        }
    }

    private static func kilobytes(after name: [UInt8], in text: Slice<UnsafeMutableRawBufferPointer>) -> Int? {
        for line in text.split(separator: UInt8(ascii: "\n")) where line.starts(with: name) {
            let digits = line.drop { !(48...57).contains($0) }.prefix { (48...57).contains($0) }
            return Int(String(decoding: digits, as: UTF8.self))
        }
        return nil
    }

    /// Writes 5 to /proc/self/clear_refs: `VmHWM` is then what is resident now.
    static func resetPeakMemory() {
        let file = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        defer { close(file) }
        // Where it is refused, the mark stays as it is: too high, never too low.
        _ = write(file, "5", 1)
    }

    /// The most since the process began, in bytes.
    static func lifetimePeakMemory() -> Int { usage().ru_maxrss * 1024 }

    /// User and system time, in microseconds.
    static func cpu() -> Int {
        let usage = usage()
        let seconds = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec
        return seconds * 1_000_000 + Int(usage.ru_utime.tv_usec) + Int(usage.ru_stime.tv_usec)
    }

    private static func usage() -> rusage {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage
    }
}
