import ArgumentParser
import Authoring
import ConnectorKit
import Foundation
import Metadata
import Pipeline

/// `medallion read`.
struct ReadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "read",
        abstract: "Show the first records of an entity, straight from its source. Needs no database, keeps nothing.",
        discussion: """
            Prints the records as JSON Lines; on a terminal, or with --columns, also what each column of the metadata
            reads in them, and why a record would be quarantined. The landing is ended as soon as enough records came.

            Examples:
              medallion read shop.orders
              medallion read shop.orders --limit 20 | jq .status
              medallion read shop.orders --load delta --from 2026-01-01T00:00:00Z
              medallion read shop.order_lines --parent '{"id": 17}'
              medallion read shop.orders --raw | head -c 2000
            """)

    enum Load: String, ExpressibleByArgument, CaseIterable {
        case full, delta
    }

    @OptionGroup var options: GlobalOptions

    @Argument(help: "system.entity")
    var entity: String

    @Option(help: ArgumentHelp("Records to read.", valueName: "n"))
    var limit = 5

    @Option(help: "full or delta.")
    var load = Load.full

    @Option(help: ArgumentHelp("Where a delta load begins: a value of the cursor column.", valueName: "value"))
    var from: String?

    @Option(help: ArgumentHelp("The state that a delta load goes on from, in the source's words.", valueName: "text"))
    var state: String?

    @Option(help: ArgumentHelp("The row of for_each to ask for, as a JSON object.", valueName: "json"))
    var parent: String?

    @Flag(help: "Print the payload as received instead; a large one is cut somewhere behind the last record.")
    var raw = false

    @Flag(inversion: .prefixedNo, help: "What each column reads; by default on a terminal.")
    var columns: Bool?

    func validate() throws {
        guard (1...1_000_000).contains(limit) else { throw ValidationError("--limit is 1 to 1000000") }
        if raw, columns == true { throw ValidationError("--raw shows no columns") }
    }

    mutating func run() async throws {
        let composition = Composition(options: options)
        let survey = try composition.survey()
        let (entity, system) = try survey.named(entity: entity)
        let parent = entity.explosion.flatMap { survey.entity($0.parent) }
        let landed = parent ?? entity
        let window = try SampleWindow(
            load: load == .full ? .full : .delta, from: from, state: state, parent: self.parent
        ).window(of: landed)
        let access = try composition.sourceAccess()
        let limit = limit
        let folder = try SampleFolder(environment: access.environment)
        let began = ContinuousClock.now
        let sample = try await Interruption.guarding {
            try await access.withConnector(of: system, for: [landed]) {
                try await SourceAccess.sample(landed, with: $0, window: window, limit: limit, into: folder)
            }
        }
        let seconds = (ContinuousClock.now - began) / .seconds(1)
        if raw {
            for file in sample.files {
                let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(sample.folder)/\(file.name)"))
                Terminal.write(String(decoding: bytes, as: UTF8.self))
            }
            return
        }
        let shown = try show(sample, entity, parent, system)
        let more = sample.isFull ? "; there may be more" : ", which is all that there is"
        let source = sample.request.map { " from \($0)" } ?? ""
        Terminal.note("\(shown) \(shown == 1 ? "record" : "records")\(source) in \(elapsed(seconds))\(more)")
    }

    private func show(
        _ sample: LandedSample, _ entity: Entity, _ parent: Entity?, _ system: SourceSystem
    ) throws -> Int {
        let showsColumns = columns ?? Terminal.isInteractive
        var shown = 0
        let reading = SampleReading(
            sample.sample(of: (parent ?? entity).id), of: entity, parent: parent, timezone: system.timezone)
        try reading.visit(limit: limit) { record in
            shown += 1
            Terminal.write(record.lineText + "\n")
            if showsColumns {
                Terminal.write(record.table(entity) + "\n")
            } else if let fate = record.fate {
                Terminal.note("record \(shown) \(fate)")
            }
        }
        return shown
    }
}

extension SampleRecord {
    /// The record in one line, as JSON Lines demand; a line feed in JSON stands between values only.
    fileprivate var lineText: String {
        String(decoding: document.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 }, as: UTF8.self)
    }

    /// What each column reads, and what becomes of the record.
    fileprivate func table(_ entity: Entity) -> String {
        var table = TextTable("column", "type", "reads")
        for (column, (name, reading)) in zip(entity.columns, columns) {
            let shown =
                switch reading {
                case .value(let text): text.utf8.count > 60 ? "\(text.prefix(60))…" : text
                case .null: "NULL"
                case .rejected(let reason): "✗ \(reason)"
                }
            table.add(name, column.type.name, shown)
        }
        let mark = objection == nil ? "–" : "✗"
        let lines = table.lines.map { "    \($0)" } + [fate.map { "    \(mark) \($0)" }].compactMap(\.self)
        return lines.joined(separator: "\n") + "\n"
    }

    /// What becomes of a record that is no row; nil for one that is.
    var fate: String? {
        if let objection { return "would not be kept: \(objection)" }
        return isDelete ? "deletes its key, its delete_marker says" : nil
    }
}
