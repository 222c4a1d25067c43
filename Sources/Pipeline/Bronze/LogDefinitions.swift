internal import JSON
internal import Metadata
internal import Postgres
internal import Primitives

/// By which definitions the changes in an entity's bronze were read, besides those of its columns: `metadata.entity_shape` keeps them.
///
/// When a change holds (`times_by`), which of one time is the newest (`orders_by`) and to which scope a key belongs (`scopes_by`) is
/// read when the change comes, and stays as it was read. Under another definition the changes that come could not be compared with
/// those that are there. So another one is refused as soon as there is a change, with both ways out.
struct LogDefinitions {
    private let entity: EntityID
    private let scope: ScopeDefinition
    private let order: OrderDefinition
    private let time: TimeDefinition

    init(_ entity: Entity, timezone: String) {
        self.entity = entity.id
        scope = ScopeDefinition(entity, timezone: timezone)
        order = OrderDefinition(entity, timezone: timezone)
        time = TimeDefinition(entity, timezone: timezone)
    }

    /// Why changes that were read under the recorded definitions forbid these; nil where they do not.
    func objection(to recorded: RecordedShape?) -> String? {
        guard
            let (reason, option) = time.objection(to: recorded?.times) ?? scope.objection(to: recorded?.scopes)
                ?? order.objection(to: recorded?.orders)
        else { return nil }
        return
            "\(reason); set \(option) back, or build the tables again from raw: medallion rebuild \(entity) --from raw"
    }

    /// Notes that bronze is by these definitions, in the transaction that has made it so.
    /// - Returns: What people should know of the changes that were there; nil as a rule.
    @discardableResult
    func note(on connection: PostgresConnection) async throws -> String? {
        let changed = try await connection.query(
            """
            UPDATE metadata.entity_shape e SET scopes_by = \(scope.text), times_by = \(time.text),
                orders_by = coalesce(\(order.text), e.orders_by)
            FROM metadata.entity_shape was
            WHERE e.system_id = \(entity.system.rawValue) AND e.entity_name = \(entity.name)
                AND was.system_id = e.system_id AND was.entity_name = e.entity_name
                AND (e.scopes_by IS DISTINCT FROM \(scope.text) OR e.times_by IS DISTINCT FROM \(time.text)
                    OR e.orders_by IS DISTINCT FROM coalesce(\(order.text), e.orders_by))
            RETURNING was.times_by
            """)
        return try changed.first.flatMap { time.advice(behind: try $0.get(0)) }
    }
}

/// Where the scope of a key is read, and how.
///
/// A key's scope is that of its last document, taken when that document came. Under another definition each of them would
/// have to be read again, also those of keys that never change; until then what is absent would be deleted wrongly or not
/// at all.
struct ScopeDefinition {
    private let entity: EntityID
    /// As it is kept; empty where scopes decide nothing.
    fileprivate let text: String

    init(_ entity: Entity, timezone: String) {
        self.entity = entity.id
        guard Self.matters(to: entity),
            let column = EntityShape.column(named: entity.fullScope, of: entity, timezone: timezone)
        else {
            text = ""
            return
        }
        text = JSONValue.object(column.definition + [JSONMember("version", .string("\(RowHash.version)"))]).text()
    }

    /// False where absence means nothing, whatever the scope.
    static func matters(to entity: Entity) -> Bool { entity.deleteMode == .close && entity.history != .append }

    /// - Parameter recorded: By which one the scopes were taken; nil where that was never noted.
    fileprivate func objection(to recorded: String?) -> (reason: String, option: String)? {
        guard !text.isEmpty, recorded != text else { return nil }
        let reason =
            "keys of \(entity) have their full_scope from \(Self.title(recorded)), the metadata says \(Self.title(text)): "
            + "those that do not change would keep it, and be deleted wrongly or not at all"
        return (reason, "full_scope")
    }

    /// `/region (text)`, or nowhere.
    private static func title(_ recorded: String?) -> String {
        // What was never noted, and the note that there are none, are no JSON.
        guard let recorded, let kept = try? JSONReader.parse(recorded) else { return "nowhere" }
        return EntityShape.Column.title(of: kept)
    }
}

/// By which `order_by` the changes of one key and one effective time stand in bronze.
///
/// The log has each change's place in the order as bytes. Under another definition they cannot be compared with those that come, and a
/// correction would be lost behind what it corrects.
private struct OrderDefinition {
    private let entity: EntityID
    /// As it is kept; nil where the log needs no order.
    let text: String?
    /// That of an entity without `order_by`, which any other may follow: what has no place is the oldest.
    private static let none = "[]"

    init(_ entity: Entity, timezone: String) {
        self.entity = entity.id
        guard entity.effectiveTimeColumn != nil else {
            text = nil
            return
        }
        let columns = entity.orderBy.compactMap { EntityShape.column(named: $0, of: entity, timezone: timezone) }
        text = JSONValue.array(columns.map { .object($0.definition) }).text()
    }

    func objection(to recorded: String?) -> (reason: String, option: String)? {
        guard let text, let recorded, recorded != text, recorded != Self.none else { return nil }
        let reason =
            "changes of \(entity) of one effective time are ordered by \(Self.title(recorded)), the metadata says "
            + "\(Self.title(text)): what comes could not be compared with them"
        return (reason, "order_by")
    }

    /// `/seq (integer), /sent (timestamptz)`, or nothing.
    private static func title(_ recorded: String) -> String {
        let columns = (try? JSONReader.parse(recorded))?.arrayValue ?? []
        return columns.isEmpty ? "nothing" : columns.map(EntityShape.Column.title).joined(separator: ", ")
    }
}

/// From which column the changes in bronze have their effective time, and how it is read.
///
/// Each change keeps the instant it was logged with. Beside others that were read elsewhere it would stand in a history that no source
/// ever told, and without any its place would be lost. From none to one is fine: what came before counts from its run on.
private struct TimeDefinition {
    private let entity: EntityID
    /// As it is kept; empty where changes hold from their runs on.
    let text: String

    init(_ entity: Entity, timezone: String) {
        self.entity = entity.id
        let column = EntityShape.column(named: entity.effectiveTimeColumn, of: entity, timezone: timezone)
        text = column.map { JSONValue.object($0.definition).text() } ?? ""
    }

    /// - Parameter recorded: By which one the changes were logged; nil where that was never noted, as by versions before this one.
    func objection(to recorded: String?) -> (reason: String, option: String)? {
        guard let recorded, recorded != text, !recorded.isEmpty else { return nil }
        let reason =
            "changes of \(entity) have their effective time from \(Self.title(recorded)), the metadata says \(Self.title(text)): "
            + "beside them, what comes would make a history that nobody told"
        return (reason, "effective_time_column")
    }

    /// What a first effective time leaves as it is.
    func advice(behind recorded: String?) -> String? {
        guard let recorded, recorded.isEmpty, !text.isEmpty else { return nil }
        return
            "changes count from the time at \(Self.title(text)) now, those of earlier batches still from their runs; "
            + "to give them theirs: medallion rebuild \(entity) --from raw"
    }

    /// `/valid_from (timestamptz)`, or their runs.
    private static func title(_ recorded: String) -> String {
        guard let kept = try? JSONReader.parse(recorded) else { return "their runs" }
        return EntityShape.Column.title(of: kept)
    }
}
