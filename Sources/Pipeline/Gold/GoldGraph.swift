import Hashing
public import Metadata
public import Primitives

/// Every gold script of a project, in the order in which they are built.
public struct GoldGraph: Sendable {
    /// The scripts in dependency order: each wave reads only silver and earlier waves, so that a wave runs in parallel.
    public let waves: [[GoldScript]]

    /// The scripts, each after all that it reads; ties by name.
    public var order: [GoldScript] { waves.flatMap { $0 } }

    /// A hash of all scripts: the same for the same `sql/gold`.
    public var hash: UUIDValue {
        XXH3.hash128(Array(order.map { "\($0.name) \($0.hash)\n" }.sorted().joined().utf8).span)
    }

    /// Reads `sql/gold/*.sql` of a project's folder and links the scripts to each other and to the catalogue.
    /// - Throws: `MetadataError` with every problem of every file.
    public static func load(project folder: String, catalog: Catalog) throws -> GoldGraph {
        let (scripts, problems) = GoldScript.load(project: folder, catalog: catalog)
        let (graph, cycles) = linked(scripts)
        let all = CheckStatement.problems(in: catalog) + problems + cycles
        guard all.isEmpty else { throw MetadataError(all) }
        return graph
    }

    /// The script with that name.
    public subscript(name: String) -> GoldScript? { order.first { $0.name == name } }

    /// The scripts to build, in order: those that read, directly or not, a changed silver table, those that must be built
    /// anyway because they failed last time or were never built, and what reads these.
    public func affected(by changed: Set<String>, failed: Set<String> = []) -> [GoldScript] {
        let start = Set(changed.map { Relation.silver($0) })
        return reached(from: start.union(failed.map { Relation.gold($0) }), including: failed)
    }

    /// The scripts, in order, that read any of the relations, directly or not; the relations themselves are not among them.
    public func downstream(of relations: Set<Relation>) -> [GoldScript] { reached(from: relations, including: []) }

    private func reached(from relations: Set<Relation>, including always: Set<String>) -> [GoldScript] {
        var reached = relations
        return order.filter { script in
            let isReached = always.contains(script.name) || !script.inputs.isDisjoint(with: reached)
            if isReached { reached.insert(.gold(script.name)) }
            return isReached
        }
    }

    // MARK: Order

    /// Sorts scripts into waves; a problem for each cycle among those that cannot be sorted.
    static func linked(_ scripts: [GoldScript]) -> (graph: GoldGraph, cycles: [MetadataProblem]) {
        let names = Set(scripts.map(\.name))
        var waiting = scripts.sorted { $0.name < $1.name }
        var waves: [[GoldScript]] = []
        var built: Set<String> = []
        while true {
            let wave = waiting.filter { $0.reads.allSatisfy { built.contains($0) || !names.contains($0) } }
            guard !wave.isEmpty else { break }
            built.formUnion(wave.map(\.name))
            waiting.removeAll { built.contains($0.name) }
            waves.append(wave)
        }
        return (GoldGraph(waves: waves), cycles(among: waiting))
    }

    /// Each cycle once, beginning with its first name: `a → b → a`. Scripts that only read from a cycle are no part of it.
    private static func cycles(among scripts: [GoldScript]) -> [MetadataProblem] {
        let readers = Dictionary(scripts.map { ($0.name, $0) }) { first, _ in first }
        var reported: Set<String> = []
        var problems: [MetadataProblem] = []
        for script in scripts where !reported.contains(script.name) {
            guard let cycle = shortestWay(from: script.name, to: script.name, among: readers) else { continue }
            reported.formUnion(cycle)
            problems.append(
                MetadataProblem(
                    file: script.file, path: "", what: "a cycle: \(cycle.joined(separator: " → "))",
                    expected: "scripts that read only what can be built before them"))
        }
        return problems
    }

    /// The shortest way along the inputs, breadth first; both ends are part of it.
    private static func shortestWay(from: String, to: String, among scripts: [String: GoldScript]) -> [String]? {
        var ways = [[from]]
        var seen: Set<String> = []
        while !ways.isEmpty {
            var longer: [[String]] = []
            for way in ways {
                for input in way.last.flatMap({ scripts[$0] })?.reads.sorted() ?? [] {
                    if input == to { return way + [input] }
                    if scripts[input] != nil, seen.insert(input).inserted { longer.append(way + [input]) }
                }
            }
            ways = longer
        }
        return nil
    }
}

extension GoldScript {
    /// The names of the scripts that it reads directly.
    var reads: Set<String> {
        Set(inputs.compactMap { if case .gold(let name) = $0 { name } else { nil } })
    }
}
