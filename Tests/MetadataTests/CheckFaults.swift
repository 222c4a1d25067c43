/// Faults of `entities[0].checks`.
let checkFaults: [MetadataFault] = [
    fault(
        #"{"column": "a"}"#,
        "[0].type: missing, expected one of not_null, unique, in, range, min_rows, max_rows, references, sql"),
    fault(
        #"{"type": "uniqe", "column": "a"}"#,
        "[0].type: unknown type 'uniqe', expected one of not_null, unique, in, range, min_rows, max_rows, references, sql; "
            + "did you mean 'unique'?"),
    fault(
        #"{"type": "not_null", "column": "c"}"#, "[0].column: unknown column 'c', expected one of a, b"),
    fault(#"{"type": "not_null"}"#, "[0]: neither column nor columns, expected one of them"),
    fault(
        #"{"type": "unique", "column": "a", "columns": ["b"]}"#, "[0]: column and columns at once, expected one of them"
    ),
    fault(#"{"type": "unique", "columns": []}"#, "[0].columns: empty, expected at least one column"),
    fault(
        #"{"type": "unique", "columns": ["a", "bb"]}"#,
        "[0].columns[1]: unknown column 'bb', expected one of a, b; did you mean 'b'?"),
    fault(
        #"{"type": "not_null", "column": "a", "min": 1}"#,
        "[0].min: unknown key 'min', expected one of type, column, columns, name, severity"),
    fault(#"{"type": "in", "column": "a", "values": []}"#, "[0].values: empty, expected at least one value"),
    fault(
        #"{"type": "in", "column": "a", "values": [1, "x"]}"#,
        "[0].values[1]: 'x' is no int, expected a whole number from -2147483648 to 2147483647"),
    fault(#"{"type": "range", "column": "a"}"#, "[0]: neither min nor max, expected one of them, or both"),
    fault(
        #"{"type": "range", "column": "a", "max": 1.5}"#,
        "[0].max: '1.5' is no int, expected a whole number from -2147483648 to 2147483647"),
    fault(#"{"type": "min_rows"}"#, "[0].min: missing, expected a whole number of at least 1"),
    fault(
        #"{"type": "references", "column": "a", "references": "f.a"}"#,
        "[0].references: unknown entity 's.f', expected e"),
    fault(
        #"{"type": "references", "column": "a", "references": "s.e.aa"}"#,
        "[0].references: unknown column 'aa' of s.e, expected one of a, b; did you mean 'a'?"),
    fault(
        #"{"type": "references", "column": "a", "references": "a"}"#,
        "[0].references: 'a' is no reference, expected entity.column, or system.entity.column"),
    fault(#"{"type": "sql", "sql": " "}"#, "[0].sql: empty, expected a SELECT whose rows are violations"),
    fault(
        #"{"type": "not_null", "column": "a"}, {"type": "not_null", "column": "a", "severity": "warn"}"#,
        "[1].name: 'not_null_a' is already the name of checks[0], expected a name of its own for each check"),
    fault(
        #"{"type": "min_rows", "min": 1, "severity": "error"}"#,
        "[0].severity: unknown severity 'error', expected one of warn, fail"),
]

private func fault(_ checks: String, _ line: String) -> MetadataFault {
    MetadataFault(entity: #""checks": [\#(checks)]"#, line: ".checks" + line)
}
