import Testing

/// A fault: members of the system, entity and second column that replace or add to those of a faultless project.
struct MetadataFault: Sendable, CustomTestStringConvertible {
    var system = ""
    var entity = ""
    var column = ""
    let line: String
    var testDescription: String { line }
}

/// Faults of `systems[0]`, the place's beginning left out.
let systemFaults: [MetadataFault] = [
    MetadataFault(
        system: #""id": "Shop""#,
        line:
            #".id: 'Shop' is not allowed, expected a string that matches ^[a-z][a-z0-9_]{0,29}$; did you mean 'shop'?"#),
    MetadataFault(
        system: #""id": "gold""#, entity: #""system_id": "gold""#,
        line: #".id: 'gold' is reserved for the runs of gold, expected another id"#),
    MetadataFault(
        system: #""id": "a123456789012345678901234567890""#,
        line:
            #".id: 'a123456789012345678901234567890' is not allowed, expected a string that matches ^[a-z][a-z0-9_]{0,29}$"#
    ),
    MetadataFault(system: #""id": 1"#, line: #".id: a number, expected a string that matches ^[a-z][a-z0-9_]{0,29}$"#),
    MetadataFault(system: #""name": """#, line: #".name: empty, expected a text for people"#),
    MetadataFault(
        system: #""type": "sampel""#, line: #".type: unknown type 'sampel', expected sample; did you mean 'sample'?"#),
    MetadataFault(system: #""type": "oracle""#, line: #".type: unknown type 'oracle', expected sample"#),
    MetadataFault(
        system: #""colour": "red""#,
        line:
            #".colour: unknown key 'colour', expected one of id, name, description, type, connection, active, owner, tags, schedule, timezone, after, on_failure and 6 more"#
    ),
    MetadataFault(system: #""activ": true"#, line: #".activ: unknown key 'activ'; did you mean 'active'?"#),
    MetadataFault(system: #""active": "yes""#, line: #".active: a string, expected true or false"#),
    MetadataFault(system: #""owner": null"#, line: #".owner: null, expected a string"#),
    MetadataFault(system: #""tags": ["a", 1]"#, line: #".tags[1]: a number, expected a string"#),
    MetadataFault(
        system: #""retries": -1"#, line: #".retries: -1 is out of range, expected a whole number from 0 to 100"#),
    MetadataFault(
        system: #""retries": 1.5"#, line: #".retries: the number 1.5, expected a whole number from 0 to 100"#),
    MetadataFault(
        system: #""on_failure": "stop""#,
        line: #".on_failure: unknown on_failure 'stop', expected one of continue, halt"#),
    MetadataFault(
        system: #""schedule": "0 25 * * *""#,
        line: #".schedule: '25' is no hour, expected 0-23, as *, a, a-b, with /step, in a list"#),
    MetadataFault(
        system: #""schedule": "0 2 * *""#,
        line: #".schedule: '0 2 * *' has 4 fields, expected minute, hour, day of month, month, day of week"#),
    MetadataFault(
        system: #""schedule": "@dayly""#,
        line:
            #".schedule: unknown '@dayly', expected one of @annually, @daily, @hourly, @midnight, @monthly, @weekly, @yearly"#
    ),
    MetadataFault(
        system: #""schedule": "0 0 31 2 *""#,
        line: #".schedule: '0 0 31 2 *' never happens, expected a day that its months have"#),
    MetadataFault(
        system: #""timezone": "Europe/Berln""#,
        line:
            #".timezone: unknown time zone 'Europe/Berln', expected an IANA name such as Europe/Berlin; did you mean 'Europe/Berlin'?"#
    ),
    MetadataFault(
        system: #""timezone": "../../etc/passwd""#,
        line: #".timezone: unknown time zone '../../etc/passwd', expected an IANA name such as Europe/Berlin"#),
    MetadataFault(system: #""after": ["x"]"#, line: #".after[0]: unknown system 'x', expected s"#),
    MetadataFault(system: #""after": ["s"]"#, line: #".after: a cycle: s → s, expected an order that can begin"#),
    MetadataFault(
        system: #""notify": {}"#, line: #".notify: not supported by this version yet, expected the key left out"#),
    MetadataFault(
        system: #""schemas": {"silver": "audit"}"#,
        line: #".schemas.silver: schema 'audit' is reserved, expected another schema"#),
    MetadataFault(
        system: #""schemas": {"silver": "pg_temp"}"#,
        line: #".schemas.silver: schema 'pg_temp' is reserved, expected another schema"#),
    MetadataFault(
        system: #""schemas": {"silver": "bronze"}"#,
        line:
            #".schemas: bronze and silver are both 'bronze', expected two schemas, since their tables have the same names"#
    ),
    MetadataFault(
        system: #""schemas": {"sliver": "x"}"#, line: #".schemas.sliver: unknown key 'sliver'; did you mean 'silver'?"#),
    MetadataFault(system: #""connection": []"#, line: #".connection: an array, expected an object"#),
    MetadataFault(
        system: #""connection": {"rot": "/"}"#, line: #".connection.rot: unknown key 'rot'; did you mean 'root'?"#),
    MetadataFault(
        system: #""connection": {"token": "hunter2"}"#,
        line:
            #".connection.token: a literal where only a secret may stand, expected {"secret": "name"} with a name that matches ^[A-Za-z][A-Za-z0-9_]{0,62}$"#
    ),
    MetadataFault(
        system: #""connection": {"token": {"secret": "no name!"}}"#,
        line:
            #".connection.token: an object that is no reference to a secret, expected {"secret": "name"} with a name that matches ^[A-Za-z][A-Za-z0-9_]{0,62}$"#
    ),
    MetadataFault(
        system: #""connection": {"token": 12345}"#,
        line:
            #".connection.token: a number, expected {"secret": "name"} with a name that matches ^[A-Za-z][A-Za-z0-9_]{0,62}$"#
    ),
    MetadataFault(
        system: #""connection": {"auth": {"type": "baerer"}}"#,
        line: #".connection.auth.type: unknown type 'baerer', expected one of none, bearer; did you mean 'bearer'?"#),
    MetadataFault(
        system: #""connection": {"auth": {"token": {"secret": "t"}}}"#,
        line: #".connection.auth.type: missing, expected one of none, bearer"#),
    MetadataFault(
        system: #""connection": {"auth": {"type": "bearer"}}"#,
        line:
            #".connection.auth.token: missing, expected {"secret": "name"} with a name that matches ^[A-Za-z][A-Za-z0-9_]{0,62}$"#
    ),
    MetadataFault(
        system: #""connection": {"auth": {"type": "none", "token": "hunter2"}}"#,
        line: #".connection.auth.token: unknown key 'token', expected type"#),
    MetadataFault(
        system: #""connection": {"retry": {"attempts": 11}}"#,
        line: #".connection.retry.attempts: 11 is out of range, expected a whole number from 1 to 10"#),
]

/// Faults of `entities[0]`.
let entityFaults: [MetadataFault] = [
    MetadataFault(
        entity: #""name": "User Id""#,
        line:
            #".name: 'User Id' is not allowed, expected a string that matches ^[a-z][a-z0-9_]*$; did you mean 'user_id'?"#
    ),
    MetadataFault(
        entity: #""name": "a/b""#,
        line: #".name: 'a/b' is not allowed, expected a string that matches ^[a-z][a-z0-9_]*$; did you mean 'a_b'?"#),
    MetadataFault(
        entity: #""name": "this_name_is_by_far_too_long_for_a_table_of_ours""#,
        line:
            #".name: table 's_this_name_is_by_far_too_long_for_a_table_of_ours' has 50 bytes, expected at most 47 for <system>_<entity>, so that the names of its constraints stay within 55"#
    ),
    MetadataFault(entity: #""description": 1"#, line: #".description: a number, expected a string"#),
    MetadataFault(
        entity: #""system_id": "ss""#, line: #".system_id: unknown system 'ss', expected s; did you mean 's'?"#),
    MetadataFault(
        entity: #""load_type": "ful""#,
        line: #".load_type: unknown load_type 'ful', expected one of full, delta; did you mean 'full'?"#),
    MetadataFault(
        entity: #""columns": [], "key": [], "history": "append""#, line: #".columns: no columns, expected at least one"#
    ),
    MetadataFault(entity: #""columns": "a""#, line: #".columns: a string, expected an array, each element an object"#),
    MetadataFault(
        entity: #""columns": [{"name": "a", "type": "int"}, 5]"#, line: #".columns[1]: a number, expected an object"#),
    MetadataFault(
        entity: #""columns": [{"name": "a", "type": "int"}, {"name": "a", "type": "text"}]"#,
        line: #".columns[1].name: 'a' is already the name of columns[0], expected each name once"#),
    MetadataFault(
        entity: #""columns": [{"name": "a", "type": "int", "stored": false}]"#,
        line: #".columns: no column is stored, expected at least one"#),
    MetadataFault(entity: #""key": ["c"]"#, line: #".key[0]: unknown column 'c', expected one of a, b"#),
    MetadataFault(
        entity: #""key": ["bb"]"#, line: #".key[0]: unknown column 'bb', expected one of a, b; did you mean 'b'?"#),
    MetadataFault(entity: #""key": ["a", "a"]"#, line: #".key[1]: 'a' a second time, expected each column once"#),
    MetadataFault(entity: #""key": []"#, line: #".key: missing, expected key columns, since history is scd2"#),
    MetadataFault(
        entity: #""key": [], "history": "scd1""#, line: #".key: missing, expected key columns, since history is scd1"#),
    MetadataFault(
        entity: #""history": "scd3""#,
        line:
            #".history: unknown history 'scd3', expected one of scd2, scd1, append, latest, bitemporal; did you mean 'scd1'?"#
    ),
    MetadataFault(
        entity: #""effective_time_column": "b""#,
        line: #".effective_time_column: 'b' is of type text, expected a column of type date, timestamp or timestamptz"#),
    MetadataFault(
        entity: #""late_arrivals": "ignore""#,
        line:
            #".late_arrivals: given without effective_time_column, expected both: without an effective time no change comes late"#
    ),
    MetadataFault(
        entity: #""delete_marker": {"column": "b"}"#,
        line: #".delete_marker: neither equals nor not_null, expected one of them"#),
    MetadataFault(
        entity: #""delete_marker": {"column": "a", "equals": "x"}"#,
        line:
            #".delete_marker.equals: 'x' is no int, expected a whole number from -2147483648 to 2147483647"#),
    MetadataFault(entity: #""full_scope": "c""#, line: #".full_scope: unknown column 'c', expected one of a, b"#),
    MetadataFault(
        entity: #""history": "latest", "load_type": "delta", "delta": {"mode": "all"}"#,
        line: #".history: latest with load_type delta, expected load_type full: latest is the last full batch"#),
    MetadataFault(
        entity: #""load_type": "delta""#,
        line: #".delta: missing, expected an object with mode or cursor_column, since load_type is delta"#),
    MetadataFault(
        entity: #""load_type": "delta", "delta": {}"#,
        line: #".delta: neither mode nor cursor_column, expected "mode": "all", or a cursor_column"#),
    MetadataFault(
        entity: #""delta": {"mode": "cursor"}"#,
        line: #".delta.cursor_column: missing, expected a column, since mode is cursor"#),
    MetadataFault(
        entity: #""delta": {"mode": "al"}"#,
        line: #".delta.mode: unknown mode 'al', expected one of cursor, all; did you mean 'all'?"#),
    MetadataFault(
        entity: #""delta": {"cursor_column": "c"}"#,
        line: #".delta.cursor_column: unknown column 'c', expected one of a, b"#),
    MetadataFault(
        entity: #""delta": {"cursor_column": "b", "lookback_s": 60}"#,
        line:
            #".delta.lookback_s: the cursor 'b' is of type text, expected a look-back with a number, date or timestamp only"#
    ),
    MetadataFault(
        entity: #""delta": {"cursor_column": "a", "initial": "x"}"#,
        line: #".delta.initial: 'x' is no int, expected a whole number from -2147483648 to 2147483647"#),
    MetadataFault(
        entity: #""delta": {"cursor_column": "a", "cursor_type": "int"}"#,
        line: #".delta.cursor_type: not supported by this version yet, expected the key left out"#),
    MetadataFault(
        entity: #""delta": {"mode": "all", "request_param": "since"}"#,
        line: #".delta.request_param: given without cursor_column, expected both, or neither"#),
    MetadataFault(
        entity: #""delta": {"cursor_column": "a", "on_null_cursor": "keep"}"#,
        line: #".delta.on_null_cursor: not supported by this version yet, expected the key left out"#),
    MetadataFault(entity: #""order_by": ["a", "c"]"#, line: #".order_by[1]: unknown column 'c', expected one of a, b"#),
    MetadataFault(
        entity: #""delete_mode": "closed""#,
        line: #".delete_mode: unknown delete_mode 'closed', expected one of close, ignore; did you mean 'close'?"#),
    MetadataFault(
        entity: #""max_delete_fraction": 1.5"#,
        line: #".max_delete_fraction: 1.5 is out of range, expected a number from 0 to 1"#),
    MetadataFault(
        entity: #""max_reject_fraction": "1%""#, line: #".max_reject_fraction: a string, expected a number from 0 to 1"#
    ),
    MetadataFault(
        entity: #""schema_mode": "evolv""#,
        line:
            #".schema_mode: unknown schema_mode 'evolv', expected one of evolve, freeze, ignore; did you mean 'evolve'?"#
    ),
    MetadataFault(
        entity: #""bronze": {"doc": "xml"}"#, line: #".bronze.doc: unknown doc 'xml', expected one of jsonb, json"#),
    MetadataFault(
        entity: #""bronze": {"pattern": "exploded"}"#,
        line:
            #".bronze.pattern: unknown pattern 'exploded', expected one of as_is, explode, map_entries; did you mean 'explode'?"#
    ),
    MetadataFault(
        entity: #""bronze": {"from": "x"}"#,
        line: #".bronze.from: given with pattern as_is, expected pattern explode or map_entries"#),
    MetadataFault(
        entity: #""raw": {"compress": "gzip"}"#,
        line: #".raw.compress: unknown compress 'gzip', expected one of none, zstd"#),
    MetadataFault(
        entity: #""checks": {}"#,
        line:
            #".checks: an object, expected an array, each element an object whose type is one of not_null, unique, in, range, min_rows, max_rows, references, sql"#
    ),
    MetadataFault(
        entity: #""retention": {}"#, line: #".retention: not supported by this version yet, expected the key left out"#),
    MetadataFault(
        entity: #""renamed_from": "F""#,
        line: #".renamed_from: 'F' is not allowed, expected a string that matches ^[a-z][a-z0-9_]*$; did you mean 'f'?"#
    ),
    MetadataFault(
        entity: #""timezone": "Mars/Olympus""#,
        line: #".timezone: unknown time zone 'Mars/Olympus', expected an IANA name such as Europe/Berlin"#),
    MetadataFault(entity: #""source": {"pth": "x"}"#, line: #".source.pth: unknown key 'pth'; did you mean 'path'?"#),
    MetadataFault(
        entity: #""source": {"params": {"a": null}}"#,
        line:
            #".source.params.a: null, expected a string or a number or true or false"#
    ),
]
