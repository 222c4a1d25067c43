import Metadata
import Pipeline
import Primitives

/// What a run came to, for people.
enum RunSummary {
    /// One finished step in a line.
    static func line(_ step: StepReport) -> String {
        let name = "\(step.layer.rawValue) \(step.entity)"
        guard step.status != .failed, step.status != .cancelled else {
            return "\(name) \(step.status.rawValue): \(step.error ?? "no reason was kept")"
        }
        if let reason = step.skipReason { return "\(name) skipped: \(reason.rawValue)" }
        let nothing = step.layer == .gold ? "built" : "nothing to do"
        return "\(name): \(counts(step.counts, nothing: nothing)) in \(elapsed(step.seconds))"
    }

    /// `3 in, 1 inserted, 2 unchanged`.
    static func counts(_ counts: RowCounts, nothing: String = "nothing to do") -> String {
        let words = counters(counts).filter { $0.value > 0 }.map { "\(grouped($0.value)) \($0.name)" }
        return words.isEmpty ? nothing : words.joined(separator: ", ")
    }

    private static func counters(_ counts: RowCounts) -> [(name: String, value: Int)] {
        [
            ("in", counts.input), ("inserted", counts.inserted), ("updated", counts.updated),
            ("deleted", counts.deleted),
            ("unchanged", counts.unchanged), ("duplicate", counts.duplicate), ("late", counts.late),
            ("rejected", counts.rejected),
        ]
    }

    /// The closing table: counts per entity and layer, then errors, then where to look next.
    static func text(_ reports: [RunReport]) -> String {
        var table = TextTable(
            header: [
                "entity", "layer", "status", "in", "inserted", "updated", "deleted", "unchanged", "duplicate", "late",
                "rejected", "records/s", "MB/s", "peak memory", "time",
            ])
        // The last attempt of each step counts.
        var seen: Set<String> = []
        let steps = reports.flatMap(\.steps).reversed()
            .filter { seen.insert("\($0.entity) \($0.layer.rawValue)").inserted }
            .sorted {
                ($0.entity.system == .gold ? 1 : 0, $0.entity, $0.layer) < (
                    $1.entity.system == .gold ? 1 : 0, $1.entity, $1.layer
                )
            }
        for step in steps where step.skipReason != .noInput {
            let counts = step.counts
            func cell(_ value: Int) -> String { step.status == .succeeded && value > 0 ? grouped(value) : "" }
            // Of less time a rate says nothing.
            let isTimed = step.seconds > 0.05
            let rate = isTimed ? whole(Double(counts.input) / step.seconds) : 0
            let hasBytes = isTimed && step.status == .succeeded && counts.bytes > 0
            table.rows.append([
                "\(step.entity)", step.layer.rawValue,
                step.skipReason.map { "skipped: \($0.rawValue)" } ?? step.status.rawValue, cell(counts.input),
                cell(counts.inserted), cell(counts.updated), cell(counts.deleted), cell(counts.unchanged),
                cell(counts.duplicate), cell(counts.late), cell(counts.rejected), cell(rate),
                hasBytes ? megabytes(Double(counts.bytes) / step.seconds) : "", peakMemory(step.usage),
                elapsed(step.seconds),
            ])
        }
        let quiet = steps.count { $0.skipReason == .noInput }
        var text = table.rows.isEmpty ? "" : "\n\(table.withoutEmptyColumns.text)\n"
        if quiet > 0 { text += "\(quiet) \(quiet == 1 ? "step" : "steps") had nothing to do.\n" }
        for step in steps where step.status == .failed { text += "\n" + line(step) + "\n" }
        let warnings = steps.flatMap { step in step.warnings.map { "\(step.layer.rawValue) \(step.entity) \($0)\n" } }
        if !warnings.isEmpty { text += "\n" + warnings.joined() }
        for report in reports {
            guard let run = report.run else { continue }
            text += "\n\(report.system): run \(run.id) \(report.status.rawValue)"
            if let reason = report.skipReason { text += " (\(reason.rawValue))" }
            if let error = report.error { text += ": \(error)" }
        }
        return text + next(reports)
    }

    private static func next(_ reports: [RunReport]) -> String {
        guard let run = reports.first(where: { $0.system != .gold && $0.status != .skipped })?.run ?? reports.first?.run
        else { return "\nNothing to run: no active system was selected; see 'medallion status'.\n" }
        let rejected = reports.flatMap(\.steps).contains { $0.counts.rejected > 0 }
        var lines = ["medallion runs show \(run.id)   this run in detail"]
        if rejected {
            lines.append("medallion quarantine list   what was rejected, and why")
        }
        lines.append("medallion db psql   query audit, silver and gold")
        return "\n\nNext:\n" + lines.map { "  \($0)\n" }.joined()
    }
}

/// Millions of bytes: `0.24`, `3.40`, `13,600`.
func megabytes(_ bytes: Double) -> String {
    let hundredths = whole(bytes / 10_000)
    guard hundredths < 1000 else { return grouped((hundredths + 50) / 100) }
    return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
}

/// `41 MB`; empty where it was not measured.
func peakMemory(_ usage: ProcessUsage?) -> String {
    usage.map { "\(grouped(whole(Double($0.peakMemoryBytes) / 1_000_000))) MB" } ?? ""
}

/// Rounded; of what is larger than people read, the largest.
func whole(_ number: Double) -> Int { Int(min(number, 1e15).rounded()) }
