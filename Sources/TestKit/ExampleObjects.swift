import Authoring
import JSON

/// The two objects of a connector's example, as the texts of metadata files, and the secrets that they name.
struct ExampleObjects {
    let system: String
    let entity: String
    let secretNames: Set<String>

    init(_ example: String) throws {
        let value = try JSONReader.parse(example)
        guard case .array(let objects) = value, objects.count == 2 else {
            throw ContractViolation("an example is an array of a system and an entity")
        }
        system = "[\(objects[0].text())]"
        entity = "[\(objects[1].text())]"
        secretNames = Self.secretNames(in: value)
    }

    private static func secretNames(in value: JSONValue) -> Set<String> {
        switch value {
        case .array(let elements): elements.reduce(into: []) { $0.formUnion(secretNames(in: $1)) }
        case .object(let members):
            members.reduce(into: []) { names, member in
                if member.name == "secret", let name = member.value.stringValue { names.insert(name) }
                names.formUnion(secretNames(in: member.value))
            }
        default: []
        }
    }
}
