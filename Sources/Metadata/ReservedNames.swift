/// Names that metadata may not take, because PostgreSQL or the product uses them; and how long names may be.
///
/// Our own columns begin with an underscore, which no name of metadata does.
enum ReservedNames {
    /// System columns of every PostgreSQL table
    /// (https://www.postgresql.org/docs/15/ddl-system-columns.html).
    static let postgresColumns: Set<String> = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"]

    /// Schemas that hold something else than bronze and silver tables.
    static let schemas: Set<String> = [
        "audit", "gold", "gold_data", "information_schema", "metadata", "platform", "rebuild_bronze", "rebuild_silver",
        "stage",
    ]

    /// What is appended to `<system>_<entity>` for what stands beside it: tables, views and functions, then indexes, which share
    /// their names.
    static let tableSuffixes = [
        "_current", "_asof", "__last", "_pkey", "_run", "__last_pk", "__scope", "_pk", "_open",
    ]

    /// Most bytes of `<system>_<entity>`: constraint names add up to 8 and stay within 55, a shard's suffix fits behind.
    static let tableBytes = 47
    /// Most bytes of a PostgreSQL identifier.
    static let identifierBytes = 63
    /// Most columns of an entity: PostgreSQL takes 1,600, ours included.
    static let columnCount = 1500
}
