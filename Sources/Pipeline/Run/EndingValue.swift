extension Task where Failure == Never {
    /// What it came to; whoever waits ends it when he is cancelled.
    var endingValue: Success {
        get async {
            await withTaskCancellationHandler {
                await value
            } onCancel: {
                cancel()
            }
        }
    }
}
