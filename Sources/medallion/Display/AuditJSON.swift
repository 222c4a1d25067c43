import JSON
import Metadata
import Pipeline
import Primitives

extension RunRow {
    /// The run for programs, under the names of the audit.
    var members: [JSONMember] {
        [
            .text("run_id", run.id.description), .instant("run_timestamp", run.timestamp),
            .text("system_id", system.rawValue), .text("status", status), .text("trigger_type", trigger),
            .text("trigger_ref", triggerReference), .instant("started_at", startedAt),
            .instant("finished_at", finishedAt), .number("nr_entities_succeeded", succeeded),
            .number("nr_entities_failed", failed), .number("nr_entities_skipped", skipped), .text("host", host),
            .number("pid", processID), .text("app_version", appVersion), .text("error_message", error),
        ]
    }
}

extension BatchRow {
    /// The batch for programs, under the names of the audit.
    var json: JSONValue {
        .object([
            .text("run_id", run.id.description), .instant("run_timestamp", run.timestamp),
            .text("system_id", entity.system.rawValue), .text("entity_name", entity.name),
            .text("load_type", loadType), .text("state", state), .text("state_reason", reason),
            .number("nr_files", files), .number("nr_records", records), .text("same_as", sameAs?.description),
            .instant("landed_at", landedAt),
        ])
    }
}

extension CursorRow {
    /// The cursor for programs, under the names of the audit.
    var json: JSONValue {
        .object([
            .text("system_id", entity.system.rawValue), .text("entity_name", entity.name),
            .text("cursor_value", value), JSONMember("reset", .bool(isReset)), .text("set_by", setBy),
            .text("run_id", run.description), .instant("recorded_at", recordedAt),
        ])
    }
}

extension RejectRow {
    /// The rejects for programs.
    var json: JSONValue {
        .object([
            .text("entity", entity.description), .text("layer", layer), .text("column_name", column),
            .text("reason", reason), .number("nr_records", records), .text("first", firstPlace),
        ])
    }
}
