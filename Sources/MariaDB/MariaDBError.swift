#if MySQL
    import CMariaDB

    /// A refusal of the server's, or of the library's own (https://mariadb.com/kb/en/mariadb-error-code-reference/).
    public struct MariaDBError: Error, Sendable, CustomStringConvertible {
        /// The error's number: 1000 and more from the server, 2000 and more from the library.
        public let code: UInt32
        /// The server's own words, which may quote a value.
        public let message: String

        init(_ code: UInt32, _ message: String) {
            self.code = code
            self.message = message
        }

        /// True when the same work may succeed a little later: lost or refused connections, deadlocks, full servers.
        public var isTransient: Bool {
            [1040, 1053, 1158, 1159, 1160, 1161, 1203, 1205, 1213, 1927, 2002, 2003, 2006, 2013].contains(code)
        }
        /// True when user, password or rights are at fault.
        public var isAuthentication: Bool { [1044, 1045, 1130, 1142, 1143, 1227, 1370, 1698, 2059].contains(code) }
        /// True when the server ended a statement that took too long.
        public var isTimeout: Bool { [1969, 3024].contains(code) }
        /// True when a statement tried to change something.
        public var isWrite: Bool { [1792, 1290].contains(code) }

        /// One line.
        public var description: String { "\(message) [\(code)]" }
    }

    /// A value bound to a statement.
    public enum MariaDBValue: Sendable, Hashable {
        /// NULL.
        case null
        /// A signed number.
        case integer(Int64)
        /// A number without sign.
        case unsigned(UInt64)
        /// A double.
        case real(Double)
        /// Decimal digits.
        case decimal([UInt8])
        /// Text in UTF-8; also dates and times.
        case text([UInt8])
        /// Bytes.
        case blob([UInt8])
    }

    /// A column of a result.
    public struct MariaDBColumn: Sendable, Hashable {
        /// What its cells hold.
        public enum Kind: Sendable, Hashable {
            case integer, unsigned, float, double, decimal, bit, text, bytes, json, date, dateTime, timestamp, time
        }
        /// Its name.
        public let name: String
        /// What its cells hold.
        public let kind: Kind
        /// False where the server promises a value.
        public let isNullable: Bool

        /// https://mariadb.com/kb/en/mariadb-connectorc-data-structures/#mysql_field
        init(_ field: MYSQL_FIELD) {
            unsafe name = field.name.map { unsafe String(cString: $0) } ?? ""
            isNullable = unsafe field.flags & 1 == 0
            let isUnsigned = unsafe field.flags & 32 != 0
            let isBinary = unsafe field.charsetnr == 63
            kind =
                switch unsafe field.type {
                case MYSQL_TYPE_TINY, MYSQL_TYPE_SHORT, MYSQL_TYPE_INT24, MYSQL_TYPE_LONG, MYSQL_TYPE_LONGLONG,
                    MYSQL_TYPE_YEAR:
                    isUnsigned ? .unsigned : .integer
                case MYSQL_TYPE_FLOAT: .float
                case MYSQL_TYPE_DOUBLE: .double
                case MYSQL_TYPE_DECIMAL, MYSQL_TYPE_NEWDECIMAL: .decimal
                case MYSQL_TYPE_BIT: .bit
                case MYSQL_TYPE_DATE, MYSQL_TYPE_NEWDATE: .date
                case MYSQL_TYPE_DATETIME: .dateTime
                case MYSQL_TYPE_TIMESTAMP: .timestamp
                case MYSQL_TYPE_TIME: .time
                case MYSQL_TYPE_JSON: .json
                case MYSQL_TYPE_GEOMETRY: .bytes
                default: isBinary ? .bytes : unsafe Self.isJSON(field) ? .json : .text
                }
        }

        /// MariaDB's JSON is text of which the server says that it is JSON.
        private static func isJSON(_ field: MYSQL_FIELD) -> Bool {
            var field = unsafe field
            var format = unsafe MARIADB_CONST_STRING()
            guard unsafe mariadb_field_attr(&format, &field, MARIADB_FIELD_ATTR_FORMAT_NAME) == 0,
                let start = unsafe format.str
            else { return false }
            let bytes = unsafe UnsafeRawBufferPointer(start: start, count: Int(format.length))
            return unsafe bytes.elementsEqual("json".utf8)
        }
    }
#endif
