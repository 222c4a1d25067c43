import ConnectorKit
import HTTPTransport
import JSON

/// Takes secrets out of what is recorded: every known value in all its spellings, and by name what a header, a parameter
/// or a member holds that proves who somebody is.
struct SecretCover {
    /// What stands in a secret's place.
    static let mark = "‹secret›"
    /// The same in a URL.
    private static let encodedMark = "%E2%80%B9secret%E2%80%BA"

    /// Parameters of a query or a form, and members of a JSON body.
    private static let members: Set<String> = [
        "access_token", "api_key", "apikey", "assertion", "client_assertion", "client_secret", "code_verifier",
        "id_token", "password", "refresh_token", "secret", "session_token", "sig", "signature", "x-amz-credential",
        "x-amz-security-token", "x-amz-signature",
    ]
    /// Parts of names of headers.
    private static let headerParts = [
        "authorization", "auth-token", "access-token", "csrf", "secret", "password", "signature", "api-key", "apikey",
        "session", "cookie",
    ]

    let mask: SecretMask

    func cover(_ exchange: HTTPRecording.Exchange) -> HTTPRecording.Exchange {
        HTTPRecording.Exchange(
            method: exchange.method, url: url(exchange.url), requestHeaders: exchange.requestHeaders.map(header),
            requestBody: exchange.requestBody.map(body), status: exchange.status, headers: exchange.headers.map(header),
            body: body(exchange.body))
    }

    /// What tells a request from others: method, URL and body, covered.
    func identity(of exchange: HTTPRecording.Exchange) -> [String] {
        [
            exchange.method, url(exchange.url),
            exchange.requestBody.map { String(decoding: body($0), as: UTF8.self) } ?? "",
        ]
    }

    private func header(_ line: [String]) -> [String] {
        let name = line[0].lowercased()
        if name == "set-cookie", let pair = line[1].split(separator: "=", maxSplits: 1).first {
            // Name and attributes say how to send it back.
            return [line[0], "\(pair)=\(Self.mark)" + line[1].drop { $0 != ";" }]
        }
        let isSecret = Self.headerParts.contains { name.contains($0) }
        return [line[0], isSecret ? Self.mark : mask.mask(line[1])]
    }

    private func url(_ text: String) -> String {
        let parts = mask.mask(text).split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let covered = [String(parts[0])] + parts.dropFirst().map { form(String($0)) }
        return covered.joined(separator: "?").replacing(Self.encodedMark, with: Self.mark)
    }

    /// `a=b&c=d`, the values of telling names covered.
    private func form(_ text: String) -> String {
        text.split(separator: "&", omittingEmptySubsequences: false).map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, Self.members.contains(parts[0].lowercased()) else { return String(pair) }
            return "\(parts[0])=\(Self.mark)"
        }.joined(separator: "&")
    }

    private func body(_ bytes: [UInt8]) -> [UInt8] {
        let text = String(decoding: bytes, as: UTF8.self)
        // Bytes that are no text hold no secret in a spelling that could be found.
        guard text.utf8.elementsEqual(bytes) else { return bytes }
        let masked = mask.mask(text)
        let first = bytes.first { $0 > 0x20 }
        if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") { return Array(json(masked).utf8) }
        let isForm = bytes.count < 64 << 10 && !bytes.contains { $0 <= 0x20 || $0 == UInt8(ascii: "<") }
        return Array((isForm ? form(masked) : masked).utf8).elementsEqual(bytes)
            ? bytes : Array((isForm ? form(masked) : masked).replacing(Self.encodedMark, with: Self.mark).utf8)
    }

    /// A JSON text with the strings of telling members covered; as it is, byte by byte, where there is none.
    private func json(_ text: String) -> String {
        guard Self.members.contains(where: { text.contains("\"\($0)\"") }), let value = try? JSONReader.parse(text)
        else {
            // What does not parse is landed and refused as it came.
            return text
        }
        return Self.covered(value).text()
    }

    private static func covered(_ value: JSONValue) -> JSONValue {
        switch value {
        case .object(let members):
            .object(
                members.map { member in
                    let isSecret = Self.members.contains(member.name.lowercased()) && member.value.stringValue != nil
                    return JSONMember(member.name, isSecret ? .string(mark) : covered(member.value))
                })
        case .array(let elements): .array(elements.map(covered))
        default: value
        }
    }
}
