/// One header line.
public struct HTTPHeader: Sendable, Hashable {
    /// The name as written; compared without regard to case.
    public var name: String
    /// The value, without white space at its ends.
    public var value: String
    /// True for a header that proves who we are: it is dropped when a redirect leaves the origin.
    public var isCredential: Bool

    /// A header; `Authorization`, `Proxy-Authorization` and `Cookie` are always credentials.
    public init(_ name: String, _ value: String, isCredential: Bool = false) {
        self.name = name
        self.value = value
        self.isCredential =
            isCredential || ["authorization", "proxy-authorization", "cookie"].contains(name.lowercased())
    }

    /// True for a token (RFC 9110, section 5.6.2).
    static func isToken(_ text: String) -> Bool {
        let marks = Array("!#$%&'*+-.^_`|~".utf8)
        return !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                default: marks.contains(byte)
                }
            }
    }

    /// True when the name is a token and the value holds no control character (RFC 9110, section 5).
    var isWellFormed: Bool {
        HTTPHeader.isToken(name) && value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }
    }
}

/// Header lines in the order in which they came; names are looked up without regard to case.
public struct HTTPHeaders: Sendable, Hashable, ExpressibleByArrayLiteral {
    /// Every line, repeated names included.
    public private(set) var lines: [HTTPHeader]

    /// Headers in this order.
    public init(_ lines: [HTTPHeader] = []) { self.lines = lines }

    /// Headers in this order.
    public init(arrayLiteral elements: HTTPHeader...) { lines = elements }

    /// The first value of that name.
    public subscript(_ name: String) -> String? { values(named: name).first }

    /// Every value of that name, in order.
    public func values(named name: String) -> [String] {
        lines.filter { sameName($0.name, name) }.map(\.value)
    }

    /// Adds a line at the end.
    public mutating func append(_ header: HTTPHeader) { lines.append(header) }

    /// Replaces every line of that name by this one.
    public mutating func set(_ header: HTTPHeader) {
        lines = lines.filter { !sameName($0.name, header.name) } + [header]
    }

    /// The lines that may follow a redirect to another origin.
    var withoutCredentials: HTTPHeaders { HTTPHeaders(lines.filter { !$0.isCredential }) }

    private func sameName(_ left: String, _ right: String) -> Bool { left.lowercased() == right.lowercased() }
}
