internal import Postgres

/// How the server builds indexes behind the rows of a first batch.
enum IndexBuild {
    /// Up to here, sorting the rows costs less than sharing them out: bronze and silver build theirs at the same time anyway.
    private static let aloneBelow = 2_000_000
    /// From here on, sharing them out is worth it for silver's last index: bronze has mostly built its own by then.
    private static let sharedFrom = 50_000

    /// For the last index of a transaction.
    static func lastSettings(rows: Int) -> SQLText {
        rows < sharedFrom || rows >= aloneBelow
            ? settings(rows: rows) : "SET LOCAL max_parallel_maintenance_workers = 1"
    }

    /// For the rest of the transaction.
    static func settings(rows: Int) -> SQLText {
        "SET LOCAL max_parallel_maintenance_workers \(fragment: rows < aloneBelow ? "= 0" : "TO DEFAULT")"
    }
}
