import Pipeline
import Primitives

/// A trace for people: what the key is, then each version with what made it.
struct TraceReport {
    let trace: Trace
    /// Only what was true then, where it is given.
    let instant: Instant?
    /// Paths below it are shown from there.
    let folder: String
    /// Columns of a line; nil for lines as long as they are.
    let width: Int?

    private static let indent = "            "

    var text: String {
        var blocks = [header]
        let shown = instant.map { instant in trace.versions.filter { $0.holds(at: instant) } } ?? trace.versions
        blocks += shown.map(version)
        if instant == nil {
            if !trace.loose.isEmpty {
                blocks.append(
                    "changes without a version\n" + trace.loose.map { change($0, run: nil) }.joined(separator: "\n"))
            }
            blocks += trace.rejects.map(reject)
        }
        return blocks.joined(separator: "\n\n")
    }

    // MARK: Header

    private var header: String {
        let key = trace.key.map { "\($0.column) = \(readable($0.value))" }.joined(separator: ", ")
        var lines = ["\(trace.entity), \(key)", "\(trace.table), _key_hash \(trace.keyHash)", summary]
        lines += trace.advice.map { "  \($0)" }
        if trace.filesNotSearched > 0 {
            lines.append(
                "  \(grouped(trace.filesNotSearched)) older files with rejected records were not searched for the key")
        }
        return lines.joined(separator: "\n")
    }

    private var summary: String {
        let count = trace.versions.count
        guard let last = trace.versions.last else { return "no version" }
        let versions = count == 1 ? "1 version" : "\(grouped(count)) versions"
        guard let instant else {
            return trace.versions.contains(where: \.isCurrent)
                ? "\(versions), current" : "\(versions), \(last.isDeleted ? "deleted" : "ended")"
        }
        if let holding = trace.versions.first(where: { $0.holds(at: instant) }) {
            return "at \(time(instant)): version \(holding.number) of \(count)"
        }
        let known = trace.versions.filter { $0.supersededAt == nil }
        let before = known.last { $0.validFrom <= instant }
        let after = known.first { $0.validFrom > instant }
        let sides = [
            before.map { "version \($0.number) ended \(time($0.validTo))\($0.isDeleted ? ", deleted" : "")" },
            after.map { "version \($0.number) begins \(time($0.validFrom))" },
        ].compactMap { $0 }
        return "at \(time(instant)): nothing was true; \(sides.joined(separator: ", "))"
    }

    // MARK: Versions

    private func version(_ version: Trace.Version) -> String {
        let state = version.isDeleted ? ", deleted" : version.isCurrent ? ", current" : ""
        var lines = [
            row("version \(version.number)", "\(time(version.validFrom)) → \(time(version.validTo))\(state)", indent: 0)
        ]
        if let recorded = version.recordedAt {
            let end = version.supersededAt.map { ", superseded \(time($0))" } ?? ""
            lines.append(row("recorded", time(recorded) + end))
        }
        lines.append(row("run", run(version.run)))
        if instant != nil {
            let name = version.values.map(\.column.count).max() ?? 0
            lines += version.values.map { value in
                let column = value.column + String(repeating: " ", count: name - value.column.count)
                return cut("  \(column)  \(readable(value.value))")
            }
        } else {
            lines += version.differences.enumerated().map { row($0 == 0 ? "changed" : "", difference($1)) }
        }
        lines += version.changes.map { change($0, run: version.run) }
        return lines.joined(separator: "\n")
    }

    private func change(_ change: Trace.Change, run of: Trace.Run?) -> String {
        let effective = change.effectiveAt.map { ", effective \(time($0))" } ?? ""
        var lines = [row(change.change, effect(change) + effective)]
        if change.run.id != of?.id { lines.append(row("", "run \(run(change.run))")) }
        lines += change.differences.map { row("", difference($0)) }
        lines += origin(change.origin)
        return lines.joined(separator: "\n")
    }

    private func effect(_ change: Trace.Change) -> String {
        let absent = change.change == "delete" && change.origin.file == 0 ? ": absent from a full batch" : ""
        return switch change.effect {
        case .opened: "made this version"
        case .corrected: "corrected this version"
        case .overwrote: "overwrote columns in place"
        case .closed: "ended this version\(absent)"
        case .none: "no effect\(absent)"
        case .replaced: "no effect: a later change has the same effective time"
        case .late: "no effect: it came late, when something newer was known"
        case .waiting: "waits for silver\(absent)"
        case .rejected(let reason): "rejected: \(reason)"
        }
    }

    private func reject(_ reject: Trace.Reject) -> String {
        let column = reject.column.map { "column \($0) " } ?? ""
        return
            ([row("rejected", column + reject.reason, indent: 0), row("run", run(reject.run))] + origin(reject.origin))
            .joined(separator: "\n")
    }

    private func origin(_ origin: Trace.Origin) -> [String] {
        guard origin.file > 0 else { return [] }
        let path = origin.path.map { $0.hasPrefix(folder + "/") ? String($0.dropFirst(folder.count + 1)) : $0 }
        let place = path.map { "\($0), record \(origin.record)" } ?? "raw file \(origin.file), record \(origin.record)"
        return [Self.indent + place, cut(Self.indent + (origin.text.map(printable) ?? origin.problem ?? ""))]
    }

    // MARK: Pieces

    private func run(_ run: Trace.Run) -> String {
        let trigger = run.trigger.map { ", \($0)" } ?? ", not in the audit"
        let reference = run.triggerReference.map { " (\($0))" } ?? ""
        return "\(run.id), \(time(run.timestamp))\(trigger)\(reference)"
    }

    private func difference(_ difference: Trace.Difference) -> String {
        func side(_ value: String?) -> String {
            let text = readable(value)
            return width != nil && text.count > 60 ? text.prefix(59) + "…" : text
        }
        return "\(difference.column): \(side(difference.old)) → \(side(difference.new))"
    }

    private func row(_ label: String, _ text: String, indent: Int = 2) -> String {
        let start = String(repeating: " ", count: indent) + label
        return start + String(repeating: " ", count: max(1, Self.indent.count - start.count)) + text
    }

    /// `2026-11-21 02:40:42Z`, with the fraction where there is one; an open end is `…`.
    private func time(_ instant: Instant?) -> String {
        guard let instant else { return "…" }
        let text = instant.description.replacing("T", with: " ")
        return text.hasSuffix(".000000Z") ? text.dropLast(8) + "Z" : text
    }

    /// A value that cannot be mistaken: NULL is not a text, and an empty text is seen.
    private func readable(_ value: String?) -> String {
        guard let value else { return "NULL" }
        let isPlain = !value.isEmpty && value != "NULL" && value.first != " " && value.last != " "
        return isPlain ? printable(value) : "'\(printable(value))'"
    }

    /// Without what would move a terminal's cursor.
    private func printable(_ text: String) -> String {
        let isControl = { (scalar: Unicode.Scalar) in scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) }
        return String(String.UnicodeScalarView(text.unicodeScalars.map { isControl($0) ? "\u{FFFD}" : $0 }))
    }

    private func cut(_ line: String) -> String {
        guard let width, line.count > width else { return line }
        return line.prefix(width - 1) + "…"
    }
}
