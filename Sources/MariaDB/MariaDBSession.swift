#if MySQL
    import CMariaDB
    import Synchronization

    /// Owns a `MYSQL` (https://mariadb.com/kb/en/mariadb-connectorc-data-structures/).
    ///
    /// Unchecked: used on the connection's queue only, but for `cut`, which the library allows from any thread while
    /// the handle exists, and `state` guards that.
    @safe final class MariaDBSession: @unchecked Sendable {
        let pointer: UnsafeMutablePointer<MYSQL>
        private let state = Mutex(State.open)

        private enum State { case open, cut, closed }

        init() throws {
            MariaDBSession.initialized
            guard let made = unsafe mysql_init(nil) else { throw MariaDBError(2008, "out of memory") }
            unsafe pointer = unsafe made
        }

        deinit { close() }

        /// Must run once before the first handle.
        private static let initialized: Void = { _ = mysql_server_init(0, nil, nil) }()

        func close() {
            state.withLock { state in
                if state != .closed { unsafe mysql_close(pointer) }
                state = .closed
            }
        }

        /// Makes whatever reads or writes fail at once (https://mariadb.com/kb/en/mariadb_cancel/).
        func cut() {
            state.withLock { state in
                if state == .open { unsafe _ = mariadb_cancel(pointer) }
                if state != .closed { state = .cut }
            }
        }

        func requireOpen() throws {
            guard state.withLock({ $0 == .open }) else { throw MariaDBError(2006, "the connection is closed") }
        }

        /// https://mariadb.com/kb/en/mysql_real_connect/; no option file is read.
        func connect(_ configuration: MariaDBConfiguration) throws {
            try requireOpen()
            set(MYSQL_OPT_CONNECT_TIMEOUT, UInt32(configuration.connectSeconds))
            set(MYSQL_OPT_LOCAL_INFILE, UInt32(0))
            set(MYSQL_REPORT_DATA_TRUNCATION, my_bool(1))
            set(MYSQL_SET_CHARSET_NAME, "utf8mb4")
            if configuration.protection != .none {
                set(MYSQL_OPT_SSL_ENFORCE, my_bool(1))
                set(MYSQL_OPT_SSL_VERIFY_SERVER_CERT, my_bool(configuration.protection == .verified ? 1 : 0))
                if let file = configuration.caFile { set(MYSQL_OPT_SSL_CA, file) }
            }
            let connected = unsafe mysql_real_connect(
                pointer, configuration.host, configuration.user, configuration.password, configuration.database,
                UInt32(configuration.port), configuration.socket, 0)
            guard unsafe connected != nil else { throw failure }
        }

        private func set(_ option: mysql_option, _ value: String) { unsafe _ = mysql_options(pointer, option, value) }

        private func set<Value: BitwiseCopyable>(_ option: mysql_option, _ value: Value) {
            var value = value
            unsafe _ = mysql_options(pointer, option, &value)
        }

        func execute(_ sql: String) throws {
            try requireOpen()
            guard unsafe mysql_real_query(pointer, sql, UInt(sql.utf8.count)) == 0 else { throw failure }
            // A result that nobody asked for is read away, or the next statement would be out of order.
            if let result = unsafe mysql_store_result(pointer) { unsafe mysql_free_result(result) }
        }

        var failure: MariaDBError {
            unsafe MariaDBError(mysql_errno(pointer), oneLine(String(cString: mysql_error(pointer))))
        }

        var serverVersion: String { unsafe String(cString: mysql_get_server_info(pointer)) }

        var protection: String? {
            guard unsafe mysql_get_ssl_cipher(pointer) != nil else { return nil }
            return unsafe String(cString: mysql_get_ssl_cipher(pointer))
        }
    }

    /// White space of any kind becomes one blank; other control characters too.
    func oneLine(_ text: String) -> String {
        text.split { $0.isWhitespace || $0.isNewline || ($0.asciiValue ?? 32) < 32 }.joined(separator: " ")
    }
#endif
