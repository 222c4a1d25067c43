public import Logging
import Synchronization

/// Keeps every line that was logged, with its metadata.
public final class RecordedLog: Sendable {
    private let lines = Mutex<[String]>([])

    /// An empty log.
    public init() {}

    /// Every line so far.
    public var text: String { lines.withLock { $0.joined(separator: "\n") } }

    /// A logger of every level that writes here.
    public var logger: Logger { Logger(label: "recorded") { _ in RecordingLogHandler(record: self) } }

    fileprivate func append(_ line: String) { lines.withLock { $0.append(line) } }
}

/// Writes every event, metadata included, into a record.
private struct RecordingLogHandler: LogHandler {
    let record: RecordedLog
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]

    init(record: RecordedLog) { self.record = record }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let extra = metadata.merging(event.metadata ?? [:]) { $1 }
        record.append("\(event.level) \(event.message) \(extra)")
    }
}
