public import ConnectorKit
import Logging
import Metadata

extension ConnectorContext {
    /// A context for a test: a project's folder, secrets, and a record of what is logged.
    public static func test(
        system: String = "test", project: String = "/nowhere", environment: [String: String] = [:],
        secrets: [String: String] = [:], log: LogRecord = LogRecord()
    ) -> ConnectorContext {
        ConnectorContext(
            system: SystemID(rawValue: system), projectFolder: project, environment: environment,
            secrets: FixedSecretStore(secrets),
            logger: Logger(label: "test") { _ in RecordingLogHandler(record: log) })
    }
}

/// Writes every event, metadata included, into a record.
private struct RecordingLogHandler: LogHandler {
    let record: LogRecord
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]

    init(record: LogRecord) { self.record = record }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let extra = metadata.merging(event.metadata ?? [:]) { $1 }
        record.append("\(event.level) \(event.message) \(extra)")
    }
}
