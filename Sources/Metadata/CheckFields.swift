import JSON

/// The attributes of a check, by its type: the one list behind validation and JSON Schema.
enum CheckFields {
    static let all = FieldType.array(.variant("type", variants))

    private static let scalar = FieldType.either([.string, .number(-Double.infinity...Double.infinity), .bool])
    private static let bound = FieldType.either([.string, .number(-Double.infinity...Double.infinity)])

    private static let common: [Field] = [
        Field(
            "name", .pattern(MetadataFields.namePattern), "Its name in audit.check_result; type and columns without."),
        Field(
            "severity", .oneOf(Check.Severity.allCases.map(\.rawValue)), default: .string("fail"),
            "fail: the batch is rolled back; warn: it is told."),
    ]
    private static let columns: [Field] = [
        Field("column", .string, "The column."), Field("columns", .array(.string), "The columns."),
    ]
    private static let column = Field("column", .string, required: true, "The column.")

    private static let variants: [FieldType.Variant] = [
        .init("not_null", columns + common), .init("unique", columns + common),
        .init("in", [column, Field("values", .array(scalar), required: true, "What the values may be.")] + common),
        .init(
            "range", [column, Field("min", bound, "The least value."), Field("max", bound, "The greatest.")] + common),
        .init("min_rows", [Field("min", .int(1...Int.max), required: true, "The least number of rows.")] + common),
        .init("max_rows", [Field("max", .int(0...Int.max), required: true, "The greatest number of rows.")] + common),
        .init(
            "references",
            [column, Field("references", .string, required: true, "entity.column or system.entity.column.")] + common),
        .init(
            "sql",
            [Field("sql", .string, required: true, "A SELECT; each row is a violation. {table}: the rows.")] + common
        ),
    ]
}
