public import JSON

/// An entity's metadata, written short.
///
/// ```swift
/// TestEntity(columns: "id int key, name text, price numeric(10,2), seen timestamptz scd=1", #"{"order_by": ["seen"]}"#)
/// ```
/// A column is its name, its type and its attributes, each `name` for true or `name=value`.
public struct TestEntity: Sendable {
    /// The entity's name.
    public let name: String
    /// The object as it would stand in `metadata/entities.json`.
    public let metadata: JSONValue

    /// An entity that is read in full from `<name>/*.jsonl`; `attributes` is a JSON object that adds to that.
    public init(_ name: String = "things", columns: String, _ attributes: String = "{}") throws {
        self.name = name
        var members = [
            JSONMember("name", .string(name)), JSONMember("system_id", .string("t")),
            JSONMember("description", .string("Things of a test")), JSONMember("load_type", .string("full")),
            JSONMember("source", .object([JSONMember("path", .string("\(name)/*.jsonl"))])),
            JSONMember("columns", .array(try columns.split(separator: ", ").map(TestEntity.column))),
        ]
        for given in try JSONReader.parse(attributes).objectValue ?? [] {
            members.removeAll { $0.name == given.name }
            members.append(given)
        }
        // What is exploded reads another entity's batches.
        if case .object(let bronze)? = members.first(where: { $0.name == "bronze" })?.value,
            bronze.contains(where: { $0.name == "pattern" })
        {
            members.removeAll { $0.name == "source" }
        }
        metadata = .object(members)
    }

    private static func column(_ text: Substring) throws -> JSONValue {
        let words = text.split(separator: " ")
        precondition(words.count >= 2, "a column is at least its name and its type: '\(text)'")
        let type = words[1].split(whereSeparator: { "(,)".contains($0) })
        var members = [JSONMember("name", .string(String(words[0]))), JSONMember("type", .string(String(type[0])))]
        let parameters = type[0] == "string" ? ["length"] : ["precision", "scale"]
        for (parameter, value) in zip(parameters, type.dropFirst()) {
            members.append(JSONMember(parameter, .number(String(value))))
        }
        for word in words.dropFirst(2) {
            let parts = word.split(separator: "=", maxSplits: 1)
            members.append(JSONMember(String(parts[0]), parts.count == 1 ? .bool(true) : value(parts[1])))
        }
        return .object(members)
    }

    private static func value(_ text: Substring) -> JSONValue {
        // What is no JSON is meant as a string.
        (try? JSONReader.parse(String(text))) ?? .string(String(text))
    }
}
