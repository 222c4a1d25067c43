import CLibPQ

/// Where a database is and who asks; holds a password perhaps, and prints none.
public struct PostgresConfiguration: Sendable, Hashable {
    /// libpq's parameter keywords and values
    /// (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS).
    private(set) var parameters: [String: String]

    /// Reads `postgresql://user@host:port/database?…` or `host=… dbname=…`.
    ///
    /// What the text leaves out comes from libpq's own defaults: PGHOST, `~/.pgpass`, the service file.
    /// - Throws: PostgresError.usage, which never quotes the text, since it may hold a password.
    public init(url: String) throws {
        // https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PQCONNINFOPARSE
        var problem: UnsafeMutablePointer<CChar>? = nil
        let options = unsafe PQconninfoParse(url, &problem)
        defer {
            unsafe PQfreemem(problem)
            unsafe PQconninfoFree(options)
        }
        guard var option = unsafe options, !url.utf8.contains(0) else {
            let reason = unsafe problem.map { unsafe oneLine(withoutQuotedText(String(cString: $0))) }
            throw PostgresError(
                .usage, "the database URL cannot be read: \(reason ?? "malformed")",
                hint: "expected postgresql://user@host:5432/database or host=… dbname=… user=…")
        }
        parameters = [:]
        while let keyword = unsafe option.pointee.keyword {
            if let value = unsafe option.pointee.val {
                unsafe parameters[String(cString: keyword)] = unsafe String(cString: value)
            }
            unsafe option += 1
        }
    }

    /// A database by libpq's own parameter keywords, for values that come one by one and one of which may be a password
    /// (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS).
    public init(parameters: [String: String]) { self.parameters = parameters }

    /// A database behind a unix socket, without a password.
    public init(socketFolder: String, user: String, database: String) {
        // The port too, so that PGPORT has no say.
        parameters = ["host": socketFolder, "port": "5432", "user": user, "dbname": database]
    }

    /// The same server, another database.
    public func database(_ name: String) -> PostgresConfiguration {
        var other = self
        other.parameters["dbname"] = name
        return other
    }

    /// The name of the database, when the URL says one.
    public var database: String? { parameters["dbname"] }

    /// A URL for people and for other programs, without the password.
    public var url: String {
        var url = "postgresql://"
        let host = parameters["host"] ?? ""
        let isSocket = host.hasPrefix("/") || host.contains(",")
        if let user = parameters["user"], !isSocket { url += percentEncoded(user) + "@" }
        if !isSocket {
            url += host.contains(":") ? "[\(host)]" : percentEncoded(host)
            if let port = parameters["port"] { url += ":" + port }
        }
        if let database { url += "/" + percentEncoded(database) }
        var rest = parameters.filter { !["host", "user", "port", "dbname", "password"].contains($0.key) }
        if isSocket { for key in ["host", "user", "port"] { rest[key] = parameters[key] } }
        rest = rest.filter { !isSecret($0.key) }
        if !rest.isEmpty {
            url +=
                "?"
                + rest.sorted { $0.key < $1.key }.map { "\($0.key)=\(percentEncoded($0.value))" }
                .joined(separator: "&")
        }
        return url
    }

    /// One line that says where, without the password.
    public var maskedDescription: String { url }

    /// Removes the password from a text that a library wrote.
    func masking(_ text: String) -> String {
        var masked = text
        for (key, value) in parameters where isSecret(key) && value.utf8.count >= 3 {
            masked = masked.split(separator: value, omittingEmptySubsequences: false).joined(separator: "‹secret›")
        }
        return masked
    }

    private func isSecret(_ key: String) -> Bool { key == "password" || key == "sslpassword" }
}

extension PostgresConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The URL without the password.
    public var description: String { maskedDescription }
    /// The URL without the password.
    public var debugDescription: String { maskedDescription }
    /// Hides the parameters from `dump`.
    public var customMirror: Mirror { Mirror(self, children: ["url": maskedDescription]) }
}

private func percentEncoded(_ text: String) -> String {
    var encoded = ""
    for byte in text.utf8 {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E, 0x2F:
            encoded.unicodeScalars.append(Unicode.Scalar(byte))
        default:
            let digits = String(byte, radix: 16, uppercase: true)
            encoded += "%" + (digits.utf8.count < 2 ? "0" : "") + digits
        }
    }
    return encoded
}
