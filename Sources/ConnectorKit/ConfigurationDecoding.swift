import Foundation
import JSON

/// Decodes a `connection` or `source` object whose fields the loader has checked and whose defaults it filled in.
///
/// Keys become camelCase (`records_path` → `recordsPath`), so that a synthesized `init(from:)` is enough.
func decodeConfiguration<T: Decodable>(_ type: T.Type, from value: JSONValue, what: String) throws -> T {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    do {
        return try decoder.decode(type, from: Data(value.serialized()))
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
