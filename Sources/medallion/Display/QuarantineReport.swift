import JSON
import Metadata
import Pipeline
import Primitives

/// The quarantine, for people.
enum QuarantineReport {
    static func text(_ records: [QuarantinedRecord], limit: Int) -> String {
        guard !records.isEmpty else { return "nothing is in quarantine" }
        var table = TextTable(
            "entity", "run", "landed", "layer", "file", "record", "column", "reason", "value", "resolved")
        for record in records {
            table.add(
                "\(record.entity)", "\(record.run.id)", shortTime(record.run.timestamp), record.layer,
                String(record.file), String(record.record), record.column ?? "", record.reason, record.excerpt ?? "",
                record.resolution ?? "")
        }
        let more = records.count == limit ? "\nthe first \(grouped(limit)); more with --limit" : ""
        return "\(table.text)\(more)"
    }

    /// The line above a record.
    static func head(_ record: QuarantinedRecord) -> String {
        let column = record.column.map { "column \($0) " } ?? ""
        let resolved = record.resolution.map { "; \($0) in run \(record.resolvedBy?.description ?? "")" } ?? ""
        return "-- file \(record.file), record \(record.record): \(column)\(record.reason) (\(record.layer))\(resolved)"
    }

    /// What a retry came to.
    static func text(_ outcomes: [QuarantineRetry.Outcome], _ reports: [RunReport]) -> String {
        var lines = outcomes.map { outcome in
            var line =
                "\(outcome.entity): \(grouped(outcome.accepted)) accepted, \(grouped(outcome.superseded)) superseded by "
                + "something newer, \(grouped(outcome.stillRejected)) still rejected"
            if outcome.postponed > 0 {
                line +=
                    ", \(grouped(outcome.postponed)) more than one retry takes, or of another file format: retry once more"
            }
            return line
        }
        for report in reports {
            lines += report.steps.filter { $0.status == .failed || !$0.warnings.isEmpty }.flatMap { step in
                step.warnings.map { "\(step.layer.rawValue) \(step.entity) \($0)" }
                    + (step.status == .failed ? [RunSummary.line(step)] : [])
            }
            if let run = report.run { lines.append("\(report.system): run \(run.id) \(report.status.rawValue)") }
        }
        return lines.isEmpty
            ? "nothing to retry: bronze rejected nothing that is not resolved" : lines.joined(separator: "\n")
    }
}

extension QuarantinedRecord {
    /// The record for programs, under the names of the audit.
    var json: JSONValue {
        .object([
            .text("run_id", run.id.description), .instant("run_timestamp", run.timestamp),
            .text("system_id", entity.system.rawValue), .text("entity_name", entity.name), .text("layer", layer),
            .number("raw_file", file), .number("record_no", record), .text("column_name", column),
            .text("reason", reason), .text("excerpt", excerpt), .text("resolution", resolution),
            .text("resolved_by_run_id", resolvedBy?.description),
        ])
    }
}
