import ConnectorKit
import Primitives
import JSON
import Metadata

/// What the expressions of a source know.
///
/// `now` and `window.until`: the run's instant · `window.from` and `cursor`: the start of a delta load's window, null in
/// a full one · `step.from`, `step.until`: the part of the window at hand · `parent.*`: the row of `for_each` ·
/// `page.number`, `page.offset`, `page.cursor`, `page.size` · `config.*`: the connection's own values · `job.*` and
/// `result.*`: what starting and polling an export answered · `system`, `entity`.
enum RestScope {
    static let names: Set = [
        "now", "window", "cursor", "step", "parent", "page", "config", "job", "result", "system", "entity",
    ]

    /// The scope of a landing; steps, parents, pages and exports add theirs.
    static func of(_ entity: Entity, _ window: LoadWindow, config: JSONValue) -> TemplateScope {
        let from = window.loadType == .delta ? window.from.map(JSONValue.string) ?? .null : .null
        return TemplateScope([
            "now": .instant(window.until), "cursor": .json(from),
            "window": .json(
                .object([
                    JSONMember("from", from), JSONMember("until", .string(window.until.description)),
                ])),
            "config": .json(config), "system": .text(entity.id.system.rawValue), "entity": .text(entity.id.name),
        ])
    }

    /// True where the request itself asks for the window, so that the source filters.
    static func asksForWindow(_ roots: Set<String>) -> Bool { !roots.isDisjoint(with: ["window", "cursor", "step"]) }
}
