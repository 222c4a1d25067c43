internal import Primitives

/// Tells which version each change of a key made, ended, or fell into. Pure.
struct ChangePlacement {
    /// What is known of a change.
    struct Candidate {
        var change: String
        /// From when it counts: as a rule its effective time, else its run's instant.
        var instant: Instant
        var run: UUIDValue
        var runTimestamp: Instant
        /// The hash of the columns that are overwritten in place, and of those whose change opens a version; nil for a
        /// delete and for a document that cannot be read any more.
        var overwritten: UUIDValue?
        var versioned: UUIDValue?
    }

    /// Where a change belongs: indexes into the versions, none for a change before all of them.
    struct Place {
        var versions: [Int]
        var effect: Trace.Effect
    }

    let versions: [Trace.Version]
    /// In the order in which they are true.
    let changes: [Candidate]
    /// `append`: what comes later is a duplicate, whatever it says.
    let keepsFirst: Bool
    /// `late_arrivals` other than splice: what is older than what was known when it came is left out.
    let leavesOutLate: Bool

    func places() -> [Place] {
        var previous: Candidate?
        return changes.map { change in
            if leavesOutLate, isLate(change) { return Place(versions: holder(of: change.instant), effect: .late) }
            let place = change.change == "delete" ? ended(by: change) : made(by: change, after: previous)
            if change.change != "delete" { previous = change }
            return place
        }
    }

    private func isLate(_ change: Candidate) -> Bool {
        changes.contains { $0.runTimestamp < change.runTimestamp && $0.instant > change.instant }
    }

    private func ended(by change: Candidate) -> Place {
        let ended = versions.indices.filter { versions[$0].isDeleted }
        let exact = ended.filter { versions[$0].validTo == change.instant }
        if !exact.isEmpty { return Place(versions: exact, effect: .closed) }
        // A delete before the start of its row closes it a microsecond behind that.
        let moved = ended.filter {
            versions[$0].updatedBy == change.run && versions[$0].validFrom >= change.instant
        }
        if !moved.isEmpty { return Place(versions: moved, effect: .closed) }
        return Place(versions: holder(of: change.instant), effect: .none)
    }

    private func made(by change: Candidate, after previous: Candidate?) -> Place {
        let ofRun = versions.indices.filter { versions[$0].run.id == change.run }
        let exact = ofRun.filter { versions[$0].validFrom == change.instant }
        if !exact.isEmpty { return Place(versions: exact, effect: .opened) }
        // A restore opens no earlier than the deletion, which may be later than its effective time.
        let moved = ofRun.first { index in
            versions[index].validFrom > change.instant
                && !changes.contains {
                    $0.change != "delete" && $0.run == change.run && $0.instant == versions[index].validFrom
                }
        }
        if let moved { return Place(versions: [moved], effect: .opened) }
        let same = versions.indices.filter { versions[$0].validFrom == change.instant }
        if let first = same.first {
            let isLater = change.runTimestamp > versions[first].run.timestamp
            return Place(versions: same, effect: isLater ? .corrected : .replaced)
        }
        let holder = holder(of: change.instant)
        return Place(versions: holder, effect: overwrites(change, previous, holder) ? .overwrote : .none)
    }

    private func overwrites(_ change: Candidate, _ previous: Candidate?, _ holder: [Int]) -> Bool {
        guard !keepsFirst, let index = holder.last else { return false }
        let isLast = versions[index].updatedBy == change.run
        guard let overwritten = change.overwritten, let previous, let before = previous.overwritten,
            change.versioned == previous.versioned
        else { return isLast }
        return overwritten != before
    }

    /// The version that held at the instant, or the one before the gap that it falls into.
    private func holder(of instant: Instant) -> [Int] {
        let began = versions.indices.filter { versions[$0].validFrom <= instant }
        guard let last = began.max(by: { versions[$0].validFrom < versions[$1].validFrom }) else { return [] }
        let start = versions[last].validFrom
        return [began.last { versions[$0].validFrom == start } ?? last]
    }
}
