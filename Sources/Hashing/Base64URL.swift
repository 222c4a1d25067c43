internal import Foundation

/// Base64 in the alphabet of URLs and without padding (RFC 4648, section 5): the notation of JSON Web Tokens.
public func base64URL(_ bytes: some Sequence<UInt8>) -> String {
    String(
        Data(bytes).base64EncodedString().compactMap { character in
            switch character {
            case "+": "-"
            case "/": "_"
            case "=": nil
            default: character
            }
        } as [Character])
}
