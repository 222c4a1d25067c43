import Foundation
import TestKit
import Testing

@testable import Postgres

@Suite("The memory of the machine")
struct MachineMemoryTests {
    @Test("gives the private server's shared buffers a sixteenth, within bounds")
    func sharedBuffers() {
        let sizes: [UInt64] = [1 << 29, 4 << 30, 8 << 30, 24 << 30]
        #expect(sizes.map(MachineMemory.sharedBuffers) == [128, 256, 512, 1_024])
    }

    @Test("is what the control group allows, where that is less")
    func controlGroup() throws {
        let folder = try TemporaryFolder()
        let machine = ProcessInfo.processInfo.physicalMemory
        for (text, bytes) in [("1073741824\n", 1 << 30), ("max\n", machine), ("9223372036854771712\n", machine)] {
            try folder.write(text, to: "memory.max")
            #expect(MachineMemory.bytes(limit: folder.path(of: "memory.max")) == min(bytes, machine))
        }
        #expect(MachineMemory.bytes(limit: folder.path(of: "none")) == machine)
    }
}
