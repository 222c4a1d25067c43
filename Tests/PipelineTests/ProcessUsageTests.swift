import Synchronization
import Testing

@testable import Pipeline

/// A kernel whose numbers a test sets.
private final class Kernel: Sendable {
    private struct State {
        var (resident, mark, cpu) = (0, 0, 0)
    }

    private let state = Mutex(State())
    private let resets: Bool

    init(resets: Bool = true) { self.resets = resets }

    func uses(memory: Int, cpu: Int = 0) {
        state.withLock { state in
            state.resident = memory
            state.mark = max(state.mark, memory)
            state.cpu += cpu
        }
    }

    var source: UsageMeter.Source {
        UsageMeter.Source(
            peakMemory: { self.state.withLock(\.mark) },
            resetPeak: { self.state.withLock { if self.resets { $0.mark = $0.resident } } },
            cpu: { self.state.withLock(\.cpu) })
    }
}

@Suite("What the process uses during a step")
struct ProcessUsageTests {
    @Test("is the most memory of each step's own time, however the steps overlap")
    func overlapping() {
        let kernel = Kernel()
        let meter = UsageMeter(kernel.source)
        kernel.uses(memory: 900)
        kernel.uses(memory: 100)
        let first = meter.begin()
        #expect(first.read().peakMemoryBytes == 100)
        kernel.uses(memory: 500)
        kernel.uses(memory: 200)
        let second = meter.begin()
        kernel.uses(memory: 300)
        kernel.uses(memory: 250)
        let third = meter.begin()
        #expect([first, second, third].map { $0.read().peakMemoryBytes } == [500, 300, 250])
        kernel.uses(memory: 400)
        kernel.uses(memory: 50)
        let fourth = meter.begin()
        #expect([first, second, third, fourth].map { $0.read().peakMemoryBytes } == [500, 400, 400, 50])
    }

    @Test("is not less than it was where the kernel's mark cannot be set back")
    func withoutReset() {
        let kernel = Kernel(resets: false)
        let meter = UsageMeter(kernel.source)
        kernel.uses(memory: 900)
        kernel.uses(memory: 100)
        let step = meter.begin()
        #expect(step.read().peakMemoryBytes == 900)
        kernel.uses(memory: 1000)
        #expect(step.read().peakMemoryBytes == 1000)
    }

    @Test("is processor time since the step began, in whole milliseconds")
    func processorTime() {
        let kernel = Kernel()
        let meter = UsageMeter(kernel.source)
        kernel.uses(memory: 1, cpu: 5_000_000)
        let first = meter.begin()
        kernel.uses(memory: 1, cpu: 1500)
        let second = meter.begin()
        kernel.uses(memory: 1, cpu: 2_001_000)
        #expect([first, second].map { $0.read().cpuMilliseconds } == [2002, 2001])
    }

    @Test("is what the kernel tells: memory of a step that ended is not told of the next, work is")
    func real() {
        let size = 256 << 20
        let before = UsageMeter.process.begin()
        let around = UsageMeter.process.begin()
        let start = before.read().peakMemoryBytes
        // A sum that depends on every page, so that none is left out.
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
        for page in stride(from: 0, to: size, by: 4096) { memory[page] = UInt8(truncatingIfNeeded: page >> 12) }
        let sum = stride(from: 0, to: size, by: 4096).reduce(0) { $0 + Int(memory[$1]) }
        memory.deallocate()
        #expect(sum == (size >> 20) * 255 * 128)
        let after = UsageMeter.process.begin()
        let (during, later) = (around.read(), after.read())
        #expect(start > 1 << 20)
        #expect(during.peakMemoryBytes >= start + size / 2)
        #expect(later.peakMemoryBytes <= during.peakMemoryBytes - size / 2)
        #expect(during.cpuMilliseconds > 0 && later.cpuMilliseconds < during.cpuMilliseconds)
    }
}
