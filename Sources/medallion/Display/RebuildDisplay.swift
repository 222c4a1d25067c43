import Pipeline

/// What `medallion rebuild` prints.
struct RebuildDisplay {
    let report: Rebuild.Report
    let entity: String
    let verifies: Bool

    func show() {
        for step in report.run.steps { if let error = step.error { return print("\(entity): \(error)") } }
        if let error = report.run.error { return print("\(entity): \(error)") }
        guard report.differs else {
            return print("\(entity): all \(report.same) rows are what the replay gives")
        }
        let differing = "\(report.missing) missing, \(report.changed) different, \(report.surplus) too many"
        print("\(entity): \(report.same) rows are right, \(differing)" + (verifies ? "" : ": mended"))
        for line in report.samples { print("  \(line)") }
        let rest = report.missing + report.changed + report.surplus - report.samples.count
        if rest > 0 { print("  and \(rest) more") }
        if !report.explanations.isEmpty {
            print("The metadata changed meanwhile, which explains differences:")
            for line in report.explanations { print("  \(line)") }
        }
        for step in report.gold?.steps ?? [] where step.skipReason == nil { print(RunSummary.line(step)) }
        if verifies { print("Nothing was changed; 'medallion rebuild \(entity)' applies the difference.") }
    }
}
