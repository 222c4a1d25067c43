internal import Metadata
internal import Postgres
internal import Primitives

extension RunStart {
    /// The instant of a run that nobody asked to have at another one.
    func nextInstant() async throws -> Instant {
        guard let instant = try await instant(RunRequest()) else {
            preconditionFailure("a run without a requested instant always gets one")
        }
        return instant
    }

    /// One run from its row to its end: opened, worked on, and closed whatever came of the work.
    func conduct(
        _ request: RunRequest, at instant: Instant, trigger: TriggerType, reference: String? = nil,
        ifStopped: String = "stopped before it was done; run again to go on",
        _ work: (RunLedger) async throws -> Void
    ) async throws -> RunReport {
        let identity = RunIdentity(id: newID(), timestamp: instant)
        let ledger = try await open(identity, request, trigger: trigger, triggerReference: reference)
        var failure: (any Error)?
        do {
            try await work(ledger)
        } catch {
            failure = error
        }
        let isStopped = failure is CancellationError
        // A failed step has said it; the run's own line would only say it again.
        let message = failure is LayerFailure ? nil : failure.map { isStopped ? ifStopped : "\($0)" }
        let written: Result<RunReport, any Error> = await uncancelled {
            do { return .success(try await ledger.finish(cancelled: isStopped, error: message)) } catch {
                return .failure(error)
            }
        }
        var report = try written.get()
        if failure is PostgresError { report.isInfrastructure = true }
        return report
    }
}
