import ConnectorKit
import Foundation
import Metadata
import Pipeline
import Secrets

/// The secrets of a project: those that its metadata name and those in its store, and who answers for each.
struct SecretsAccount {
    /// One secret, without its value.
    struct Line: Sendable {
        var name: String
        /// The provider that answers; nil where none does.
        var provider: String?
        /// Why none does.
        var problem: String?
        /// When it was put into the encrypted store.
        var setAt: String?
        /// The systems that need it.
        var systems: [String]
    }

    let composition: Composition

    /// Every secret by name, each asked for.
    func lines() async throws -> [Line] {
        let catalog = try composition.loadCatalog()
        let configuration = try composition.secretsConfiguration()
        let chain = try composition.secretChain()
        let stored = try configuration.store.entries
        var systems: [String: [String]] = [:]
        for system in catalog.systems {
            for name in catalog.secretNames(of: system) { systems[name, default: []].append(system.id.rawValue) }
        }
        let names = Set(systems.keys).union(stored.map(\.name))
        return try await Interruption.guarding { [systems] in
            var lines: [Line] = []
            for name in names.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
                let setAt = stored.first { $0.name.utf8.elementsEqual(name.utf8) }?.setAt
                var line = Line(name: name, setAt: setAt, systems: systems[name] ?? [])
                do { line.provider = try await chain.answer(for: name).provider } catch let error as ConnectorError {
                    line.problem = error.description
                }
                lines.append(line)
            }
            return lines
        }
    }

    /// A finding for each secret that the metadata name.
    func findings() async throws -> [Finding] {
        try await lines().filter { !$0.systems.isEmpty }.map { line in
            let provider = line.provider.map { Finding(.ok, "secret \(line.name)", "answered by \($0)") }
            return provider ?? Finding(.fail, "secret \(line.name)", line.problem ?? "nobody answers")
        }
    }
}

extension Catalog {
    /// The secrets that a system's metadata name: in its connection, and in the sources of its entities.
    func secretNames(of system: SourceSystem) -> Set<String> {
        entities(of: system.id).reduce(into: SecretReference.names(in: system.connection)) {
            $0.formUnion(SecretReference.names(in: $1.source))
        }
    }

    /// The secrets of all systems.
    var secretNames: Set<String> { systems.reduce(into: []) { $0.formUnion(secretNames(of: $1)) } }
}
