public import JSON

/// JSON Schemas (draft 2020-12) of the metadata files, for editors; made of the lists that the loader checks against.
///
/// They say less than the loader: what holds across objects is only in the loader.
public enum MetadataSchema {
    /// The schema of `systems.json`: `connection` takes the attributes of the connector that `type` names.
    public static func systems(connectors: [ConnectorDescription]) -> JSONValue {
        var system = FieldSchema.object(
            replacing("type", by: .oneOf(connectors.map(\.name)), in: MetadataFields.system))
        system.append(
            "allOf",
            .array(
                connectors.map { connector in
                    condition(
                        "type", [connector.name], "connection", FieldSchema.object(connector.connectionFields),
                        isRequired: connector.connectionFields.contains(where: \.isRequired))
                }))
        return file("systems", "Systems of a medallion project", element: system)
    }

    /// The schema of `entities.json`: `source` takes the attributes of the system's connector where `systems` names
    /// the system, else those of any connector.
    public static func entities(connectors: [ConnectorDescription], systems: [SourceSystem] = []) -> JSONValue {
        var entity = FieldSchema.object(MetadataFields.entity)
        let used = connectors.filter { connector in systems.contains { $0.type == connector.name } }
        let conditions = used.map { connector in
            condition(
                "system_id", systems.filter { $0.type == connector.name }.map(\.id.rawValue), "source",
                FieldSchema.object(connector.sourceFields),
                isRequired: connector.sourceFields.contains(where: \.isRequired), unless: [isExploded])
        }
        if !conditions.isEmpty { entity.append("allOf", .array(conditions)) }
        let anySource = JSONValue.object([
            JSONMember("anyOf", .array(connectors.map { FieldSchema.object($0.sourceFields) }))
        ])
        if conditions.isEmpty, !connectors.isEmpty, case .object(var properties)? = entity["properties"] {
            for index in properties.indices where properties[index].name == "source" {
                properties[index].value.append("anyOf", anySource["anyOf"] ?? .array([]))
            }
            entity.replace("properties", with: .object(properties))
        }
        return file("entities", "Entities of a medallion project", element: entity)
    }

    /// An array of elements, an object with that array under `key`, or, in a file of its own, one element.
    private static func file(_ key: String, _ title: String, element: JSONValue) -> JSONValue {
        let reference = schema([("$ref", .string("#/$defs/element"))])
        let array = schema([("type", .string("array")), ("items", reference)])
        let wrapped = schema([
            ("type", .string("object")),
            ("properties", schema([("$schema", schema([("type", .string("string"))])), (key, array)])),
            ("required", .array([.string(key)])), ("additionalProperties", .bool(false)),
        ])
        return schema([
            ("$schema", .string("https://json-schema.org/draft/2020-12/schema")), ("title", .string(title)),
            ("oneOf", .array([array, wrapped, reference])), ("$defs", schema([("element", element)])),
        ])
    }

    /// If `name` is one of `values`, then `member` must satisfy `then`.
    private static func condition(
        _ name: String, _ values: [String], _ member: String, _ then: JSONValue, isRequired: Bool,
        unless exceptions: [JSONValue] = []
    ) -> JSONValue {
        let test = schema([
            ("properties", schema([(name, schema([("enum", .array(values.map(JSONValue.string)))]))])),
            ("required", .array([.string(name)])),
        ])
        var consequence = schema([("properties", schema([(member, then)]))])
        if isRequired { consequence.append("anyOf", .array([required([member])] + exceptions)) }
        return schema([("if", test), ("then", consequence)])
    }

    private static func required(_ names: [String]) -> JSONValue {
        schema([("required", .array(names.map(JSONValue.string)))])
    }

    /// An entity that lands nothing has no source.
    private static var isExploded: JSONValue {
        let patterns = Explosion.Pattern.allCases.map { JSONValue.string($0.rawValue) }
        var bronze = required(["pattern"])
        bronze.append("properties", schema([("pattern", schema([("enum", .array(patterns))]))]))
        var entity = required(["bronze"])
        entity.append("properties", schema([("bronze", bronze)]))
        return entity
    }

    private static func replacing(_ name: String, by type: FieldType, in fields: [Field]) -> [Field] {
        fields.map { field in
            var field = field
            if field.name == name { field.type = type }
            return field
        }
    }
}

/// A JSON object in that order of keys.
private func schema(_ members: [(String, JSONValue)]) -> JSONValue {
    .object(members.map { JSONMember($0.0, $0.1) })
}

/// The schema of one object with fields.
private enum FieldSchema {
    /// Keys that this version cannot obey are left out, so that editors mark them like unknown ones.
    static func object(_ fields: [Field]) -> JSONValue {
        let known = fields.filter { $0.type != .notYetSupported }
        var result = JSONValue.object([
            JSONMember("type", .string("object")),
            JSONMember("properties", .object(known.map { JSONMember($0.name, property($0)) })),
        ])
        let required = known.filter(\.isRequired)
        if !required.isEmpty { result.append("required", .array(required.map { .string($0.name) })) }
        result.append("additionalProperties", .bool(false))
        return result
    }

    private static func property(_ field: Field) -> JSONValue {
        var result = field.isSecret ? secret(field.type) : type(field.type)
        result.append("description", .string(field.text))
        if let value = field.defaultValue { result.append("default", value) }
        return result
    }

    private static func type(_ type: FieldType) -> JSONValue {
        switch type {
        case .string: typed("string")
        case .pattern(let pattern): typed("string", ("pattern", .string(pattern)))
        case .oneOf(let values), .oneOfNow(let values, _): schema([("enum", .array(values.map(JSONValue.string)))])
        case .int(let range):
            typed(
                "integer", range.lowerBound == .min ? nil : bound("minimum", range.lowerBound),
                range.upperBound == .max ? nil : bound("maximum", range.upperBound))
        case .number(let range):
            typed(
                "number", range.lowerBound <= -.greatestFiniteMagnitude ? nil : bound("minimum", range.lowerBound),
                range.upperBound >= .greatestFiniteMagnitude ? nil : bound("maximum", range.upperBound))
        case .bool: typed("boolean")
        case .array(let element): typed("array", ("items", Self.type(element)))
        case .map(.any): typed("object")
        case .map(let value): typed("object", ("additionalProperties", Self.type(value)))
        case .object(let fields): object(fields)
        case .variant(let name, let variants):
            schema([
                (
                    "oneOf",
                    .array(
                        variants.map { variant in
                            object(
                                [Field(name, .oneOf([variant.value]), required: true, "Selects the other keys.")]
                                    + variant.fields)
                        })
                )
            ])
        case .either(let types): schema([("anyOf", .array(types.map(Self.type)))])
        case .any: schema([])
        case .notYetSupported: .bool(false)
        }
    }

    /// `{"secret": "name"}`, for each value of an array or a map.
    private static func secret(_ type: FieldType) -> JSONValue {
        switch type {
        case .array(let element): typed("array", ("items", secret(element)))
        case .map(let value): typed("object", ("additionalProperties", secret(value)))
        default: object([Field("secret", .pattern(Field.secretNamePattern), required: true, "The secret's name.")])
        }
    }

    private static func typed(_ name: String, _ members: (String, JSONValue)?...) -> JSONValue {
        schema([("type", .string(name))] + members.compactMap { $0 })
    }

    private static func bound(_ name: String, _ value: some Any) -> (String, JSONValue) {
        (name, .number(plainNumber(value)))
    }
}

extension JSONValue {
    /// Appends a member; nothing for anything but an object.
    fileprivate mutating func append(_ name: String, _ value: JSONValue) {
        guard case .object(let members) = self else { return }
        self = .object(members + [JSONMember(name, value)])
    }
}
