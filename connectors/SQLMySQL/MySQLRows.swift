#if MySQL
    import JSON
    import MariaDB

    /// How each row becomes a line of JSON.
    struct MySQLRows: Sendable {
        private let kinds: [MariaDBColumn.Kind]
        private let members: MemberNames
        private let dropsZeroDates: Bool

        init(_ columns: [MariaDBColumn], dropsZeroDates: Bool) {
            kinds = columns.map(\.kind)
            members = MemberNames(columns.map(\.name))
            self.dropsZeroDates = dropsZeroDates
        }

        func append(_ row: borrowing MariaDBRow, to lines: inout [UInt8]) {
            for index in kinds.indices {
                lines.append(contentsOf: members.prefixes[index])
                if row.isNull(index) { lines.appendNull() } else { append(row, index, &lines) }
            }
            lines.append(contentsOf: [0x7D, 0x0A])
        }

        private func append(_ row: borrowing MariaDBRow, _ index: Int, _ lines: inout [UInt8]) {
            switch kinds[index] {
            case .integer: lines.append(json: row.integer(index))
            case .unsigned: lines.append(contentsOf: String(row.unsigned(index)).utf8)
            case .float: lines.append(json: row.float(index))
            case .double: lines.append(json: row.double(index))
            case .decimal: row.withBytes(index) { appendDecimal($0, &lines) }
            case .bit:
                let number = row.withBytes(index) { bytes in bytes.indices.reduce(0) { $0 << 8 | UInt64(bytes[$1]) } }
                lines.append(contentsOf: String(number).utf8)
            case .bytes: row.withBytes(index) { lines.append(base64: $0) }
            case .json: row.withBytes(index) { appendJSON($0, &lines) }
            case .text, .time: row.withBytes(index) { lines.append(jsonString: $0) }
            case .date: row.withBytes(index) { appendMoment($0, isInstant: false, &lines) }
            case .dateTime: row.withBytes(index) { appendMoment($0, isInstant: false, &lines) }
            case .timestamp: row.withBytes(index) { appendMoment($0, isInstant: true, &lines) }
            }
        }

        /// Columns declared ZEROFILL come with zeros in front, which JSON has not.
        private func appendDecimal(_ digits: Span<UInt8>, _ lines: inout [UInt8]) {
            var start = 0
            while start + 1 < digits.count, digits[start] == 0x30, digits[start + 1] != 0x2E { start += 1 }
            for index in start..<digits.count { lines.append(digits[index]) }
        }

        /// MariaDB keeps JSON as text, and its check can be switched off: what is none is landed as a string.
        private func appendJSON(_ bytes: Span<UInt8>, _ lines: inout [UInt8]) {
            let copy = bytes.indices.map { bytes[$0] }
            if (try? JSONReader.parse(copy)) != nil {
                lines.append(inlineJSON: bytes)
            } else {
                lines.append(jsonString: bytes)
            }
        }

        /// `2026-11-21 02:40:42.1` becomes ISO 8601.
        private func appendMoment(_ bytes: Span<UInt8>, isInstant: Bool, _ lines: inout [UInt8]) {
            var isZero = bytes.count >= 10
            for index in 0..<min(10, bytes.count) where bytes[index] != 0x30 && bytes[index] != 0x2D { isZero = false }
            if isZero, dropsZeroDates { return lines.appendNull() }
            lines.append(0x22)
            for index in 0..<bytes.count { lines.append(index == 10 && !isZero ? 0x54 : bytes[index]) }
            if isInstant, !isZero { lines.append(0x5A) }
            lines.append(0x22)
        }
    }

    extension MariaDBColumn {
        /// The column in a statement over `q`.
        var expression: String { "q." + SQLDialect.mysql.quoted(name) }

        /// How it compares with a cursor.
        var order: SQLOrder {
            switch kind {
            case .integer, .unsigned, .float, .double, .decimal: .number
            case .date: .date
            case .dateTime: .localTime
            case .timestamp: .instant
            case .text: .text
            case .bit, .bytes, .json, .time: .other
            }
        }
    }
#endif
