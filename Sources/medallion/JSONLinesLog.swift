import Foundation
import JSON
import Logging
import Primitives

/// Log lines as JSON objects on standard error: `{"time":…,"level":…,"message":…, dotted metadata keys…}`.
struct JSONLinesLog: LogHandler {
    let label: String
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    init(label: String) { self.label = label }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var members = [
            JSONMember("time", .string(SystemClock().now().description)),
            JSONMember("level", .string(event.level.rawValue)), JSONMember("logger", .string(label)),
            JSONMember("message", .string("\(event.message)")),
        ]
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        for key in all.keys.sorted() { members.append(JSONMember(key, .string("\(all[key] ?? "")"))) }
        MaskedStandardError().write(JSONValue.object(members).text() + "\n")
    }
}
