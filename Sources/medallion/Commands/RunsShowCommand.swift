import ArgumentParser
import JSON
import Metadata
import Pipeline
import Primitives

/// `medallion runs show`.
struct RunsShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "One run: every entity and layer with counts, rates, memory, errors and rejects.",
        discussion: """
            Examples:
              medallion runs show 019a93c5
              medallion runs show 019a93c5-8e7b-7d10-b1f2-0c6a4d5e6f70 --json
            """)

    @OptionGroup var options: GlobalOptions

    @Argument(help: "The run's id, or a beginning of it.")
    var run: String

    @Flag(help: "Print JSON instead of text.")
    var json = false

    mutating func run() async throws {
        let text = run
        let (run, steps, rejects) = try await Composition(options: options).withDatabase { pool in
            let audit = AuditQueries(pool: pool)
            let run = try await audit.run(matching: text)
            return (run, try await audit.steps(of: run.run.id), try await audit.rejects(of: run.run.id))
        }
        guard !json else {
            return JSONOutput.print(
                .object(
                    run.members + [
                        JSONMember("steps", .array(steps.map(\.json))),
                        JSONMember("rejects", .array(rejects.map(\.json))),
                    ]))
        }
        print(header(run))
        let table = table(steps)
        if !table.rows.isEmpty { print("\n\(table.withoutEmptyColumns.text)") }
        for step in steps {
            guard let error = step.error else { continue }
            print("\n\(step.layer.rawValue) \(step.entity), \(step.errorKind ?? "error"): \(error)")
        }
        guard !rejects.isEmpty else { return }
        print("\nrejected records")
        for reject in rejects {
            let column = reject.column.map { ", column \($0)" } ?? ""
            print(
                "  \(reject.layer) \(reject.entity)\(column): \(grouped(reject.records)) × \(reject.reason) "
                    + "(first: \(reject.firstPlace))")
        }
    }

    private func header(_ run: RunRow) -> String {
        var lines = [
            "run        \(run.run.id)", "system     \(run.system)", "status     \(run.status)",
            "instant    \(run.run.timestamp)",
            "started    \(run.startedAt), \(duration(from: run.startedAt, to: run.finishedAt))",
            "trigger    \(run.trigger)\(run.triggerReference.map { ": \($0)" } ?? "")",
            "process    \(run.processID) on \(run.host), medallion \(run.appVersion)",
        ]
        if let error = run.error { lines.append("error      \(error)") }
        return lines.joined(separator: "\n")
    }

    private func table(_ steps: [StepRow]) -> TextTable {
        var table = TextTable(
            "entity", "layer", "try", "status", "load", "in", "inserted", "updated", "deleted", "unchanged",
            "duplicate", "late", "rejected", "records/s", "MB/s", "peak memory", "cpu", "time")
        for step in steps {
            func cell(_ value: Int) -> String { value == 0 ? "" : grouped(value) }
            let counts = step.counts
            table.add(
                "\(step.entity)", step.layer.rawValue, String(step.attempt),
                step.skipReason.map { "skipped: \($0)" } ?? step.status, step.loadType ?? "", cell(counts.input),
                cell(counts.inserted), cell(counts.updated), cell(counts.deleted), cell(counts.unchanged),
                cell(counts.duplicate), cell(counts.late), cell(counts.rejected),
                step.recordsPerSecond.map { grouped(whole($0)) } ?? "", step.bytesPerSecond.map(megabytes) ?? "",
                peakMemory(step.usage), step.usage.map { elapsed(Double($0.cpuMilliseconds) / 1000) } ?? "",
                duration(from: step.startedAt, to: step.finishedAt))
        }
        return table
    }
}
