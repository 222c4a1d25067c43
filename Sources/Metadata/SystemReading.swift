import JSON
import Primitives

/// A system as far as it could be read: rules across the catalogue still need the id of a faulty one.
struct ReadSystem {
    let object: LocatedObject
    let id: SystemID?
    let connector: ConnectorDescription?
    let after: [String]
    /// The value; nil where a mandatory attribute is missing or wrong.
    let system: SourceSystem?
}

/// Reads one object of `systems`, all problems collected.
struct SystemReading {
    let connectors: [ConnectorDescription]
    private(set) var problems: [MetadataProblem] = []

    init(connectors: [ConnectorDescription]) { self.connectors = connectors }

    mutating func read(_ object: LocatedObject) -> ReadSystem {
        var check = FieldCheck(file: object.file)
        let place = object.pointer
        var value = check.check(object.value, against: MetadataFields.system, at: place)
        let connector = connector(named: value["type"]?.stringValue, &check, place.appending("type"))
        if let connector, let connection = value["connection"] {
            let checked = check.check(
                connection, against: connector.connectionFields, at: place.appending("connection"))
            value.replace("connection", with: checked)
        }
        check.checkTexts(["name", "description"], of: value, at: place)
        let id = value["id"]?.stringValue.map(SystemID.init(rawValue:))
        if id == .gold {
            check.report(place.appending("id"), "'gold' is reserved for the runs of gold", expected: "another id")
        }
        checkTimes(value, &check, place)
        let schemas = schemas(value, &check, place.appending("schemas"))
        problems += check.problems
        let after = value["after"]?.arrayValue?.compactMap(\.stringValue) ?? []
        var system = SourceSystem(checked: value, id: id, schemas: schemas, origin: object.origin)
        system?.after = after.map(SystemID.init(rawValue:))
        return ReadSystem(object: object, id: id, connector: connector, after: after, system: system)
    }

    private func connector(
        named name: String?, _ check: inout FieldCheck, _ place: JSONPointer
    ) -> ConnectorDescription? {
        guard let name else { return nil }
        if let connector = connectors.first(where: { $0.name == name }) { return connector }
        let known = connectors.map(\.name)
        check.report(
            place, "unknown type \(quoted(name))", expected: anyOf(known, none: "a connector, of which there are none"),
            nearest: nearestName(to: name, among: known))
        return nil
    }

    private func checkTimes(_ value: JSONValue, _ check: inout FieldCheck, _ place: JSONPointer) {
        if let schedule = value["schedule"]?.stringValue {
            do throws(CronExpression.Fault) {
                _ = try CronExpression(schedule)
            } catch {
                check.report(place.appending("schedule"), error.what, expected: error.expected)
            }
        }
        check.checkTimeZone(value["timezone"]?.stringValue, at: place.appending("timezone"))
    }

    private func schemas(
        _ value: JSONValue, _ check: inout FieldCheck, _ place: JSONPointer
    ) -> SourceSystem.Schemas {
        let schemas = SourceSystem.Schemas(
            bronze: value["schemas"]?["bronze"]?.stringValue ?? "bronze",
            silver: value["schemas"]?["silver"]?.stringValue ?? "silver")
        for (layer, name) in [("bronze", schemas.bronze), ("silver", schemas.silver)] {
            if ReservedNames.schemas.contains(name) || name.hasPrefix("pg_") {
                check.report(place.appending(layer), "schema \(quoted(name)) is reserved", expected: "another schema")
            } else if name.utf8.count > ReservedNames.identifierBytes {
                check.report(
                    place.appending(layer), "\(name.utf8.count) bytes",
                    expected: "at most \(ReservedNames.identifierBytes)")
            }
        }
        if schemas.bronze == schemas.silver {
            check.report(
                place, "bronze and silver are both \(quoted(schemas.bronze))",
                expected: "two schemas, since their tables have the same names")
        }
        return schemas
    }
}

extension FieldCheck {
    /// Reports texts for people that say nothing.
    mutating func checkTexts(_ names: [String], of value: JSONValue, at place: JSONPointer) {
        for name in names where value[name]?.stringValue?.allSatisfy(\.isWhitespace) == true {
            report(place.appending(name), "empty", expected: "a text for people")
        }
    }

    /// Reports a name that is no IANA time zone.
    mutating func checkTimeZone(_ name: String?, at place: JSONPointer) {
        guard let name, !TimeZoneName.isKnown(name) else { return }
        report(
            place, "unknown time zone \(quoted(name))", expected: "an IANA name such as Europe/Berlin",
            nearest: TimeZoneName.nearest(to: name))
    }
}

extension JSONValue {
    /// Puts a value in the place of a member's, or appends the member; nothing for anything but an object.
    mutating func replace(_ name: String, with value: JSONValue) {
        guard case .object(var members) = self else { return }
        members.removeAll { $0.name == name }
        self = .object(members + [JSONMember(name, value)])
    }
}

extension SourceSystem {
    /// A system from a checked object with its defaults; nil where a mandatory attribute is missing.
    fileprivate init?(checked value: JSONValue, id: SystemID?, schemas: Schemas, origin: String) {
        guard let id, let name = value["name"]?.stringValue, let description = value["description"]?.stringValue,
            let type = value["type"]?.stringValue
        else { return nil }
        self.init(
            id: id, name: name, description: description, type: type, connection: value["connection"] ?? .object([]),
            isActive: value["active"]?.boolValue ?? true, owner: value["owner"]?.stringValue,
            tags: value["tags"]?.strings ?? [], schedule: value["schedule"]?.stringValue,
            timezone: value["timezone"]?.stringValue ?? "UTC", after: [],
            onFailure: value["on_failure"]?.stringValue.flatMap(FailurePolicy.init) ?? .continue,
            retries: value["retries"]?.intValue ?? 0, timeoutSeconds: value["timeout_s"]?.intValue ?? 3600,
            concurrency: value["concurrency"]?.intValue ?? 4,
            rateLimit: value["rate_limit"].flatMap { limit in
                limit["requests"]?.intValue.map {
                    SourceSystem.RateLimit(requests: $0, seconds: limit["per_s"]?.doubleValue ?? 1)
                }
            }, schemas: schemas, origin: origin)
    }
}

extension JSONValue {
    /// The strings of an array.
    var strings: [String] { arrayValue?.compactMap(\.stringValue) ?? [] }
}
