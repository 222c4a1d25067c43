import ConnectorKit
public import JSON
public import Metadata
import Pipeline
import Primitives

/// Asks everything of a system that can go wrong before its first run: metadata, secrets, the way in, first payloads.
public struct SourceCheck: Sendable {
    /// One thing that was tried.
    public struct Finding: Sendable {
        /// What came of it.
        public enum Outcome: Sendable, Hashable {
            /// It is right; what was found.
            case good(String)
            /// It failed: why, and what to do, which may be empty.
            case bad(String, remedy: String)
            /// It was not tried, and why.
            case untried(String)
        }
        /// What was tried.
        public var subject: String
        /// What came of it.
        public var outcome: Outcome
        /// How long it took.
        public var seconds: Double
    }

    /// Says which provider has a secret, never its value.
    public typealias Provider = @Sendable (_ name: String) async throws -> String

    private let access: SourceAccess
    private let survey: CatalogSurvey
    private let system: SourceSystem
    private let provider: Provider

    /// A check of one system of the survey.
    public init(_ system: SourceSystem, of survey: CatalogSurvey, access: SourceAccess, provider: @escaping Provider) {
        self.access = access
        self.survey = survey
        self.system = system
        self.provider = provider
    }

    /// Tries one thing after the other and tells of each at once.
    /// - Parameters:
    ///   - chosen: The entities whose first payload is read; without any, those of all.
    ///   - parent: The row of `for_each` to ask with.
    /// - Throws: `CancellationError`, or what the folder for samples objects to.
    public func run(
        entities chosen: [Entity], parent: JSONValue? = nil, _ tell: (Finding) -> Void
    ) async throws {
        tellOfMetadata(tell)
        let entities = survey.entities(of: system.id)
        guard try await resolveSecrets(of: entities, tell) else { return }
        let folder = try SampleFolder(environment: access.environment)
        try await attempt("connection", tell) {
            try await access.withConnector(of: system, for: entities) { connector in
                try await ask(connector, tell)
                for entity in chosen.isEmpty ? entities : chosen {
                    try await read(entity, parent, connector, folder, tell)
                }
                return nil
            }
        }
    }

    private func tellOfMetadata(_ tell: (Finding) -> Void) {
        for problem in survey.problems {
            tell(Finding(subject: "metadata", outcome: .bad("\(problem)", remedy: ""), seconds: 0))
        }
        guard survey.problems.isEmpty else { return }
        let count = survey.entities(of: system.id).count
        let text = "valid; \(count) \(count == 1 ? "entity" : "entities") of \(system.id), type \(system.type)"
        tell(Finding(subject: "metadata", outcome: .good(text), seconds: 0))
    }

    /// False where a secret is missing: the source would then be asked for nothing but a refusal.
    private func resolveSecrets(of entities: [Entity], _ tell: (Finding) -> Void) async throws -> Bool {
        let values = [system.connection] + entities.map(\.source)
        let names = values.reduce(into: Set<String>()) { $0.formUnion(SecretReference.names(in: $1)) }
        var isComplete = true
        for name in names.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
            let isThere = try await attempt("secret \(name)", tell) { "from \(try await provider(name))" }
            isComplete = isComplete && isThere
        }
        return isComplete
    }

    private func ask(_ connector: AnyConnector, _ tell: (Finding) -> Void) async throws {
        let began = ContinuousClock.now
        let answers = try await connector.check() ?? []
        let seconds = (ContinuousClock.now - began) / .seconds(1)
        for (index, answer) in answers.enumerated() {
            let text = mask(answer)
            tell(Finding(subject: "connection", outcome: .good(text), seconds: index == 0 ? seconds : 0))
        }
    }

    private func read(
        _ entity: Entity, _ parent: JSONValue?, _ connector: AnyConnector, _ folder: SampleFolder,
        _ tell: (Finding) -> Void
    ) async throws {
        let subject = "\(entity.id)"
        func leave(_ reason: String) { tell(Finding(subject: subject, outcome: .untried(reason), seconds: 0)) }
        guard entity.isActive else { return leave("inactive") }
        if let explosion = entity.explosion { return leave("made of the lists of \(explosion.parent)") }
        var window = LoadWindow(loadType: .full, until: access.clock.now())
        switch (entity.forEach, parent) {
        case (nil, _): break
        case (_, let parent?): window.parents = ParentRows([parent])
        case (.values(let values)?, nil): window.parents = ParentRows(Array(values.prefix(1)))
        case (.entity(let id, let columns, _)?, nil):
            let example = columns.map { "\"\($0)\": …" }.joined(separator: ", ")
            return leave("asked for once for each row of \(id): add --entity \(entity.id.name) --parent '{\(example)}'")
        }
        let asked = window
        try await attempt(subject, tell) {
            let sample = try await SourceAccess.sample(entity, with: connector, window: asked, limit: 1, into: folder)
            guard sample.recordCount > 0 else { return "answers, without any record" }
            var objection: String?
            try SampleReading(sample.sample(of: entity.id), of: entity, timezone: system.timezone).visit(limit: 1) {
                objection = $0.objection
            }
            if let objection {
                throw ConnectorError(
                    "it answers, but its first record would not be kept: \(mask(objection))",
                    hint: "see 'medallion read \(entity.id)'")
            }
            return "answers with records"
        }
    }

    private func mask(_ text: String) -> String { access.secrets.known.mask(text) }

    /// Tries something and tells of it, unless it has nothing to tell; false where it failed.
    @discardableResult
    private func attempt(
        _ subject: String, _ tell: (Finding) -> Void, _ body: () async throws -> String?
    ) async throws -> Bool {
        let began = ContinuousClock.now
        var outcome: Finding.Outcome
        do {
            guard let text = try await body() else { return true }
            outcome = .good(text)
        } catch let error as CancellationError {
            throw error
        } catch let error as ConnectorError {
            outcome = .bad(mask(error.message), remedy: mask(error.hint))
        } catch {
            outcome = .bad(mask("\(error)"), remedy: "")
        }
        tell(Finding(subject: subject, outcome: outcome, seconds: (ContinuousClock.now - began) / .seconds(1)))
        if case .bad = outcome { return false }
        return true
    }
}
