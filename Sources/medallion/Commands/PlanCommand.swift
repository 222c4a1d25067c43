import ArgumentParser
import Metadata
import Pipeline
import Postgres
import Primitives

/// `medallion plan`.
struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Show what a run would do, and which DDL it would apply. Changes nothing.",
        discussion: """
            Examples:
              medallion plan
              medallion plan --system shop --load delta
              medallion plan --ddl                      the SQL itself
              medallion plan --data shop.customers      what the landed batches would change
            """)

    @OptionGroup var options: GlobalOptions

    @Option(help: ArgumentHelp("A system; may be repeated.", valueName: "id"))
    var system: [String] = []

    @Option(help: ArgumentHelp("An entity, as system.entity; may be repeated.", valueName: "system.entity"))
    var entity: [String] = []

    @Option(help: ArgumentHelp("full, delta, or auto: each entity's own load type.", valueName: "type"))
    var load = RunCommand.Load.auto

    @Flag(help: "Print the DDL as SQL.")
    var ddl = false

    @Option(
        help: ArgumentHelp(
            "Apply the landed batches of an entity in a transaction that is rolled back, and show what changed.",
            valueName: "system.entity"))
    var data: String?

    mutating func run() async throws {
        if let name = data { return try await preview(name) }
        var request = RunRequest()
        request.systems = system.map { SystemID(rawValue: $0) }
        request.entities = try entity.map(parseEntity)
        request.loadType = LoadType(rawValue: load.rawValue)
        let asked = request
        let composition = Composition(options: options)
        let plan = try await Interruption.guarding {
            try await composition.withWorkspace { try await RunPlan.make(for: asked, in: $0) }
        }
        show(plan)
        if !plan.deployment.differences.isEmpty { throw ExitCode(ExitStatus.usage.rawValue) }
    }

    private func preview(_ name: String) async throws {
        let composition = Composition(options: options)
        let outcomes = try await Interruption.guarding {
            try await composition.withWorkspace(showsSources: true) { workspace in
                try await Preview(workspace: workspace, entity: try workspace.catalog.named(name)).run()
            }
        }
        print(PreviewDisplay.text(outcomes, of: name))
    }

    private func show(_ plan: RunPlan) {
        var table = TextTable("entity", "load", "from", "pending batches", "note")
        for step in plan.entities {
            table.add(
                "\(step.entity)", step.loadType.rawValue, step.cursor ?? "",
                step.pending == 0 ? "" : String(step.pending),
                step.note)
        }
        print(table.rows.isEmpty ? "no entity is selected" : table.text)
        if !plan.goldDue.isEmpty { print("\ngold that is due: \(plan.goldDue.joined(separator: " → "))") }
        if !plan.gold.isEmpty { print("\ngold, if what it reads changes: \(plan.gold.joined(separator: " → "))") }
        print("")
        if plan.deployment.statements.isEmpty { print("DDL: none") }
        for (entity, statements) in plan.deployment.statements {
            print("DDL for \(entity): \(statements.count) statements" + (ddl ? "" : " (--ddl shows them)"))
            if ddl { for statement in statements { print(statement.text + ";\n") } }
        }
        for (entity, change) in plan.deployment.changes where change.kind != .created {
            print("\(entity): \(PlanCommand.line(of: change))")
        }
        PlanCommand.showRefusals(of: plan.deployment)
    }

    /// `column_added email: text`.
    static func line(of change: SchemaChange) -> String {
        change.kind.rawValue + (change.column.isEmpty ? "" : " \(change.column)") + ": \(change.detail)"
    }

    static func showRefusals(of plan: Deployment.Plan) {
        for (entity, lines) in plan.differences.sorted(by: { $0.key < $1.key }) {
            for line in lines { print("refused for \(entity): \(line)") }
        }
    }
}
