import JSON

/// The attributes of systems, entities and columns: the one list behind validation, defaults and JSON Schema.
///
/// `connection` and `source` stand here as free objects; the connector's own fields check them.
enum MetadataFields {
    /// What ids and names of systems, entities, columns and schemas look like.
    static let namePattern = "^[a-z][a-z0-9_]*$"

    static let system: [Field] = [
        Field("id", .pattern("^[a-z][a-z0-9_]{0,29}$"), required: true, "Folder, table prefix and audit key at once."),
        Field("name", .string, required: true, "The system's name for people."),
        Field("description", .string, required: true, "What the system is, in a sentence."),
        Field("type", .string, required: true, "The connector that reads it; see `medallion connectors list`."),
        Field("connection", .map(.any), default: .object([]), "How to reach it: the connector's own attributes."),
        Field("active", .bool, default: .bool(true), "False: the system is not run."),
        Field("owner", .string, "Who answers for it."),
        Field("tags", .array(.string), default: .array([]), "Free words to select by."),
        Field("schedule", .string, "Cron expression of five fields, in the system's time zone."),
        Field("timezone", .string, default: .string("UTC"), "IANA name; where a timestamp has no offset."),
        Field("after", .array(.string), default: .array([]), "Ids of systems that run before this one."),
        Field(
            "on_failure", .oneOf(SourceSystem.FailurePolicy.allCases.map(\.rawValue)), default: .string("continue"),
            "Whether siblings of a failed entity still start."),
        Field("retries", .int(0...100), default: .number("0"), "How often a transient error is tried again in a run."),
        Field("timeout_s", .int(1...604_800), default: .number("3600"), "Seconds that one run may take."),
        Field("concurrency", .int(1...64), default: .number("4"), "Entities at once."),
        Field(
            "rate_limit",
            .object([
                Field("requests", .int(1...1_000_000), required: true, "So many requests of all entities together,"),
                Field("per_s", .number(0.001...86_400), default: .number("1"), "in so many seconds."),
            ]), "How much the system may be asked; without, as fast as it answers."),
        Field("notify", .notYetSupported, "Whom to tell."),
        Field(
            "schemas",
            .object([
                Field("bronze", .pattern(namePattern), default: .string("bronze"), "Schema of the bronze tables."),
                Field("silver", .pattern(namePattern), default: .string("silver"), "Schema of the silver tables."),
            ]), default: .object([]), "Where the tables lie."),
    ]

    static let entity: [Field] =
        [
            Field("name", .pattern(namePattern), required: true, "The entity's name within its system."),
            Field("description", .string, required: true, "What it holds; the silver table's comment."),
            Field("system_id", .string, required: true, "The id of its system."),
            Field("load_type", .oneOf(LoadType.allCases.map(\.rawValue)), required: true, "What a load brings."),
            Field("columns", .array(.object(column)), required: true, "The columns of the silver table."),
            Field("source", .map(.any), default: .object([]), "What to read: the connector's own attributes."),
            Field("key", .array(.string), "Key columns; or `\"key\": true` on the columns."),
            Field("delta", .object(delta), "How a delta load asks for changes."),
            Field("for_each", .object(forEach), "Ask once for each row of another entity, or for each listed value."),
        ] + history + guards + housekeeping

    static let delta: [Field] = [
        Field(
            "mode", .oneOf(DeltaLoad.Mode.allCases.map(\.rawValue)),
            "cursor: by a column that grows; all: the source delivers only changes."),
        Field("cursor_column", .string, "The column that grows with every change."),
        Field("cursor_type", .notYetSupported, "The cursor's type."),
        Field("request_param", .string, "The request parameter that carries the cursor."),
        Field(
            "initial", .either([.string, .number(-Double.infinity...Double.infinity)]),
            "The cursor of the first delta load."),
        Field(
            "lookback_s", .int(0...315_360_000), default: .number("0"),
            "Seconds (units of an integer cursor) that the window reaches back."),
        Field(
            "stop_when_older", .bool, default: .bool(false),
            "True where the source gives the newest first: a delta load ends with a page whose last record is older."),
        Field("on_null_cursor", .notYetSupported, "What to do with records without a cursor."),
    ]

    private static let forEach: [Field] = [
        Field("entity", .pattern(namePattern), "An entity of the same system: once for each of its current rows."),
        Field("columns", .array(.string), "Its columns that expressions know as parent.<name>."),
        Field(
            "changed_only", .bool, default: .bool(false),
            "True: a delta load asks only for the rows that changed since the last batch."),
        Field("values", .array(.any), "Or: once for each of these, known as parent.value, or parent.<member>."),
    ]

    private static let history: [Field] = [
        Field(
            "effective_time_column", .string,
            "The column that says from when a version is valid; the run's instant without."),
        Field(
            "order_by", .array(.string), default: .array([]), "Columns that order records of one key within a batch."),
        Field(
            "late_arrivals", .oneOf(Entity.LateArrivals.allCases.map(\.rawValue)), default: .string("splice"),
            "What happens to a change that is older than what is known: it takes its place, is left out, or rejected."),
        Field(
            "history", .oneOf(HistoryMode.allCases.map(\.rawValue)), default: .string("scd2"), "How the past is kept."),
    ]

    private static let guards: [Field] = [
        Field(
            "delete_mode", .oneOf(Entity.DeleteMode.allCases.map(\.rawValue)), default: .string("close"),
            "What happens to keys that a full load no longer brings."),
        Field(
            "delete_marker",
            .object([
                Field("column", .string, required: true, "The column that marks a deleted record."),
                Field(
                    "equals", .either([.string, .number(-Double.infinity...Double.infinity), .bool]),
                    "The value that means deleted."),
                Field("not_null", .bool, "True: any value means deleted."),
            ]), "How a record says that its key was deleted; in delta and full loads."),
        Field(
            "full_scope", .string,
            "A full load deletes only among the keys whose last document has one of its values here."),
        Field("allow_empty", .bool, default: .bool(false), "True: an empty full load deletes everything."),
        Field(
            "max_delete_fraction", .number(0...1), default: .number("0.3"),
            "The part of live keys that one full load may delete."),
        Field(
            "schema_mode", .oneOf(Entity.SchemaMode.allCases.map(\.rawValue)), default: .string("evolve"),
            "What happens to fields that the metadata does not name."),
        Field(
            "max_reject_fraction", .number(0...1), default: .number("0.01"),
            "The part of a batch's records that may be rejected."),
    ]

    private static let housekeeping: [Field] = [
        Field(
            "bronze",
            .object([
                Field(
                    "doc", .oneOf(Entity.DocumentStorage.allCases.map(\.rawValue)), default: .string("jsonb"),
                    "jsonb: queryable; json: the exact text, cheaper to write."),
                Field(
                    "pattern", .oneOf(["as_is"] + Explosion.Pattern.allCases.map(\.rawValue)),
                    default: .string("as_is"),
                    "as_is: a record is a document; explode: each element of a list in another entity's records; "
                        + "map_entries: each member of an object there."),
                Field("from", .pattern(namePattern), "The entity of the same system whose batches are read."),
                Field("path", .string, "Where the list or object stands in its records: /a/b or a.b."),
                Field("parent_columns", .array(.string), "That entity's key columns, which each item takes along."),
            ]), default: .object([]), "How documents are kept."),
        Field(
            "raw",
            .object([
                Field(
                    "compress", .oneOf(Entity.RawCompression.allCases.map(\.rawValue)), default: .string("none"),
                    "How landed files are stored.")
            ]), default: .object([]), "How files are landed."),
        Field("checks", CheckFields.all, default: .array([]), "What must hold of the current rows after each merge."),
        Field("retention", .notYetSupported, "How long raw and bronze are kept."),
        Field("active", .bool, default: .bool(true), "False: the entity is skipped."),
        Field("order", .int(-1_000_000...1_000_000), default: .number("0"), "Lower runs first."),
        Field("owner", .string, "Who answers for it."),
        Field("tags", .array(.string), default: .array([]), "Free words to select by."),
        Field("timezone", .string, "IANA name; the system's by default."),
        Field(
            "renamed_from", .pattern(namePattern),
            "The entity's former name; its tables and batches are kept under the new one."),
    ]

    static let column: [Field] = [
        Field("name", .pattern(namePattern), required: true, "The silver column's name."),
        Field("type", .oneOf(ColumnType.names), required: true, "The silver column's type."),
        Field("length", .int(1...10_485_760), "Most characters of a string."),
        Field("precision", .int(1...1000), "Digits of a numeric."),
        Field("scale", .int(0...1000), "Digits of a numeric after the point."),
        Field("path", .string, "Where the value stands in a record: /a/b or a.b; the name by default."),
        Field("nullable", .bool, "False: NULL becomes the default, or the record is rejected."),
        Field("default", .any, "The value of a missing field."),
        Field("format", .string, "Dates and times: strptime directives, epoch_s or epoch_ms; ISO 8601 by default."),
        Field("trim", .bool, default: .bool(false), "White space at both ends is removed first."),
        Field("null_values", .array(.string), default: .array([]), "Texts that mean NULL."),
        Field("timezone", .string, "IANA name for timestamps without offset; the entity's by default."),
        Field("key", .bool, default: .bool(false), "Part of the key."),
        Field(
            "scd", .either([.int(1...2), .oneOf(["ignore", "fixed"])]),
            "2: a change opens a version; 1: it overwrites; ignore: not compared; fixed: rejected."),
        Field("stored", .bool, default: .bool(true), "False: read only for order, deletes or keys."),
        Field(
            "pii", .oneOfNow(["none"], later: ["mask", "hash", "drop"]), default: .string("none"),
            "What silver shows of personal data."),
        Field("description", .string, "What it means; the silver column's comment."),
        Field("references", .string, "entity.column that the values point to."),
        Field("renamed_from", .pattern(namePattern), "The column's former name; the silver column is renamed."),
    ]
}
