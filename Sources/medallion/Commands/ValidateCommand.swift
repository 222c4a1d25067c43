import ArgumentParser
import Foundation
import Metadata
import Pipeline
import Primitives

/// `medallion validate`.
struct ValidateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate",
        abstract: "Check metadata and gold SQL; print every problem at once. Needs no database.",
        discussion: """
            Examples:
              medallion validate
              medallion validate --project /srv/warehouse && echo fine
            """)

    @OptionGroup var options: GlobalOptions

    func run() throws {
        let (catalog, gold) = try Composition(options: options).loadMetadata()
        print(
            "valid: \(catalog.systems.count) systems, \(catalog.entities.count) entities, "
                + "\(catalog.entities.reduce(0) { $0 + $1.columns.count }) columns, \(gold.order.count) gold scripts; "
                + "hash \(catalog.hash)")
    }
}
