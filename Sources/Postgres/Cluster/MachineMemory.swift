import Foundation

/// The memory that a private server may count on.
enum MachineMemory {
    /// Bytes: the machine's, or what the control group of this process allows where that is less. Source: cgroups(7).
    static func bytes(limit path: String = "/sys/fs/cgroup/memory.max") -> UInt64 {
        let machine = ProcessInfo.processInfo.physicalMemory
        // Without a limit the file says "max"; without control groups there is none.
        guard let text = try? String(contentsOfFile: path, encoding: .utf8),
            let limit = UInt64(text.trimmingCharacters(in: .whitespacesAndNewlines))
        else { return machine }
        return min(machine, limit)
    }

    /// Megabytes of it for the server's shared buffers: a sixteenth, 128 to 1,024. What a batch touches in tables of ten million rows
    /// stays in them.
    static func sharedBuffers(of bytes: UInt64) -> Int { min(1_024, max(128, Int(bytes >> 20) / 16)) }
}
