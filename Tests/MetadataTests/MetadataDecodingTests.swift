import JSON
import Metadata
import Testing

@Suite("Metadata decoding")
struct MetadataDecodingTests {
    private struct Configuration: Decodable, Equatable {
        struct Reference: Decodable, Equatable { var secret: String }
        var baseUrl: String
        var timeoutS: Double
        var maxPages: Int
        var headers: [String: String]
        var tokens: [String: Reference]
        var note: String?
    }

    @Test("Keys of properties become camelCase, names within a map stay")
    func keys() throws {
        let value = try JSONReader.parse(
            #"{"base_url": "u", "timeout_s": 0.25, "max_pages": 9007199254740993, "headers": {"X_My_Key": "1", "updated_since": "2"}, "tokens": {"a_b": {"secret": "s_t"}}}"#
        )
        let configuration = try MetadataDecoding.decode(Configuration.self, from: value)
        #expect(
            configuration
                == Configuration(
                    baseUrl: "u", timeoutS: 0.25, maxPages: 9_007_199_254_740_993,
                    headers: ["X_My_Key": "1", "updated_since": "2"], tokens: ["a_b": .init(secret: "s_t")]))
    }

    @Test("A type that its field list contradicts is told with the place, without values")
    func contradiction() throws {
        let value = try JSONReader.parse(
            #"{"base_url": "u", "timeout_s": "canary", "max_pages": 1, "headers": {}, "tokens": {}}"#)
        let error = #expect(throws: MetadataError.self) { try MetadataDecoding.decode(Configuration.self, from: value) }
        #expect(
            error?.problems.map(\.description) == [
                "Configuration: timeoutS: no Double, expected a field list that agrees with the type"
            ])
    }
}
