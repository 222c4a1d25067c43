import Dispatch

/// Runs an actor's jobs on a queue of its own, so that a blocking libpq call holds no thread of Swift's pool,
/// which is only as wide as the machine has cores.
final class SerialQueueExecutor: SerialExecutor {
    private let queue: DispatchQueue

    init(label: String) { queue = DispatchQueue(label: label) }

    func enqueue(_ job: consuming ExecutorJob) {
        // The runtime's documented way to hand a job to a queue: it runs there once, on this executor.
        let job = UnownedJob(job)
        let executor = unsafe asUnownedSerialExecutor()
        queue.async { unsafe job.runSynchronously(on: executor) }
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor { unsafe UnownedSerialExecutor(ordinary: self) }
}
