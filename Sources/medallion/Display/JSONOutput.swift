import JSON
import Pipeline
import Primitives

/// What commands print with `--json`: one JSON value, pretty, members in the order in which they are named.
enum JSONOutput {
    static func print(_ rows: [JSONValue]) { print(.array(rows)) }

    static func print(_ value: JSONValue) { medallion.print(value.text(pretty: true)) }
}

extension JSONMember {
    static func text(_ name: String, _ value: String?) -> JSONMember {
        JSONMember(name, value.map { .string($0) } ?? .null)
    }

    static func number(_ name: String, _ value: Int) -> JSONMember { JSONMember(name, .number(String(value))) }

    static func decimal(_ name: String, _ value: Double?) -> JSONMember {
        JSONMember(name, value.map { .number("\($0)") } ?? .null)
    }

    static func instant(_ name: String, _ value: Instant?) -> JSONMember { text(name, value?.description) }
}

extension RowCounts {
    /// The counters under the names of the audit.
    var members: [JSONMember] {
        [
            .number("nr_records_in", input), .number("nr_records_inserted", inserted),
            .number("nr_records_updated", updated), .number("nr_records_deleted", deleted),
            .number("nr_records_absent", absent), .number("nr_records_unchanged", unchanged),
            .number("nr_records_duplicate", duplicate), .number("nr_records_late", late),
            .number("nr_records_rejected", rejected), .number("bytes_in", bytes),
        ]
    }
}

extension ProcessUsage {
    /// What the process used under the names of the audit, null where it was not measured.
    static func members(_ usage: ProcessUsage?) -> [JSONMember] {
        func number(_ value: Int?) -> JSONValue { value.map { .number(String($0)) } ?? .null }
        return [
            JSONMember("cpu_ms", number(usage?.cpuMilliseconds)),
            JSONMember("peak_memory_bytes", number(usage?.peakMemoryBytes)),
        ]
    }
}

/// `2026-11-21 02:40:42` in UTC; empty for none.
func shortTime(_ instant: Instant?) -> String {
    guard let instant else { return "" }
    return String(instant.description.prefix(19)).replacing("T", with: " ")
}

/// How long something took, or has taken when it still runs; empty where it did not begin.
func duration(from start: Instant, to end: Instant?) -> String {
    guard let end else { return "running" }
    return elapsed(Double(end.microseconds - start.microseconds) / 1_000_000)
}
