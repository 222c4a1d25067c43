extension Task where Failure == Never {
    /// What it came to; whoever waits ends it when he is cancelled.
    package var endingValue: Success {
        get async {
            await withTaskCancellationHandler {
                await value
            } onCancel: {
                cancel()
            }
        }
    }
}

extension Task where Failure == any Error {
    /// What it came to; whoever waits ends it when he is cancelled.
    package var endingValue: Success {
        get async throws {
            try await withTaskCancellationHandler {
                try await value
            } onCancel: {
                cancel()
            }
        }
    }
}
