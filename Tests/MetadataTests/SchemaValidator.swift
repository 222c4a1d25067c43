import Foundation
import JSON

/// As much of JSON Schema, draft 2020-12, as `MetadataSchema` uses; a keyword that it does not know is a fault.
struct SchemaValidator {
    let root: JSONValue

    /// Places and keywords that a value violates; empty where it is valid.
    func faults(of value: JSONValue) -> [String] { faults(of: value, root, at: .root) }

    private func faults(of value: JSONValue, _ schema: JSONValue, at place: JSONPointer) -> [String] {
        guard case .object(let keywords) = schema else {
            return schema == .bool(true) ? [] : ["\(place.dotted): false"]
        }
        return keywords.flatMap { faults(of: value, $0.name, $0.value, schema, at: place) }
    }

    private func faults(
        of value: JSONValue, _ keyword: String, _ argument: JSONValue, _ schema: JSONValue, at place: JSONPointer
    ) -> [String] {
        func fault(_ isValid: Bool?) -> [String] { isValid == false ? ["\(place.dotted): \(keyword)"] : [] }
        func branches() -> [[String]] { (argument.arrayValue ?? []).map { faults(of: value, $0, at: place) } }
        switch keyword {
        case "$schema", "$defs", "title", "description", "default", "then": return []
        case "$ref":
            let target = argument.stringValue.flatMap { JSONPointer(String($0.dropFirst())) }.flatMap { root[$0] }
            return target.map { faults(of: value, $0, at: place) } ?? ["unresolved \(argument.text())"]
        case "type": return fault(argument.stringValue == typeName(of: value) || isNumber(value, argument))
        case "enum": return fault(argument.arrayValue?.contains(value))
        case "pattern":
            return fault(
                value.stringValue.map { $0.range(of: argument.stringValue ?? "", options: .regularExpression) != nil })
        case "minimum": return fault(value.doubleValue.map { $0 >= argument.doubleValue ?? .infinity })
        case "maximum": return fault(value.doubleValue.map { $0 <= argument.doubleValue ?? -.infinity })
        case "items":
            return (value.arrayValue ?? []).enumerated().flatMap { faults(of: $1, argument, at: place.appending($0)) }
        case "required":
            return fault(
                value.objectValue.map { _ in
                    argument.arrayValue?.allSatisfy { value[$0.stringValue ?? ""] != nil } ?? false
                })
        case "properties":
            return (value.objectValue ?? []).flatMap { member in
                argument[member.name].map { faults(of: member.value, $0, at: place.appending(member.name)) } ?? []
            }
        case "additionalProperties":
            return (value.objectValue ?? []).filter { schema["properties"]?[$0.name] == nil }
                .flatMap { faults(of: $0.value, argument, at: place.appending($0.name)) }
        case "allOf": return branches().flatMap { $0 }
        case "anyOf": return fault(branches().contains([]))
        case "oneOf": return fault(branches().count { $0.isEmpty } == 1)
        case "if":
            return faults(of: value, argument, at: place).isEmpty
                ? faults(of: value, schema["then"] ?? .bool(true), at: place) : []
        default: return ["unknown keyword \(keyword)"]
        }
    }

    private func isNumber(_ value: JSONValue, _ type: JSONValue) -> Bool {
        type == .string("integer") ? value.intValue != nil : type == .string("number") && value.doubleValue != nil
    }

    private func typeName(of value: JSONValue) -> String {
        switch value {
        case .null: "null"
        case .bool: "boolean"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}
