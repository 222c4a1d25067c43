import Foundation
import JSON
import Metadata
import Pipeline
import Primitives
import Synchronization

/// Shows a run while it goes on: live lines on a terminal, plain lines in a log, JSON lines for programs.
final class RunDisplay: RunObserver {
    enum Mode: Sendable {
        case live, plain, json
    }

    private struct ActiveStep {
        var label: String
        var records = 0
        var since: Instant
    }

    private struct State {
        var active: [String: ActiveStep] = [:]
        var order: [String] = []
        var drawn = 0
        var lastDraw: Int64 = 0
    }

    private let mode: Mode
    private let clock = SystemClock()
    private let state = Mutex(State())

    init(mode: Mode) { self.mode = mode }

    func observe(_ event: RunEvent) {
        switch mode {
        case .json: Terminal.write(EventJSON.line(event, at: clock.now()) + "\n")
        case .plain: plain(event)
        case .live: live(event)
        }
    }

    /// Ends the display with the table of counts and where to look next.
    func close(_ reports: [RunReport]) {
        state.withLock { state in
            if mode == .live { Terminal.write(erase(&state)) }
        }
        guard mode != .json else { return }
        Terminal.write(RunSummary.text(reports))
    }

    private func plain(_ event: RunEvent) {
        switch event {
        case .runStarted(let system, let run): Terminal.write("run \(run.id) of \(system), instant \(run.timestamp)\n")
        case .stepFinished(let step) where step.status != .skipped: Terminal.write(RunSummary.line(step) + "\n")
        case .notice(let text): Terminal.write("note: \(text)\n")
        case .runFinished(let report) where report.status != .succeeded:
            Terminal.write("run of \(report.system) \(report.status.rawValue)\(report.error.map { ": \($0)" } ?? "")\n")
        case .runFinished, .stepStarted, .stepFinished, .progress: break
        }
    }

    private func live(_ event: RunEvent) {
        let now = clock.now()
        state.withLock { state in
            var permanent = ""
            switch event {
            case .stepStarted(let layer, let entity, let attempt):
                let key = "\(layer.rawValue) \(entity)"
                state.active[key] = ActiveStep(
                    label: attempt > 1 ? "\(key) (attempt \(attempt))" : key, since: now)
                state.order.append(key)
            case .progress(let layer, let entity, let records):
                state.active["\(layer.rawValue) \(entity)"]?.records = records
            case .stepFinished(let step):
                let key = "\(step.layer.rawValue) \(step.entity)"
                state.active[key] = nil
                state.order.removeAll { $0 == key }
                if step.status == .failed || step.status == .cancelled { permanent = RunSummary.line(step) + "\n" }
            case .runStarted(let system, let run): permanent = "\(system): run \(run.id)\n"
            case .notice(let text): permanent = "note: \(text)\n"
            case .runFinished(let report):
                if report.status != .succeeded {
                    permanent = "\(report.system) \(report.status.rawValue)\(report.error.map { ": \($0)" } ?? "")\n"
                }
            }
            // Ten pictures a second are enough for people.
            guard !permanent.isEmpty || now.microseconds - state.lastDraw > 100_000 else { return }
            state.lastDraw = now.microseconds
            Terminal.write(erase(&state) + permanent + draw(&state, now))
        }
    }

    private func erase(_ state: inout State) -> String {
        guard state.drawn > 0 else { return "" }
        defer { state.drawn = 0 }
        return "\u{1B}[\(state.drawn)A\u{1B}[0J"
    }

    private func draw(_ state: inout State, _ now: Instant) -> String {
        var text = ""
        let width = Terminal.width
        for key in state.order.prefix(8) {
            guard let step = state.active[key] else { continue }
            let seconds = Double(now.microseconds - step.since.microseconds) / 1_000_000
            let rate = seconds > 0.2 ? Int(Double(step.records) / seconds) : 0
            let line =
                "  \(step.label)  \(grouped(step.records)) records"
                + (rate > 0 ? "  \(grouped(rate))/s" : "") + "  \(elapsed(seconds))"
            text += line.prefix(width - 1) + "\n"
            state.drawn += 1
        }
        return text
    }
}
