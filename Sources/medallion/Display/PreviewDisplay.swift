import Pipeline

/// What `medallion plan --data` prints.
enum PreviewDisplay {
    static func text(_ outcomes: [Preview.BatchOutcome], of entity: String) -> String {
        guard !outcomes.isEmpty else {
            return "no batch of \(entity) is waiting; land one with 'medallion run --entity \(entity) --layer raw'"
        }
        var lines: [String] = []
        for outcome in outcomes {
            lines.append("batch of run \(outcome.run.id), \(outcome.run.timestamp)")
            if let counts = outcome.bronze { lines.append("  bronze  " + RunSummary.counts(counts)) }
            lines.append("  silver  " + RunSummary.counts(outcome.silver))
            if let objection = outcome.objection { lines.append("  a run would block it: \(objection)") }
            lines += outcome.samples.map { "    \($0)" }
        }
        lines.append("Nothing was changed.")
        return lines.joined(separator: "\n")
    }
}
