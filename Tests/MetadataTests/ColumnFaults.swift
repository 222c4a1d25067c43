/// Faults of `entities[0].columns[1]`.
let columnFaults: [MetadataFault] = [
    MetadataFault(
        column: #""name": "userId""#,
        line:
            #".name: 'userId' is not allowed, expected a string that matches ^[a-z][a-z0-9_]*$; did you mean 'user_id'?"#
    ),
    MetadataFault(
        column: #""name": "_run_id""#,
        line:
            #".name: '_run_id' is not allowed, expected a string that matches ^[a-z][a-z0-9_]*$; did you mean 'run_id'?"#
    ),
    MetadataFault(
        column: #""name": "ctid""#,
        line: #".name: 'ctid' is a system column of PostgreSQL, expected another name (path may stay)"#),
    MetadataFault(
        column: #""name": "a234567890123456789012345678901234567890123456789012345678901234""#,
        line:
            #".name: 'a23456789012345678901234567890123456789012345678901234567890…' has 64 bytes, expected at most 63"#
    ),
    MetadataFault(
        column: #""type": "strng""#,
        line:
            #".type: unknown type 'strng', expected one of string, text, smallint, int, bigint, double, numeric, boolean, date, time, timestamp, timestamptz, uuid, json, binary; did you mean 'string'?"#
    ),
    MetadataFault(
        column: #""type": "text", "length": 5"#, line: #".length: text has no length, expected it with string only"#),
    MetadataFault(
        column: #""type": "string", "length": 0"#,
        line: #".length: 0 is out of range, expected a whole number from 1 to 10485760"#),
    MetadataFault(
        column: #""type": "int", "precision": 5"#,
        line: #".precision: int has no precision, expected it with numeric only"#),
    MetadataFault(
        column: #""type": "numeric", "precision": 1001"#,
        line: #".precision: 1001 is out of range, expected a whole number from 1 to 1000"#),
    MetadataFault(
        column: #""type": "numeric", "precision": 5, "scale": 6"#,
        line: #".scale: 6 is more than the precision 5, expected at most 5"#),
    MetadataFault(
        column: #""type": "numeric", "scale": 2"#,
        line: #".scale: a scale without a precision, expected both, or neither"#),
    MetadataFault(
        column: #""path": "/a/~2""#,
        line: #".path: '/a/~2' is no path, expected a JSON pointer (/a/b) or dotted names (a.b[0])"#),
    MetadataFault(
        column: #""path": "a..b""#,
        line: #".path: 'a..b' is no path, expected a JSON pointer (/a/b) or dotted names (a.b[0])"#),
    MetadataFault(
        column: #""path": """#, line: #".path: '' is no path, expected a JSON pointer (/a/b) or dotted names (a.b[0])"#),
    MetadataFault(column: #""default": null"#, line: #".default: null is no text, expected a string"#),
    MetadataFault(
        column: #""type": "int", "default": "007""#,
        line: #".default: '007' is no int, expected a whole number from -2147483648 to 2147483647"#),
    MetadataFault(
        column: #""type": "smallint", "default": 40000"#,
        line: #".default: '40000' is no smallint, expected a whole number from -32768 to 32767"#),
    MetadataFault(
        column: #""type": "numeric", "precision": 4, "scale": 2, "default": 123.4"#,
        line: #".default: '123.4' is no numeric, expected a number of at most 4 digits, 2 after the point"#),
    MetadataFault(
        column: #""type": "boolean", "default": "yes""#, line: #".default: 'yes' is no boolean, expected true or false"#
    ),
    MetadataFault(
        column: #""type": "date", "default": "2026-02-30""#,
        line: #".default: '2026-02-30' is no date, expected a date such as 2026-01-31"#),
    MetadataFault(
        column: #""type": "time", "default": "24:00""#,
        line: #".default: '24:00' is no time, expected a time such as 23:59:59.123456"#),
    MetadataFault(
        column: #""type": "timestamp", "default": "2026-01-01T00:00:00Z""#,
        line:
            #".default: '2026-01-01T00:00:00Z' is no timestamp, expected a timestamp without offset such as 2026-01-31T23:59:59"#
    ),
    MetadataFault(
        column: #""type": "timestamptz", "default": "2026-01-01""#,
        line: #".default: '2026-01-01' is no timestamptz, expected a timestamp such as 2026-01-31T23:59:59Z"#),
    MetadataFault(
        column: #""type": "uuid", "default": "x""#, line: #".default: 'x' is no uuid, expected a uuid of 36 characters"#
    ),
    MetadataFault(
        column: #""type": "binary", "default": "%%""#, line: #".default: '%%' is no binary, expected base64"#),
    MetadataFault(
        column: #""type": "string", "length": 2, "default": "abc""#,
        line: #".default: 'abc' is no string, expected at most 2 characters"#),
    MetadataFault(column: #""default": ["a"]"#, line: #".default: an array is no text, expected a string"#),
    MetadataFault(
        column: #""type": "int", "format": "%d""#,
        line: #".format: int has no format, expected it with date, time, timestamp, timestamptz only"#),
    MetadataFault(
        column: #""type": "date", "format": "YYYY""#,
        line:
            #".format: 'YYYY' is no format, expected epoch_s, epoch_ms or a text with %Y %y %m %d %H %M %S %f %z"#
    ),
    MetadataFault(
        column: #""type": "date", "format": "%Q""#,
        line:
            #".format: '%Q' is no format, expected epoch_s, epoch_ms or a text with %Y %y %m %d %H %M %S %f %z"#
    ),
    MetadataFault(
        column: #""type": "timestamp", "format": "%Y%z""#,
        line: #".format: an offset (%z) in a timestamp, expected the type timestamptz"#),
    MetadataFault(
        column: #""timezone": "UTC""#, line: #".timezone: text has no time zone, expected it with timestamptz only"#),
    MetadataFault(
        column: #""type": "timestamptz", "timezone": "utc+1""#,
        line: #".timezone: unknown time zone 'utc+1', expected an IANA name such as Europe/Berlin"#),
    MetadataFault(
        column: #""key": true, "nullable": true"#,
        line: #".nullable: a key column that is nullable, expected false: a record without its key is rejected"#),
    MetadataFault(column: #""scd": 3"#, line: #".scd: 3 is out of range, expected 1 or 2 or one of ignore, fixed"#),
    MetadataFault(
        column: #""scd": "ignored""#,
        line: #".scd: unknown scd 'ignored', expected 1 or 2 or one of ignore, fixed; did you mean 'ignore'?"#),
    MetadataFault(column: #""pii": "mask""#, line: #".pii: mask is not supported by this version yet, expected none"#),
    MetadataFault(
        column: #""renamed_from": "c d""#,
        line:
            #".renamed_from: 'c d' is not allowed, expected a string that matches ^[a-z][a-z0-9_]*$; did you mean 'c_d'?"#
    ),
    MetadataFault(
        column: #""references": "b""#,
        line: #".references: 'b' is no reference, expected entity.column, or system.entity.column"#),
    MetadataFault(column: #""references": "x.a""#, line: #".references: unknown entity 's.x', expected e"#),
    MetadataFault(
        column: #""references": "e.c""#, line: #".references: unknown column 'c' of s.e, expected one of a, b"#),
    MetadataFault(
        column: #""null_values": "NULL""#, line: #".null_values: a string, expected an array, each element a string"#),
    MetadataFault(column: #""nulable": false"#, line: #".nulable: unknown key 'nulable'; did you mean 'nullable'?"#),
    MetadataFault(
        column: #""type": "date", "format": "%b %d %Y""#,
        line:
            #".format: '%b %d %Y' is no format, expected epoch_s, epoch_ms or a text with %Y %y %m %d %H %M %S %f %z"#),
    MetadataFault(
        column: #""type": "date", "format": "%Y%m%d%H""#,
        line: #".format: a time of day in a date, expected the type timestamp, or directives of a day only"#),
    MetadataFault(
        column: #""type": "time", "format": "epoch_s""#,
        line: #".format: an instant for a time of day, expected directives such as %H:%M:%S"#),
    MetadataFault(
        column: #""key": true, "default": "x""#,
        line: #".default: a key column with a default, expected none: a record without its key is rejected"#),
]
