public import Metadata
public import Primitives

/// Who or what asked for a run, as the audit writes it.
public enum TriggerType: String, Sendable {
    /// Somebody, by hand.
    case manual
    /// A scheduler.
    case schedule
    /// Another run that ended.
    case completion
    /// A run that goes on where another one failed.
    case retry
    /// A run of an earlier logical instant.
    case backfill
    /// A derivation of what is there from bronze or raw.
    case rebuild
}

/// What a `medallion run` is asked for.
public struct RunRequest: Sendable {
    /// Systems to run; empty means all active ones.
    public var systems: [SystemID] = []
    /// Entities to run; empty means all active ones of the systems.
    public var entities: [EntityID] = []
    /// Layers to run.
    public var layers: Set<Layer> = Set(Layer.allCases)
    /// nil: each entity's own load type.
    public var loadType: LoadType?
    /// Take a new instant even where the requested one succeeded before.
    public var force = false
    /// Go on where this run failed; see `resuming`.
    public var resume: UUIDValue?
    /// The logical instant; nil means now.
    public var runTimestamp: Instant?
    /// Apply batches that delete more than their entities allow.
    public var allowsDeletes = false
    /// Apply batches with more rejects than their entities allow.
    public var acceptsRejects = false
    /// Merge batches, and build gold, although checks of severity `fail` are broken.
    public var acceptsChecks = false
    /// Make and change tables where that is lossless.
    public var appliesDDL = true
    /// Who asked.
    public var trigger = TriggerType.manual

    /// Everything, as the metadata says.
    public init() {}

    func selects(_ entity: Entity) -> Bool { entities.isEmpty || entities.contains(entity.id) }

    func selects(_ system: SourceSystem) -> Bool {
        if !entities.isEmpty, !entities.contains(where: { $0.system == system.id }) { return false }
        return systems.isEmpty || systems.contains(system.id)
    }
}
