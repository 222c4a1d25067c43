import JSON

/// An entity as far as it could be read: rules across the catalogue still need the names of a faulty one.
struct ReadEntity {
    let object: LocatedObject
    let system: String?
    let name: String?
    let renamedFrom: String?
    /// Names of all columns, faulty ones too, with their place.
    let columnNames: [(name: String, place: JSONPointer)]
    /// `references` of the columns, with their place.
    let references: [(text: String, place: JSONPointer)]
    /// `references` of the checks, with their place.
    let checkReferences: [(text: String, place: JSONPointer)]
    /// True where the records are rows of strings, which have no lists.
    let isTabular: Bool
    /// The value; nil where a mandatory attribute is missing or wrong.
    let entity: Entity?
}

/// Reads one object of `entities`, all problems collected.
struct EntityReading {
    /// The connector of each system that has a known one, by system id.
    let connectors: [String: ConnectorDescription]
    private(set) var problems: [MetadataProblem] = []

    init(connectors: [String: ConnectorDescription]) { self.connectors = connectors }

    mutating func read(_ object: LocatedObject) -> ReadEntity {
        var draft = EntityDraft(object)
        draft.checkSource(connectors)
        draft.checkColumns()
        draft.applyKey()
        draft.readExplosion()
        draft.readForEach(connectors)
        draft.checkHistory()
        draft.checkEffectiveTime()
        draft.checkDeletes()
        draft.checkOrder()
        draft.applyDelta()
        draft.readChecks()
        draft.checkRest()
        problems += draft.check.problems
        let value = draft.value
        let columns = value["columns"]?.arrayValue ?? []
        func texts(_ attribute: String) -> [(String, JSONPointer)] {
            columns.enumerated().compactMap { index, column in
                column[attribute]?.stringValue.map { ($0, draft.columnPlace(index).appending(attribute)) }
            }
        }
        let isTabular =
            value["system_id"]?.stringValue.flatMap { connectors[$0] }?.isTabular(value["source"] ?? .object([]))
            ?? false
        return ReadEntity(
            object: object, system: value["system_id"]?.stringValue, name: value["name"]?.stringValue,
            renamedFrom: value["renamed_from"]?.stringValue,
            columnNames: texts("name"), references: texts("references"),
            checkReferences: draft.checkReferences, isTabular: isTabular, entity: draft.entity)
    }
}
