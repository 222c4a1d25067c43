import CPgQuery

// PostgreSQL's own grammar, as libpg_query ships it (that of PostgreSQL 15), without a server. Called with the module's
// name before: `SQLGrammar.parseTree(of:)`. Every call parses and frees; nothing is kept, any thread may call.
// See <https://github.com/pganalyze/libpg_query#usage-parsing-a-query-into-json>.

/// The major version of the PostgreSQL whose grammar this is.
public let postgresVersion = 15

/// The parse tree as JSON in UTF-8: `{"version": …, "stmts": [{"stmt": {…}, "stmt_location": …, "stmt_len": …}]}`.
///
/// Every `location` is an offset in bytes into `sql`; a location or member with the value 0 is left out.
/// - Throws: `SQLGrammarError` where PostgreSQL 15 would report a syntax error.
public func parseTree(of sql: String) throws(SQLGrammarError) -> [UInt8] {
    try refuseNUL(in: sql)
    let result = unsafe sql.withCString { unsafe pg_query_parse($0) }
    defer { unsafe pg_query_free_parse_result(result) }
    try unsafe check(result.error, in: sql)
    guard let tree = unsafe result.parse_tree else { return [] }
    return unsafe Array(String(cString: tree).utf8)
}

/// How many statements the text holds; comments and lone semicolons are none.
/// - Throws: `SQLGrammarError` where a string, identifier or comment does not end.
public func statementCount(of sql: String) throws(SQLGrammarError) -> Int {
    try statements(in: sql).count
}

/// The statements as ranges of bytes of `sql`, without their semicolons, with the comments that precede them.
///
/// Only the scanner looks at the text, so that statements of a later grammar are found too.
/// - Throws: `SQLGrammarError` where a string, identifier or comment does not end.
public func statements(in sql: String) throws(SQLGrammarError) -> [Range<Int>] {
    try refuseNUL(in: sql)
    let result = unsafe sql.withCString { unsafe pg_query_split_with_scanner($0) }
    defer { unsafe pg_query_free_split_result(result) }
    try unsafe check(result.error, in: sql)
    var ranges: [Range<Int>] = []
    for index in 0..<Int(unsafe result.n_stmts) {
        guard let statement = unsafe result.stmts?[index]?.pointee else { continue }
        let start = Int(statement.stmt_location)
        ranges.append(start..<(start + Int(statement.stmt_len)))
    }
    return ranges
}

/// A C string ends at its first NUL: what follows would be neither checked nor run.
private func refuseNUL(in sql: String) throws(SQLGrammarError) {
    let scalars = sql.unicodeScalars
    guard let position = scalars.firstIndex(of: "\0") else { return }
    throw SQLGrammarError("a NUL character", at: scalars.distance(from: scalars.startIndex, to: position), in: sql)
}

private func check(_ error: UnsafeMutablePointer<PgQueryError>?, in sql: String) throws(SQLGrammarError) {
    guard let error = unsafe error?.pointee else { return }
    let message = if let text = unsafe error.message { unsafe String(cString: text) } else { "syntax error" }
    // cursorpos counts characters from 1; 0 says that there is no position.
    throw unsafe SQLGrammarError(message, at: max(0, Int(error.cursorpos) - 1), in: sql)
}
