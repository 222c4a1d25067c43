import JSON
import Metadata
import Pipeline
import Primitives

/// Run events as JSON lines: `{"time":…,"event":"step_finished","layer":"silver","entity":"iso.countries",…}`.
enum EventJSON {
    static func line(_ event: RunEvent, at now: Instant) -> String {
        let (name, members): (String, [JSONMember]) =
            switch event {
            case .runStarted(let system, let run):
                (
                    "run_started",
                    [
                        text("system", system.rawValue), text("run_id", run.id.description),
                        text("run_timestamp", run.timestamp.description),
                    ]
                )
            case .stepStarted(let layer, let entity, let attempt):
                (
                    "step_started",
                    [
                        text("layer", layer.rawValue), text("entity", entity.description),
                        number("attempt", attempt),
                    ]
                )
            case .progress(let layer, let entity, let records):
                (
                    "progress",
                    [
                        text("layer", layer.rawValue), text("entity", entity.description),
                        number("records", records),
                    ]
                )
            case .stepFinished(let step): ("step_finished", finished(step))
            case .runFinished(let report): ("run_finished", finished(report))
            case .notice(let message): ("notice", [text("message", message)])
            }
        return JSONValue.object([text("time", now.description), text("event", name)] + members).text()
    }

    private static func finished(_ step: StepReport) -> [JSONMember] {
        [
            text("layer", step.layer.rawValue), text("entity", step.entity.description),
            text("status", step.status.rawValue), number("in", step.counts.input),
            number("inserted", step.counts.inserted), number("updated", step.counts.updated),
            number("deleted", step.counts.deleted), number("absent", step.counts.absent),
            number("unchanged", step.counts.unchanged), number("duplicate", step.counts.duplicate),
            number("late", step.counts.late), number("rejected", step.counts.rejected),
            number("bytes", step.counts.bytes), JSONMember("seconds", .number("\(step.seconds)")),
            JSONMember("skip_reason", step.skipReason.map { .string($0.rawValue) } ?? .null),
            JSONMember("error", step.error.map { .string($0) } ?? .null),
        ] + ProcessUsage.members(step.usage)
    }

    private static func finished(_ report: RunReport) -> [JSONMember] {
        [
            text("system", report.system.rawValue), text("run_id", report.run?.id.description ?? ""),
            text("status", report.status.rawValue),
            JSONMember("skip_reason", report.skipReason.map { .string($0.rawValue) } ?? .null),
            JSONMember("error", report.error.map { .string($0) } ?? .null),
        ]
    }

    private static func text(_ name: String, _ value: String) -> JSONMember { JSONMember(name, .string(value)) }
    private static func number(_ name: String, _ value: Int) -> JSONMember { JSONMember(name, .number(String(value))) }
}
