import HTTPTransport
import JSON

/// One complete answer of a paged resource.
struct RestPage {
    /// The bytes as received.
    var body: [UInt8]
    /// Where it came from, after redirects.
    var url: HTTPURL
    /// The header lines of the answer.
    var headers: HTTPHeaders
    /// The target of `Link: <…>; rel="next"`, relative or absolute.
    var nextLink: String?

    init(_ response: HTTPResponse) {
        body = response.body
        url = response.effectiveURL
        headers = response.headers
        nextLink = response.headers.values(named: "Link").lazy.compactMap(linkToNext).first
    }

    /// The text of the string or number at a JSON pointer; nil for a missing value and for anything else.
    func text(at path: String) -> String? {
        switch value(at: path) {
        case .string(let text): text
        case .number(let digits): digits
        default: nil
        }
    }

    /// The truth value at a JSON pointer; nil for a missing value and for anything else.
    func bool(at path: String) -> Bool? { value(at: path)?.boolValue }

    private func value(at path: String) -> JSONValue? {
        guard let pointer = JSONPointer(path: path) else { return nil }
        var cursor = JSONCursor(body)
        return cursor.scalar(at: pointer.tokens)
    }
}

/// The target of the first link whose relation types include `next` (RFC 8288, section 3).
func linkToNext(_ header: String) -> String? {
    var rest = header[...]
    while let open = rest.firstIndex(of: "<"), let close = rest[open...].firstIndex(of: ">") {
        let target = rest[rest.index(after: open)..<close]
        rest = rest[rest.index(after: close)...]
        let end = endOfLink(rest)
        let parameters = rest[..<end].split(separator: ";")
        let isNext = parameters.contains { parameter in
            let parts = parameter.split(separator: "=", maxSplits: 1).map { $0.filter { $0 != " " && $0 != "\t" } }
            guard parts.count == 2, parts[0].lowercased() == "rel" else { return false }
            let types = parameter.drop { $0 != "=" }.dropFirst().filter { $0 != "\"" }.split(separator: " ")
            return types.contains { $0.lowercased() == "next" }
        }
        if isNext { return String(target) }
        rest = rest[end...]
    }
    return nil
}

/// The comma that ends a link's parameters; commas in quotes do not count.
private func endOfLink(_ text: Substring) -> Substring.Index {
    var isQuoted = false
    for index in text.indices {
        if text[index] == "\"" { isQuoted.toggle() }
        if text[index] == ",", !isQuoted { return index }
    }
    return text.endIndex
}
