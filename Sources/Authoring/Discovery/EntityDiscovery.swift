import ConnectorKit
import Foundation
public import JSON
public import Metadata
import Pipeline
import Primitives

/// Proposes entities of a system: what the source's own catalogue says, else what samples show.
public struct EntityDiscovery: Sendable {
    /// Records that are sampled.
    public static let samples = 1000

    private let access: SourceAccess
    private let survey: CatalogSurvey
    private let system: SourceSystem

    /// Discovery of one system of the survey.
    public init(_ system: SourceSystem, of survey: CatalogSurvey, access: SourceAccess) {
        self.access = access
        self.survey = survey
        self.system = system
    }

    /// The proposals: of every entity that the source or the metadata knows, or of the one that is named.
    /// - Parameters:
    ///   - name: The entity.
    ///   - source: Its `source` object, for an entity that neither knows.
    ///   - parent: The row of `for_each` to ask with.
    /// - Throws: `ConnectorError`, `MetadataError`.
    public func proposals(
        entity name: String?, source: JSONValue?, parent: JSONValue?
    ) async throws -> [EntityProposal] {
        let folder = try SampleFolder(environment: access.environment)
        let known = survey.entities(of: system.id).filter {
            $0.explosion == nil && (name == nil || $0.id.name == name)
        }
        return try await access.withConnector(of: system, for: known) { connector in
            if let name, let source {
                return [try await sampled(subject(name, source), parent, connector, folder)]
            }
            if let offered = try await connector.discover() {
                return try await proposals(for: offered, name, parent, connector, folder)
            }
            guard !known.isEmpty else { throw nothing(named: name) }
            var proposals: [EntityProposal] = []
            for entity in known {
                var subject = try subject(entity.id.name, written(entity.source), entity.forEach)
                subject.description = entity.description
                proposals.append(try await sampled(subject, parent, connector, folder))
            }
            return proposals
        }
    }

    private func nothing(named name: String?) -> ConnectorError {
        let id = name ?? "NAME"
        return ConnectorError(
            "the type \(system.type) has no catalogue to ask, and the metadata has "
                + (name.map { "no entity \(system.id).\($0)" } ?? "no entity of \(system.id)"),
            hint: "say what to sample: --entity \(id) --source '{…}' (medallion connectors describe \(system.type))")
    }

    // MARK: What the source says

    private func proposals(
        for offered: [DiscoveredEntity], _ name: String?, _ parent: JSONValue?, _ connector: AnyConnector,
        _ folder: SampleFolder
    ) async throws -> [EntityProposal] {
        var naming = ColumnNaming(entitiesOf: system.id)
        var offered = offered
        for index in offered.indices { offered[index].name = naming.free(offered[index].name) }
        let wanted = offered.filter { name == nil || $0.name == name }
        if let name, wanted.isEmpty {
            let nearest = nearestName(to: name, among: offered.map(\.name))
            throw ConnectorError(
                "system '\(system.id)' offers no '\(name)'",
                hint: nearest.map { "did you mean '\($0)'?" }
                    ?? "it offers \(offered.prefix(12).map(\.name).joined(separator: ", "))")
        }
        var proposals: [EntityProposal] = []
        for entity in wanted {
            if entity.columns.isEmpty {
                var subject = try subject(entity.name, entity.source)
                (subject.description, subject.key) = (entity.description, entity.key)
                proposals.append(try await sampled(subject, parent, connector, folder))
            } else {
                proposals.append(try checked(declared(entity)))
            }
        }
        return proposals
    }

    private func declared(_ entity: DiscoveredEntity) -> ProposalDraft {
        let columns = entity.columns.map { column in
            ProposedColumn(
                name: column.name, path: column.path, type: column.type, isNullable: column.isNullable,
                description: column.description, reason: column.confidence.words)
        }
        return ProposalDraft(
            id: EntityID(system: system.id, name: entity.name), description: entity.description,
            source: entity.source, columns: columns, key: entity.key,
            keyReason: entity.key.isEmpty ? "the source declares none" : "declared by the source",
            cursor: entity.cursorColumn.map { ($0.column, $0.confidence.words) })
    }

    // MARK: What samples show

    /// What is to be sampled.
    private struct Subject {
        var entity: Entity
        var source: JSONValue
        var description = ""
        /// The key that the source declares.
        var key: [String] = []
    }

    private func subject(_ name: String, _ source: JSONValue, _ forEach: ForEach? = nil) throws -> Subject {
        let value = JSONValue.object([
            JSONMember("name", .string(name)), JSONMember("system_id", .string(system.id.rawValue)),
            JSONMember("description", .string("A draft.")), JSONMember("load_type", .string("full")),
            JSONMember("history", .string("append")), JSONMember("source", source),
            JSONMember(
                "columns", .array([.object([.init("name", .string("draft")), .init("type", .string("json"))])])),
        ])
        var entity = try survey.draft(value, origin: "\(system.id).\(name)")
        entity.forEach = forEach
        return Subject(entity: entity, source: source)
    }

    private func sampled(
        _ subject: Subject, _ parent: JSONValue?, _ connector: AnyConnector, _ folder: SampleFolder
    ) async throws -> EntityProposal {
        var subject = subject
        var window = LoadWindow(loadType: .full, until: access.clock.now())
        window.parents = try parents(of: subject.entity, parent)
        var parts: [EntityProposal.Part] = []
        if let guess = try await recordsPath(subject, window, connector, folder) {
            parts.append(guess.part)
            subject = try self.subject(subject.entity.id.name, guess.source, subject.entity.forEach, like: subject)
        }
        let sample = try await SourceAccess.sample(
            subject.entity, with: connector, window: window, limit: Self.samples, into: folder)
        var inference = ColumnInference(isTabular: sample.shape.isText)
        try SampleReading(sample.sample(of: subject.entity.id), of: subject.entity, timezone: system.timezone)
            .visit(limit: Self.samples) { inference.add($0.document) }
        guard inference.records > 0 else {
            throw ConnectorError(
                "\(subject.entity.id): the source gave no record to learn from",
                hint: inference.faults.first.map { "its records cannot be read: \($0)" }
                    ?? "check its source with medallion read \(subject.entity.id)")
        }
        return try checked(draft(subject, inference, parts))
    }

    private func subject(_ name: String, _ source: JSONValue, _ forEach: ForEach?, like old: Subject) throws -> Subject
    {
        var subject = try subject(name, source, forEach)
        (subject.description, subject.key) = (old.description, old.key)
        return subject
    }

    private func parents(of entity: Entity, _ parent: JSONValue?) throws -> ParentRows? {
        switch (entity.forEach, parent) {
        case (nil, _): return nil
        case (_, let parent?): return ParentRows([parent])
        case (.values(let values)?, nil): return ParentRows(values)
        case (.entity(let id, let columns, _)?, nil):
            let example = columns.map { "\"\($0)\": …" }.joined(separator: ", ")
            throw ConnectorError(
                "\(entity.id) is asked for once for each row of \(id)", hint: "name one: --parent '{\(example)}'")
        }
    }

    private func draft(
        _ subject: Subject, _ inference: ColumnInference, _ parts: [EntityProposal.Part]
    ) -> ProposalDraft {
        let proposal = SampledProposal(inference, parent: subject.entity.forEach)
        let isDeclared =
            !subject.key.isEmpty
            && subject.key.allSatisfy { name in
                proposal.columns.contains { $0.name == name }
            }
        let key = isDeclared ? (subject.key, "declared by the source") : proposal.key(entity: subject.entity.id.name)
        var draft = ProposalDraft(
            id: subject.entity.id, description: subject.description, source: subject.source,
            forEach: subject.entity.forEach?.value, columns: proposal.columns, key: key.0, keyReason: key.1,
            cursor: proposal.cursor, parts: parts)
        draft.notes = inference.faults.map { "a sample was left out: \($0)" }
        return draft
    }

    /// The proposal, once it is known to be metadata that loads.
    private func checked(_ draft: ProposalDraft) throws -> EntityProposal {
        let proposal = draft.proposal
        _ = try survey.draft(proposal.value, origin: "the proposal for \(draft.id)")
        return proposal
    }

    /// A source without the defaults that the loader filled in.
    private func written(_ source: JSONValue) -> JSONValue {
        let fields = survey.type(of: system)?.sourceFields ?? []
        return .object(
            (source.objectValue ?? []).filter { member in
                fields.first { $0.name == member.name }?.defaultValue != member.value
            })
    }
}

// MARK: Where the records are
extension EntityDiscovery {
    /// `source` with `records_path`, where the answer is an object with exactly one list of objects in it.
    private func recordsPath(
        _ subject: Subject, _ window: LoadWindow, _ connector: AnyConnector, _ folder: SampleFolder
    ) async throws -> (source: JSONValue, part: EntityProposal.Part)? {
        let shape = try connector.shape(of: subject.entity)
        let isSettable = survey.type(of: system)?.sourceFields.contains { $0.name == "records_path" } == true
        guard shape.format == .json, shape.recordsPath.isEmpty, isSettable, subject.source["records_path"] == nil
        else { return nil }
        let sample = try await SourceAccess.sample(
            subject.entity, with: connector, window: window, limit: 1, into: folder)
        guard let file = sample.files.first else { return nil }
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: "\(sample.folder)/\(file.name)")))
        // A list needs no path, and was cut behind its first record.
        guard bytes.first(where: { $0 > 0x20 }) == UInt8(ascii: "{") else { return nil }
        let lists = Self.lists(in: try JSONReader.parse(bytes), depth: 0)
        guard lists.count <= 1 else {
            throw ConnectorError(
                "\(subject.entity.id): the answer has several lists of objects",
                hint: "choose one by \"records_path\" in the source: "
                    + lists.map { "\($0.place) (\($0.count))" }.joined(separator: ", "))
        }
        guard let list = lists.first else { return nil }
        let members = (subject.source.objectValue ?? []) + [JSONMember("records_path", .string(list.place))]
        return (
            .object(members),
            EntityProposal.Part(
                what: "records_path", proposal: list.place, reason: "the only list of objects in the answer")
        )
    }

    /// Lists of objects, not looked for within other lists.
    private static func lists(in value: JSONValue, depth: Int) -> [(place: String, count: Int)] {
        guard depth < 5, let members = value.objectValue else { return [] }
        return members.flatMap { member -> [(place: String, count: Int)] in
            let token = JSONPointer([member.name]).description
            if let elements = member.value.arrayValue {
                let isRecords = !elements.isEmpty && elements.allSatisfy { $0.objectValue != nil }
                return isRecords ? [(token, elements.count)] : []
            }
            return lists(in: member.value, depth: depth + 1).map { (token + $0.place, $0.count) }
        }
    }
}

extension ForEach {
    /// `for_each` as the metadata has it.
    fileprivate var value: JSONValue {
        switch self {
        case .values(let values): .object([JSONMember("values", .array(values))])
        case .entity(let id, let columns, let changedOnly):
            .object(
                [JSONMember("entity", .string(id.name)), JSONMember("columns", .array(columns.map { .string($0) }))]
                    + (changedOnly ? [JSONMember("changed_only", .bool(true))] : []))
        }
    }
}

extension Confidence {
    /// The reason in words.
    fileprivate var words: String {
        switch self {
        case .declared: "declared by the source"
        case .sampled(let records): "all \(grouped(records)) samples"
        case .named: "by name"
        }
    }
}
