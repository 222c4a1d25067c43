import Foundation
import JSON

/// Decodes a `connection` or `source` object whose fields the loader has checked and whose defaults it filled in.
///
/// Keys become camelCase (`records_path` → `recordsPath`), so that a synthesized `init(from:)` is enough.
func decodeConfiguration<T: Decodable>(_ type: T.Type, from value: JSONValue, what: String) throws -> T {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    var text: [UInt8] = []
    value.write(to: &text)
    do {
        return try decoder.decode(type, from: Data(text))
    } catch let error as DecodingError {
        throw ConnectorError("\(what): \(error.sentence)", hint: "run `medallion validate`")
    }
}

extension DecodingError {
    /// Path and complaint without the value, which may be a secret.
    fileprivate var sentence: String {
        switch self {
        case .keyNotFound(let key, let context): "\(path(context)) has no '\(key.stringValue)'"
        case .valueNotFound(_, let context), .typeMismatch(_, let context), .dataCorrupted(let context):
            "\(path(context)) is not of the type that the connector expects"
        @unknown default: "it does not have the form that the connector expects"
        }
    }

    private func path(_ context: Context) -> String {
        let path = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? ".\($0.stringValue)" }.joined()
        return path.isEmpty ? "the object" : "'\(path.drop { $0 == "." })'"
    }
}

extension JSONValue {
    /// Appends the value as JSON text; metadata-size values only.
    fileprivate func write(to text: inout [UInt8]) {
        switch self {
        case .null: text += "null".utf8
        case .bool(let value): text += (value ? "true" : "false").utf8
        case .number(let digits): text += digits.utf8
        case .string(let string): appendJSONString(string.utf8, to: &text)
        case .array(let elements):
            text += "[".utf8
            for (position, element) in elements.enumerated() {
                if position > 0 { text += ",".utf8 }
                element.write(to: &text)
            }
            text += "]".utf8
        case .object(let members):
            text += "{".utf8
            for (position, member) in members.enumerated() {
                if position > 0 { text += ",".utf8 }
                appendJSONString(member.name.utf8, to: &text)
                text += ":".utf8
                member.value.write(to: &text)
            }
            text += "}".utf8
        }
    }
}
