import Foundation
import Synchronization
import TestKit
import Testing

@Suite struct FileChangeTests {
    /// Gives a file one modification time after the other until it is told to stop.
    private final class RestlessWriter: Sendable {
        private let isDone = Atomic<Bool>(false)
        private let hasStarted = DispatchSemaphore(value: 0)
        private let hasEnded = DispatchSemaphore(value: 0)

        init(path: String) {
            Thread.detachNewThread { [self] in
                var second = 1_000_000
                while !isDone.load(ordering: .relaxed) {
                    second += 1
                    let times = [timespec(tv_sec: second, tv_nsec: 0), timespec(tv_sec: second, tv_nsec: 0)]
                    utimensat(AT_FDCWD, path, times, 0)
                    hasStarted.signal()
                }
                hasEnded.signal()
            }
        }

        func started() { hasStarted.wait() }

        func stop() {
            isDone.store(true, ordering: .relaxed)
            hasEnded.wait()
        }
    }

    @Test(
        "A file that changes while it is read is no payload, whatever its bytes look like",
        arguments: [("big.jsonl", "{\"id\":1}\n"), ("big.json.gz", "not gzip ")])
    func changed(name: String, line: String) async throws {
        let scene = try FileScene([name: String(repeating: line, count: 500_000)])
        let expected =
            "file ROOT/\(name): it changed while it was read; "
            + "let its writer use another name and rename it when it is complete"
        // The writer may not get a turn within one reading; it does within a few.
        for _ in 1...200 {
            let again = try FileScene(root: scene.root)
            let failure = await landing(again, name)
            if failure == expected { return #expect(try again.landed.names() == []) }
        }
        Issue.record("no change was noticed in 200 readings")
    }

    private func landing(_ scene: FileScene, _ name: String) async -> String {
        let writer = RestlessWriter(path: scene.root.path(of: name))
        writer.started()
        defer { writer.stop() }
        return await scene.failure("{\"path\": \"\(name)\"}")
    }
}
