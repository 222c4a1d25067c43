import Authoring
import ConnectorKit
import Foundation
import JSON
import Metadata
import Pipeline
import Primitives

extension Composition {
    /// The project's metadata as far as it can be read; it may be in the making.
    func survey() throws -> CatalogSurvey {
        try requireProject()
        return CatalogLoader.survey(project: options.projectFolder, connectors: Composition.connectors.descriptions)
    }

    /// Access to the project's sources, without any database.
    func sourceAccess() throws -> SourceAccess {
        SourceAccess(
            connectors: Composition.connectors, projectFolder: options.projectFolder,
            environment: ProcessInfo.processInfo.environment, secrets: try secretChain(), clock: SystemClock(),
            logger: options.logger)
    }
}

extension CatalogSurvey {
    /// The system that was named on the command line.
    /// - Throws: what is wrong with it, or `UsageError` with the nearest name.
    func named(system name: String) throws -> SourceSystem {
        if let system = system(SystemID(rawValue: name)) { return system }
        if systems.isEmpty || problems.contains(where: { $0.file.contains("/systems") }) {
            throw MetadataError(problems)
        }
        throw UsageError.noSystem(name, among: systems.map(\.id))
    }

    /// The entity that was named on the command line, with its system.
    /// - Throws: what is wrong with it, or `UsageError` with the nearest name.
    func named(entity text: String) throws -> (entity: Entity, system: SourceSystem) {
        let id = try parseEntity(text)
        let system = try named(system: id.system.rawValue)
        if let entity = entity(id) { return (entity, system) }
        let faults = problems.filter { $0.file.contains("/entities") }
        if !faults.isEmpty { throw MetadataError(faults) }
        throw UsageError.noEntity(text, among: entities.map(\.id))
    }
}

/// What the author of metadata asks a source for.
struct SampleWindow {
    var load = LoadType.full
    var from: String?
    var state: String?
    var parent: String?

    /// The window for an entity.
    /// - Throws: `UsageError` where something is missing that only a database or the caller knows.
    func window(of entity: Entity) throws -> LoadWindow {
        var window = LoadWindow(loadType: load, from: from, until: SystemClock().now(), state: state)
        if load == .delta {
            guard let delta = entity.delta else {
                throw UsageError("\(entity.id) has no \"delta\" attribute; read it with --load full")
            }
            guard delta.mode == .all || from != nil || delta.initial != nil else {
                throw UsageError("a delta load of \(entity.id) begins at a cursor: name it with --from VALUE")
            }
            window.from = from ?? (delta.mode == .cursor ? delta.initial : nil)
        } else if from != nil || state != nil {
            throw UsageError("--from and --state are for delta loads: add --load delta")
        }
        window.parents = try parents(of: entity)
        return window
    }

    private func parents(of entity: Entity) throws -> ParentRows? {
        guard let forEach = entity.forEach else {
            if parent != nil { throw UsageError("\(entity.id) has no for_each: leave out --parent") }
            return nil
        }
        if let parent {
            let row = try JSONArgument.object(parent, of: "--parent")
            let missing = forEach.names.filter { row[$0] == nil }
            guard missing.isEmpty else {
                throw UsageError("--parent lacks \(missing.joined(separator: ", ")), which for_each names")
            }
            return ParentRows([row])
        }
        guard case .values(let values) = forEach else {
            let example = forEach.names.map { "\"\($0)\": …" }.joined(separator: ", ")
            throw UsageError(
                "\(entity.id) is asked for once for each row of \(forEach.entity?.name ?? "another entity"), which stand "
                    + "in a database: name one with --parent '{\(example)}'")
        }
        return ParentRows(values)
    }
}

/// JSON on the command line.
enum JSONArgument {
    /// An object.
    /// - Throws: `UsageError` that says where the text stops being one.
    static func object(_ text: String, of option: String) throws -> JSONValue {
        let value: JSONValue
        do { value = try JSONReader.parse(text) } catch {
            throw UsageError("\(option) is not JSON: \(error); write it as in \(option) '{\"name\": 1}'")
        }
        guard value.objectValue != nil else {
            throw UsageError("\(option) is no JSON object; write it as in \(option) '{\"name\": 1}'")
        }
        return value
    }
}
