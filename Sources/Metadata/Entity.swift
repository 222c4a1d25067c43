public import JSON

/// The id of an entity: its system and its name.
public struct EntityID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The system that owns the entity.
    public var system: SystemID
    /// The entity's name within the system.
    public var name: String
    /// An entity's id.
    public init(system: SystemID, name: String) {
        self.system = system
        self.name = name
    }
    /// `system.name`, as errors and commands write it.
    public var description: String { "\(system).\(name)" }
    /// `system_name`: the table in bronze and in silver.
    public var table: String { "\(system)_\(name)" }
    /// Byte order of system, then name.
    public static func < (left: EntityID, right: EntityID) -> Bool {
        left.system != right.system
            ? left.system < right.system : left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
    }
}

/// Whether a load brings everything that exists or only what changed.
public enum LoadType: String, Sendable, CaseIterable, Codable {
    /// A snapshot of everything; what is absent was deleted.
    case full
    /// Changes since the last cursor.
    case delta
}

/// How an entity keeps the past.
public enum HistoryMode: String, Sendable, CaseIterable {
    /// Every version is a row.
    case scd2
    /// One row per key, overwritten in place.
    case scd1
    /// Every document is a row, nothing closed.
    case append
    /// Exactly the last full batch.
    case latest
    /// scd2, and what was known when.
    case bitemporal
}

/// How a delta load asks for changes.
public struct DeltaLoad: Sendable {
    /// Where the window comes from.
    public enum Mode: String, Sendable, CaseIterable {
        /// A column that grows with every change.
        case cursor
        /// The source itself delivers only changes.
        case all
    }
    /// `mode`.
    public var mode: Mode
    /// `cursor_column`, one of the entity's columns; nil only with mode `all`.
    public var cursorColumn: String?
    /// `request_param`: the name of the request parameter that carries the cursor.
    public var requestParameter: String?
    /// `initial`: the cursor of the first delta load.
    public var initial: String?
    /// `lookback_s`: seconds (or units of an integer cursor) that the window reaches back.
    public var lookbackSeconds: Int
    /// `stop_when_older`: the source gives the newest first, so that a page's last record may end the load.
    public var stopsWhenOlder: Bool
    /// How a delta load asks for changes.
    public init(
        mode: Mode, cursorColumn: String? = nil, requestParameter: String? = nil, initial: String? = nil,
        lookbackSeconds: Int = 0, stopsWhenOlder: Bool = false
    ) {
        self.mode = mode
        self.cursorColumn = cursorColumn
        self.requestParameter = requestParameter
        self.initial = initial
        self.lookbackSeconds = lookbackSeconds
        self.stopsWhenOlder = stopsWhenOlder
    }
}

/// How a record says that its key was deleted.
public struct DeleteMarker: Sendable, Hashable {
    /// The column that says it.
    public var column: String
    /// The value that means deleted, as the text that the column's type accepts; nil: any value does.
    public var equals: String?
    /// A marker.
    public init(column: String, equals: String?) {
        self.column = column
        self.equals = equals
    }
}

/// A table of a source or a resource of an API: one object of `metadata/entities.json`.
public struct Entity: Sendable {
    /// What happens to a key that a full load no longer brings.
    public enum DeleteMode: String, Sendable, CaseIterable {
        /// Its version is closed as deleted.
        case close
        /// It stays open.
        case ignore
    }
    /// What happens when the source brings fields that the metadata does not name.
    public enum SchemaMode: String, Sendable, CaseIterable {
        /// Reported, and kept in bronze.
        case evolve
        /// The batch fails.
        case freeze
        /// Not even reported.
        case ignore
    }
    /// What happens to a change that is older than what is known of its key.
    public enum LateArrivals: String, Sendable, CaseIterable {
        /// It takes its place in the history, as if it had come in time.
        case splice
        /// It is counted, and left out.
        case ignore
        /// It is counted, left out, and kept as a rejected record.
        case reject
    }
    /// How the document is kept in bronze.
    public enum DocumentStorage: String, Sendable, CaseIterable {
        /// Queryable, numbers and order of keys normalized.
        case jsonb
        /// The exact text; cheaper to write.
        case json
    }
    /// How landed files are stored.
    public enum RawCompression: String, Sendable, CaseIterable {
        /// As received.
        case none
        /// zstd, level 1.
        case zstd
    }

    /// `system_id` and `name`.
    public var id: EntityID
    /// `description`, also the silver table's comment.
    public var description: String
    /// `load_type`.
    public var loadType: LoadType
    /// `columns`, in the file's order.
    public var columns: [Column]
    /// `source`: checked against the connector's fields, defaults filled in; an object.
    public var source: JSONValue
    /// `delta`; nil for an entity that only loads in full.
    public var delta: DeltaLoad?
    /// `order_by`: columns that order documents of one key within a batch.
    public var orderBy: [String]
    /// `history`.
    public var history: HistoryMode
    /// `effective_time_column`: from when a version is valid; nil: from the run's instant.
    public var effectiveTimeColumn: String?
    /// `late_arrivals`.
    public var lateArrivals: LateArrivals
    /// `delete_mode`.
    public var deleteMode: DeleteMode
    /// `delete_marker`.
    public var deleteMarker: DeleteMarker?
    /// `full_scope`: a full load deletes only among keys with one of the batch's values in this column.
    public var fullScope: String?
    /// `allow_empty`: an empty full batch deletes everything without asking.
    public var allowsEmpty: Bool
    /// `max_delete_fraction` of live keys that one full batch may delete by absence, 0…1.
    public var maxDeleteFraction: Double
    /// `max_reject_fraction` of a batch's records that may be rejected, 0…1.
    public var maxRejectFraction: Double
    /// `schema_mode`.
    public var schemaMode: SchemaMode
    /// `bronze.doc`.
    public var documentStorage: DocumentStorage
    /// `bronze.pattern` with `from`, `path` and `parent_columns`; nil for an entity that lands its own batches.
    public var explosion: Explosion?
    /// `for_each`: the rows or values for each of which the source is asked; nil for one request in all.
    public var forEach: ForEach?
    /// `raw.compress`.
    public var rawCompression: RawCompression
    /// `checks`: what must hold of the current rows after each merge.
    public var checks: [Check]
    /// `active`; an inactive entity is skipped.
    public var isActive: Bool
    /// `order`: lower runs first.
    public var order: Int
    /// `owner`.
    public var owner: String?
    /// `tags`.
    public var tags: [String]
    /// `timezone`; the system's where it is nil.
    public var timezone: String?
    /// `renamed_from`: the former name within the system.
    public var renamedFrom: String?
    /// Where the object stands: `metadata/entities.json: entities[3]`.
    public var origin: String

    /// An entity; the loader fills every attribute, tests name only what they need.
    public init(
        id: EntityID, description: String = "", loadType: LoadType = .full, columns: [Column],
        source: JSONValue = .object([]), delta: DeltaLoad? = nil, orderBy: [String] = [], history: HistoryMode = .scd2,
        effectiveTimeColumn: String? = nil, lateArrivals: LateArrivals = .splice, deleteMode: DeleteMode = .close,
        deleteMarker: DeleteMarker? = nil, fullScope: String? = nil, allowsEmpty: Bool = false,
        maxDeleteFraction: Double = 0.3,
        maxRejectFraction: Double = 0.01, schemaMode: SchemaMode = .evolve, documentStorage: DocumentStorage = .jsonb,
        explosion: Explosion? = nil, forEach: ForEach? = nil, rawCompression: RawCompression = .none,
        checks: [Check] = [],
        isActive: Bool = true, order: Int = 0,
        owner: String? = nil, tags: [String] = [], timezone: String? = nil, renamedFrom: String? = nil,
        origin: String = ""
    ) {
        self.id = id
        self.description = description
        self.loadType = loadType
        self.columns = columns
        self.source = source
        self.delta = delta
        self.orderBy = orderBy
        self.history = history
        self.effectiveTimeColumn = effectiveTimeColumn
        self.lateArrivals = lateArrivals
        self.deleteMode = deleteMode
        self.deleteMarker = deleteMarker
        self.fullScope = fullScope
        self.allowsEmpty = allowsEmpty
        self.maxDeleteFraction = maxDeleteFraction
        self.maxRejectFraction = maxRejectFraction
        self.schemaMode = schemaMode
        self.documentStorage = documentStorage
        self.explosion = explosion
        self.forEach = forEach
        self.rawCompression = rawCompression
        self.checks = checks
        self.isActive = isActive
        self.order = order
        self.owner = owner
        self.tags = tags
        self.timezone = timezone
        self.renamedFrom = renamedFrom
        self.origin = origin
    }

    /// The key columns, in the metadata's order.
    public var keyColumns: [Column] { columns.filter(\.isKey) }

    /// The columns that silver stores, in the metadata's order.
    public var storedColumns: [Column] { columns.filter(\.isStored) }

    /// Where among its columns the delta's cursor column is; nil where it has none.
    public var cursorIndex: Int? { columns.firstIndex { $0.name == delta?.cursorColumn } }
}
