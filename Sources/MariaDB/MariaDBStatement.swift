#if MySQL
    import CMariaDB

    /// A prepared statement under way, whose rows come one by one from the server.
    ///
    /// Binary results: the server's text form of a FLOAT has six digits only.
    @safe final class MariaDBStatement {
        private let pointer: UnsafeMutablePointer<MYSQL_STMT>
        private let session: MariaDBSession
        private(set) var columns: [MariaDBColumn] = []
        private let cells: MariaDBCells

        /// Prepares, binds and executes (https://mariadb.com/kb/en/mysql_stmt_prepare/).
        init(_ sql: String, _ values: [MariaDBValue], _ session: MariaDBSession) throws {
            try session.requireOpen()
            self.session = session
            guard let made = unsafe mysql_stmt_init(session.pointer) else { throw MariaDBError(2008, "out of memory") }
            unsafe pointer = unsafe made
            do {
                try unsafe MariaDBStatement.check(made, unsafe mysql_stmt_prepare(made, sql, UInt(sql.utf8.count)) == 0)
                let expected = unsafe Int(mysql_stmt_param_count(made))
                guard expected == values.count else {
                    throw MariaDBError(2034, "the statement has \(expected) parameters, not \(values.count)")
                }
                let parameters = MariaDBParameters(values)
                if expected > 0 {
                    try unsafe MariaDBStatement.check(made, unsafe mysql_stmt_bind_param(made, parameters.binds) == 0)
                }
                try unsafe MariaDBStatement.check(made, unsafe mysql_stmt_execute(made) == 0)
                withExtendedLifetime(parameters) {}
                if let metadata = unsafe mysql_stmt_result_metadata(made) {
                    defer { unsafe mysql_free_result(metadata) }
                    let fields = unsafe mysql_fetch_fields(metadata)
                    let count = unsafe Int(mysql_num_fields(metadata))
                    columns = (0..<count).compactMap { index in
                        unsafe fields.map { unsafe MariaDBColumn($0[index]) }
                    }
                }
                cells = MariaDBCells(columns)
                if !columns.isEmpty {
                    try unsafe MariaDBStatement.check(made, unsafe mysql_stmt_bind_result(made, cells.binds) == 0)
                }
            } catch {
                unsafe mysql_stmt_close(made)
                throw error
            }
        }

        deinit { unsafe mysql_stmt_close(pointer) }

        private static func check(_ statement: UnsafeMutablePointer<MYSQL_STMT>, _ isDone: Bool) throws {
            guard !isDone else { return }
            throw unsafe MariaDBError(
                mysql_stmt_errno(statement), oneLine(String(cString: mysql_stmt_error(statement))))
        }

        /// Moves on to the next row; false at the end (https://mariadb.com/kb/en/mysql_stmt_fetch/).
        func next() throws -> Bool {
            try session.requireOpen()
            switch unsafe mysql_stmt_fetch(pointer) {
            // A cell that is longer than its buffer is fetched again by whoever wants it.
            case 0, 101: return true
            case 100: return false
            default:
                // While rows stream, the library notes some errors with the connection alone.
                if unsafe mysql_stmt_errno(pointer) == 0 { throw session.failure }
                try unsafe MariaDBStatement.check(pointer, false)
                return false
            }
        }

        /// The current row, which the next one overwrites.
        var row: MariaDBRow { unsafe MariaDBRow(pointer, cells, columns) }
    }

    /// Memory for the cells of one row, at addresses that do not change.
    @safe final class MariaDBCells {
        static let size = 256
        let binds: UnsafeMutablePointer<MYSQL_BIND>
        let lengths: UnsafeMutablePointer<UInt>
        let nulls: UnsafeMutablePointer<my_bool>
        let bytes: UnsafeMutableRawPointer
        private let count: Int

        init(_ columns: [MariaDBColumn]) {
            count = columns.count
            unsafe binds = .allocate(capacity: max(1, count))
            unsafe lengths = .allocate(capacity: max(1, count))
            unsafe nulls = .allocate(capacity: max(1, count))
            unsafe bytes = .allocate(byteCount: max(1, count) * Self.size, alignment: 16)
            for (index, column) in columns.enumerated() {
                unsafe (lengths + index).initialize(to: 0)
                unsafe (nulls + index).initialize(to: 0)
                var bind = unsafe MYSQL_BIND()
                unsafe bind.buffer = unsafe bytes + index * Self.size
                unsafe bind.length = unsafe lengths + index
                unsafe bind.is_null = unsafe nulls + index
                unsafe bind.buffer_length = UInt(Self.size)
                unsafe bind.is_unsigned = column.kind == .unsigned ? 1 : 0
                unsafe bind.buffer_type = type(of: column.kind)
                unsafe (binds + index).initialize(to: bind)
            }
        }

        private func type(of kind: MariaDBColumn.Kind) -> enum_field_types {
            switch kind {
            case .integer, .unsigned: MYSQL_TYPE_LONGLONG
            case .float: MYSQL_TYPE_FLOAT
            case .double: MYSQL_TYPE_DOUBLE
            case .bit, .bytes: MYSQL_TYPE_BLOB
            default: MYSQL_TYPE_STRING
            }
        }

        deinit {
            unsafe binds.deallocate()
            unsafe lengths.deallocate()
            unsafe nulls.deallocate()
            unsafe bytes.deallocate()
        }
    }

    /// The row under way; lent, and gone with the next one.
    @safe public struct MariaDBRow: ~Copyable {
        private let pointer: UnsafeMutablePointer<MYSQL_STMT>
        private let cells: MariaDBCells
        private let columns: [MariaDBColumn]

        init(_ pointer: UnsafeMutablePointer<MYSQL_STMT>, _ cells: MariaDBCells, _ columns: [MariaDBColumn]) {
            unsafe self.pointer = unsafe pointer
            self.cells = cells
            self.columns = columns
        }

        /// True for NULL.
        public func isNull(_ index: Int) -> Bool { unsafe cells.nulls[index] != 0 }

        /// A cell of kind integer.
        public func integer(_ index: Int) -> Int64 { load(index) }

        /// A cell of kind unsigned.
        public func unsigned(_ index: Int) -> UInt64 { load(index) }

        /// A cell of kind float.
        public func float(_ index: Int) -> Float { load(index) }

        /// A cell of kind double.
        public func double(_ index: Int) -> Double { load(index) }

        private func load<Value: BitwiseCopyable>(_ index: Int) -> Value {
            unsafe cells.bytes.loadUnaligned(fromByteOffset: index * MariaDBCells.size, as: Value.self)
        }

        /// Lends the bytes of a cell of any other kind.
        public func withBytes<Result>(_ index: Int, _ body: (Span<UInt8>) -> Result) -> Result {
            let length = unsafe Int(cells.lengths[index])
            if length <= MariaDBCells.size {
                let start = unsafe cells.bytes + index * MariaDBCells.size
                let bytes = unsafe UnsafeBufferPointer(start: start.assumingMemoryBound(to: UInt8.self), count: length)
                return unsafe body(bytes.span)
            }
            // https://mariadb.com/kb/en/mysql_stmt_fetch_column/
            var whole = [UInt8](repeating: 0, count: length)
            unsafe whole.withUnsafeMutableBytes { buffer in
                var bind = unsafe cells.binds[index]
                unsafe bind.buffer = buffer.baseAddress
                unsafe bind.buffer_length = UInt(length)
                unsafe _ = mysql_stmt_fetch_column(pointer, &bind, UInt32(index), 0)
            }
            return body(whole.span)
        }

        /// The cell as a value of its own, to be bound again.
        public func value(_ index: Int) -> MariaDBValue {
            if isNull(index) { return .null }
            func copy() -> [UInt8] { withBytes(index) { bytes in bytes.indices.map { bytes[$0] } } }
            switch columns[index].kind {
            case .integer: return .integer(integer(index))
            case .unsigned: return .unsigned(unsigned(index))
            case .float: return .real(Double(float(index)))
            case .double: return .real(double(index))
            case .decimal: return .decimal(copy())
            case .bit: return .unsigned(copy().reduce(0) { $0 << 8 | UInt64($1) })
            case .bytes: return .blob(copy())
            default: return .text(copy())
            }
        }
    }

    /// Memory for bound values, kept until the statement has been executed.
    @safe private final class MariaDBParameters {
        let binds: UnsafeMutablePointer<MYSQL_BIND>
        private var buffers: [UnsafeMutableRawPointer] = unsafe []

        init(_ values: [MariaDBValue]) {
            unsafe binds = .allocate(capacity: max(1, values.count))
            for (index, value) in values.enumerated() {
                var bind = unsafe MYSQL_BIND()
                switch value {
                case .null: unsafe bind.buffer_type = MYSQL_TYPE_NULL
                case .integer(let number):
                    unsafe bind.buffer_type = MYSQL_TYPE_LONGLONG
                    unsafe bind.buffer = store(number)
                case .unsigned(let number):
                    unsafe bind.buffer_type = MYSQL_TYPE_LONGLONG
                    unsafe bind.is_unsigned = 1
                    unsafe bind.buffer = store(number)
                case .real(let number):
                    unsafe bind.buffer_type = MYSQL_TYPE_DOUBLE
                    unsafe bind.buffer = store(number)
                case .decimal(let bytes): unsafe fill(&bind, MYSQL_TYPE_NEWDECIMAL, bytes)
                case .text(let bytes): unsafe fill(&bind, MYSQL_TYPE_STRING, bytes)
                case .blob(let bytes): unsafe fill(&bind, MYSQL_TYPE_BLOB, bytes)
                }
                unsafe (binds + index).initialize(to: bind)
            }
        }

        private func store<Value: BitwiseCopyable>(_ value: Value) -> UnsafeMutableRawPointer {
            let buffer = UnsafeMutableRawPointer.allocate(byteCount: 16, alignment: 16)
            unsafe buffer.storeBytes(of: value, as: Value.self)
            unsafe buffers.append(buffer)
            return unsafe buffer
        }

        private func fill(_ bind: inout MYSQL_BIND, _ type: enum_field_types, _ bytes: [UInt8]) {
            let buffer = UnsafeMutableRawPointer.allocate(byteCount: max(1, bytes.count), alignment: 16)
            unsafe bytes.withUnsafeBytes { source in
                unsafe buffer.copyMemory(from: source.baseAddress ?? UnsafeRawPointer(buffer), byteCount: source.count)
            }
            unsafe buffers.append(buffer)
            unsafe bind.buffer_type = type
            unsafe bind.buffer = unsafe buffer
            unsafe bind.buffer_length = UInt(bytes.count)
            unsafe bind.length_value = UInt(bytes.count)
        }

        deinit {
            unsafe buffers.forEach { unsafe $0.deallocate() }
            unsafe binds.deallocate()
        }
    }
#endif
