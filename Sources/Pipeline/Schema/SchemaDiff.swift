internal import Metadata
internal import Postgres

/// How the silver table of an entity differs from what the metadata asks for: what can be changed without loss, and
/// what is refused with the SQL that would do it.
///
/// Pure: metadata and catalogue rows in, statements out.
struct SchemaDiff {
    /// What is changed, for people and for the audit.
    private(set) var changes: [SchemaChange] = []
    /// What changes the table, in this order.
    private(set) var statements: [SQLText] = []
    /// What changes the view and the function beside it, afterwards.
    private(set) var closing: [SQLText] = []
    /// Columns that get another type, by the name that they have before anything is done.
    private(set) var retyped: [String] = []
    /// What gives them that type, first of all: views that read them are dropped before, and made again behind.
    private(set) var retyping: [SQLText] = []
    /// A difference that a person must decide.
    struct Refusal {
        /// What differs and what may be done, up to the SQL.
        var text: String
        /// What a person may run.
        var sql: [SQLText] = []
        /// The column whose readers have to be dropped before, and whether they can be made again behind.
        var read: (column: String, remakes: Bool)?
        /// A rebuild from raw is the way out.
        var isKeyChange = false
    }
    private(set) var refusals: [Refusal] = []
    /// True when an empty table could take what is refused.
    private(set) var dependsOnRows = false

    private let table: SilverTable
    private var live: LiveTable
    private var view: LiveTable?
    private let isEmpty: Bool
    private let recorded: EntityShape?
    private var typeChanges: [SQLText] = []
    private var renames: [String: [SQLText]] = [:]
    private var constraintNames: Set<String>

    init(of table: SilverTable, in tables: LiveTables, recorded: EntityShape?, timezone: String, isEmpty: Bool) {
        self.table = table
        self.isEmpty = isEmpty
        self.recorded = recorded
        live = tables.table(table.schema, table.name) ?? LiveTable()
        view = tables.view(table.schema, table.name + "_current")
        constraintNames = Set(live.checks.map(\.name))
        renameColumns()
        compareKey(timezone: timezone)
        // Nothing else is worth doing to a table that has to be built again.
        guard refusals.isEmpty else { return }
        for column in table.entity.storedColumns { compare(column) }
        compareRest()
        compareSystemColumns(tables)
        if !typeChanges.isEmpty {
            // One statement, so that the table is rewritten once.
            retyping.append(
                "ALTER TABLE \(fragment: table.history) \(fragment: typeChanges.joined(separator: ", "))")
        }
        describe()
        compareViews(tables)
    }

    private var place: String { "\(table.schema).\(table.name)" }

    private mutating func alter(_ action: SQLText) {
        statements.append("ALTER TABLE \(fragment: table.history) \(fragment: action)")
    }

    /// Refuses a difference; `actions` are those of ALTER TABLE that would settle it.
    private mutating func refuse(
        _ text: String, _ actions: [SQLText] = [], on column: String = "", read: (column: String, remakes: Bool)? = nil
    ) {
        // Nothing is done to a refused table: what the SQL needs of it comes first.
        let sql = (renames[column] ?? []) + actions.map { "ALTER TABLE \(fragment: table.history) \(fragment: $0)" }
        refusals.append(Refusal(text: text, sql: actions.isEmpty ? [] : sql, read: read))
    }

    // MARK: Names

    private mutating func renameColumns() {
        for column in table.entity.storedColumns {
            guard let former = column.renamedFrom, live[column.name] == nil,
                let index = live.columns.firstIndex(where: { $0.name == former })
            else { continue }
            let start = statements.count
            alter("RENAME COLUMN \(identifier: former) TO \(identifier: column.name)")
            live.columns[index].name = column.name
            for check in live.checks.indices where live.checks[check].column == former {
                live.checks[check].column = column.name
            }
            if let shown = view?.columns.firstIndex(where: { $0.name == former }) {
                statements.append(
                    """
                    ALTER VIEW \(table: table.schema, table.name + "_current")
                    RENAME COLUMN \(identifier: former) TO \(identifier: column.name)
                    """)
                view?.columns[shown].name = column.name
            }
            renames[column.name] = Array(statements[start...])
            let entity = table.entity.id
            statements.append(
                """
                UPDATE audit.raw_batch SET missing_columns = array_replace(missing_columns,
                    \(literal: former), \(literal: column.name))
                WHERE system_id = \(literal: entity.system.rawValue) AND entity_name = \(literal: entity.name)
                    AND \(literal: former) = ANY (missing_columns)
                """)
            changes.append(SchemaChange(.columnRenamed, column.name, "was \(former)"))
        }
    }

    private mutating func compareKey(timezone: String) {
        let wanted = EntityShape(of: table.entity, timezone: timezone)
        guard let recorded, recorded.key != wanted.key else { return }
        refusals.append(
            Refusal(
                text:
                    "the key of \(place) was \(recorded.keyTitle), the metadata says \(wanted.keyTitle): every row would belong "
                    + "to another key, so the tables must be built again from raw: "
                    + "medallion rebuild \(table.entity.id) --from raw", isKeyChange: true))
    }

    // MARK: Columns

    private mutating func compare(_ column: Column) {
        guard let found = live[column.name] else { return add(column) }
        let type = SilverTable.type(of: column)
        if found.type != type {
            // Views are made again as they stood, so types change before names do.
            let name = renames[column.name] == nil ? column.name : column.renamedFrom ?? column.name
            let action: SQLText = "ALTER COLUMN \(identifier: name) TYPE \(verbatim: type)"
            if TypeWidening.isLossless(from: found.type, to: column.type) {
                typeChanges.append(action)
                retyped.append(name)
                changes.append(SchemaChange(.typeWidened, column.name, "\(found.type) to \(type)"))
            } else {
                refuse(
                    "\(place).\(column.name) is \(found.type), the metadata says \(type), which may not hold its values: "
                        + "give it a type that does, or run: ",
                    ["\(fragment: action) USING \(identifier: name)::\(verbatim: type)"], read: (name, remakes: true))
            }
        }
        compareNull(column, found)
        compareLength(column)
        if SilverTable.comment(of: column) != found.comment ?? "" { comment(column, isTold: column.description != nil) }
    }

    private mutating func add(_ column: Column) {
        // A new key column is told by `compareKey`.
        let isRequired = column.isKey || !column.isNullable
        let type = SilverTable.type(of: column)
        if isRequired, !isEmpty {
            dependsOnRows = true
            let name: SQLText = "\(identifier: column.name)"
            let value = SQLText.quoted(literal: column.format == nil ? column.defaultText ?? "…" : "…")
            refuse(
                "\(place) lacks column \(column.name) \(type) NOT NULL, for which rows of the past have no value: make it "
                    + "nullable, or run with a value for them: ",
                [
                    "ADD COLUMN \(fragment: name) \(verbatim: type) NOT NULL DEFAULT \(verbatim: value)",
                    "ALTER COLUMN \(fragment: name) DROP DEFAULT",
                ])
            return
        }
        alter("ADD COLUMN \(identifier: column.name) \(verbatim: type + (isRequired ? " NOT NULL" : ""))")
        if case .string(let length?) = column.type { alter("ADD \(fragment: lengthCheck(column, length))") }
        comment(column, isTold: false)
        if recorded?[column.name] != nil { forget(column.name) }
        changes.append(SchemaChange(.columnAdded, column.name, isRequired ? "\(type) NOT NULL" : type))
    }

    /// A column that somebody dropped, and that comes back, is filled like any new one.
    private mutating func forget(_ column: String) {
        let entity = table.entity.id
        statements.append(
            """
            UPDATE metadata.entity_shape SET shape_hash = '00000000-0000-0000-0000-000000000000', columns = coalesce(
                (SELECT jsonb_agg(c) FROM jsonb_array_elements(columns) AS c WHERE c ->> 'name' <> \(literal: column)), '[]')
            WHERE system_id = \(literal: entity.system.rawValue) AND entity_name = \(literal: entity.name)
            """)
    }

    private mutating func compareNull(_ column: Column, _ found: LiveTable.Column) {
        let isRequired = column.isKey || !column.isNullable
        guard found.isRequired != isRequired else { return }
        let name: SQLText = "\(identifier: column.name)"
        if !isRequired {
            alter("ALTER COLUMN \(fragment: name) DROP NOT NULL")
            changes.append(SchemaChange(.notNullDropped, column.name, "may be NULL now"))
        } else if isEmpty {
            alter("ALTER COLUMN \(fragment: name) SET NOT NULL")
            changes.append(SchemaChange(.notNullSet, column.name, "the table is empty"))
        } else if column.isKey, refusals.contains(where: \.isKeyChange) {
            // The rebuild that gives every row its key does it.
            return
        } else {
            dependsOnRows = true
            refuse(
                "\(place).\(column.name) is nullable, the metadata says NOT NULL: make it nullable, or fill the rows where "
                    + "it is NULL and run: ", ["ALTER COLUMN \(fragment: name) SET NOT NULL"], on: column.name)
        }
    }

    private mutating func compareLength(_ column: Column) {
        let prefix = table.name + "_len"
        let found = live.checks.first { $0.column == column.name && $0.name.hasPrefix(prefix) }
        let length = found.flatMap { check in
            check.definition.split(separator: "<=").last.flatMap { Int($0.filter(\.isNumber)) }
        }
        var wanted: Int?
        if case .string(let length?) = column.type { wanted = length }
        guard length != wanted || (found != nil) != (wanted != nil) else { return }
        let drop: SQLText? = found.map { "DROP CONSTRAINT \(identifier: $0.name)" }
        if let found { constraintNames.remove(found.name) }
        let add: SQLText? = wanted.map { "ADD \(fragment: lengthCheck(column, $0))" }
        let both = [drop, add].compactMap { $0 }.joined(separator: ", ")
        let was = length.map { "\($0)" } ?? "no limit"
        let now = wanted.map { "\($0)" } ?? "no limit"
        // Where the limit cannot be read, somebody has written another CHECK under our name.
        let isWider = found != nil && (wanted == nil || (length ?? .max) < (wanted ?? 0))
        if isWider || isEmpty {
            alter(both)
            changes.append(SchemaChange(.lengthWidened, column.name, "\(was) to \(now) characters"))
        } else {
            dependsOnRows = true
            refuse(
                "\(place).\(column.name) has a length of \(was), the metadata says \(now), which may not hold its values: "
                    + "give it a length that does, or shorten them and run: ", [both], on: column.name)
        }
    }

    private mutating func lengthCheck(_ column: Column, _ length: Int) -> SQLText {
        let position = table.entity.storedColumns.firstIndex { $0.name == column.name } ?? 0
        // The position's name may be another column's: columns come and go.
        var name = "\(table.name)_len\(position + 1)"
        var number = 0
        while constraintNames.contains(name) {
            number += 1
            name = "\(table.name)_len\(number)"
        }
        constraintNames.insert(name)
        return SilverTable.lengthCheck(named: name, column: column.name, length)
    }

    /// Columns of the table that the metadata does not store.
    private mutating func compareRest() {
        let stored = Set(table.entity.storedColumns.map(\.name) + table.systemColumns.map(\.name))
        for column in live.columns where !stored.contains(column.name) {
            let name: SQLText = "\(identifier: column.name)"
            if table.entity.columns.contains(where: { $0.name == column.name }) {
                // Named, but no longer stored: its past stays where it is.
                guard column.isRequired else { continue }
                alter("ALTER COLUMN \(fragment: name) DROP NOT NULL")
                changes.append(SchemaChange(.notNullDropped, column.name, "stored no longer"))
                continue
            }
            let why = column.isRequired ? " and which is NOT NULL, so that no row could be inserted" : ""
            refuse(
                "\(place) has column \(column.name), which the metadata does not name\(why): name it with \"stored\": false "
                    + "to keep its past, or drop it: ", ["DROP COLUMN \(fragment: name)"],
                read: (column.name, remakes: false))
        }
    }

    private mutating func compareSystemColumns(_ tables: LiveTables) {
        for column in table.systemColumns {
            let word = String(column.type.split(separator: " ")[0])
            let type = word == "timestamptz" ? "timestamp with time zone" : word
            let isRequired = column.type.hasSuffix("NOT NULL")
            guard let found = live[column.name] else {
                refuse("\(place) lacks column \(column.name) \(type); \(SchemaDiff.rebuild(table))")
                continue
            }
            if found.type != type || found.isRequired != isRequired, column.name != "_is_current" {
                refuse(
                    "\(place).\(column.name) is \(found.type)\(found.isRequired ? " NOT NULL" : ""), expected "
                        + "\(type)\(isRequired ? " NOT NULL" : ""); \(SchemaDiff.rebuild(table))")
            }
        }
        for index in ["_pk", "_open"] where !tables.hasIndex(table.schema, table.name + index) {
            refusals.append(
                Refusal(
                    text: "\(place) lacks its index \(table.name + index): run: ",
                    sql: [table.addIndexes[index == "_pk" ? 0 : 1]]))
        }
    }

    private static func rebuild(_ table: SilverTable) -> String {
        "take the table aside (ALTER TABLE … RENAME, or DROP), then fill a new one: medallion rebuild \(table.entity.id)"
    }

    // MARK: Comments, view and function

    private mutating func describe() {
        guard table.entity.description != live.comment ?? "" else { return }
        let text: SQLText = table.entity.description.isEmpty ? "NULL" : "\(literal: table.entity.description)"
        statements.append("COMMENT ON TABLE \(fragment: table.history) IS \(fragment: text)")
        changes.append(SchemaChange(.described, "", "the table's comment"))
    }

    private mutating func comment(_ column: Column, isTold: Bool) {
        let text: SQLText = "\(literal: SilverTable.comment(of: column))"
        statements.append(
            "COMMENT ON COLUMN \(fragment: table.history).\(identifier: column.name) IS \(fragment: text)")
        if isTold { changes.append(SchemaChange(.described, column.name, "the column's comment")) }
    }

    private mutating func compareViews(_ tables: LiveTables) {
        if let view {
            let missing = table.entity.storedColumns.map(\.name).filter { view[$0] == nil }
            if !missing.isEmpty {
                // A view can be redefined with more columns at its end, and keeps its readers and grants then.
                closing.append(
                    """
                    CREATE OR REPLACE VIEW \(table: table.schema, table.name + "_current") AS
                    SELECT \(identifiers: view.columns.map(\.name) + missing)
                    FROM \(fragment: table.history) WHERE \(fragment: table.isOpen())
                    """)
            }
        } else {
            closing.append(table.currentView)
            changes.append(SchemaChange(.viewMade, "", "\(table.name)_current"))
        }
        if !tables.hasFunction(table.schema, table.name + "_asof") {
            closing.append(table.asOfFunction)
            changes.append(SchemaChange(.viewMade, "", "\(table.name)_asof"))
        }
    }
}
