import Foundation
public import JSON

/// Turns checked JSON into the configuration type of a connector.
public enum MetadataDecoding {
    /// Decodes a value that `FieldCheck` has passed, defaults filled in; snake_case keys become camelCase properties
    /// (`base_url` → `baseUrl`), names within a map stay as they are.
    /// - Throws: `MetadataError` with the place within the value, where the type and its field list disagree.
    public static func decode<T: Decodable>(_ type: T.Type, from value: JSONValue) throws -> T {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            return try decoder.decode(type, from: Data(value.serialized()))
        } catch let error as DecodingError {
            throw MetadataError([
                MetadataProblem(
                    file: "\(type)", path: error.place, what: error.reason,
                    expected: "a field list that agrees with the type")
            ])
        }
    }
}

extension DecodingError {
    private var context: Context? {
        switch self {
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context),
            .dataCorrupted(let context):
            context
        @unknown default: nil
        }
    }

    /// `auth.token`, without values.
    fileprivate var place: String {
        JSONPointer((context?.codingPath ?? []).map { $0.intValue.map(String.init) ?? $0.stringValue }).dotted
    }

    /// What went wrong, without values.
    fileprivate var reason: String {
        switch self {
        case .typeMismatch(let type, _): "no \(type)"
        case .valueNotFound(let type, _): "null in place of a \(type)"
        case .keyNotFound(let key, _): "missing key '\(key.stringValue)'"
        case .dataCorrupted: "a value that cannot be decoded"
        @unknown default: "a value that cannot be decoded"
        }
    }
}
