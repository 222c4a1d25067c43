import Foundation
import Hashing
public import Metadata
public import Primitives

/// One file `sql/gold/<name>.sql`: a SELECT that psql runs as it is, below a header of comment lines.
///
/// ```sql
/// -- description: Subdivisions per country
/// -- materialize: table                 view (the default) or table
/// -- key: alpha_2                       column, column …: unique and not null in a table
/// -- inputs: silver.iso_countries       only where the grammar is older than the server
/// -- checks: [{"type": "min_rows", "min": 1}]   as an entity's, evaluated before the build commits
/// SELECT … FROM silver.iso_countries_current
/// ```
/// A lower-case word and a colon make a header line, `--` and two or more spaces continue it, other comments are prose.
public struct GoldScript: Sendable {
    /// How the result is kept behind the view `gold.<name>`.
    public enum Materialization: String, Sendable, CaseIterable {
        /// Computed whenever it is read.
        case view
        /// Computed when it is built.
        case table
    }

    /// The file's name without its ending, the name of the view in schema `gold`.
    public let name: String
    /// `description`, also the view's comment; empty where it is not given.
    public let description: String
    /// `materialize`.
    public let materialization: Materialization
    /// `key`; empty where it is not given.
    public let key: [String]
    /// `checks`, a JSON array as an entity's; empty where it is not given.
    public let checks: [Check]
    /// The SELECT, without header and final semicolon.
    public let statement: String
    /// What it reads, directly: found in the SQL, and what `inputs` adds.
    public let inputs: Set<Relation>
    /// The file, relative to the project: `sql/gold/<name>.sql`.
    public let file: String
    /// The line of the file on which `statement` begins, from 1.
    public let firstLine: Int

    /// A hash of all that decides what is built: another SELECT, key, description or materialization gives another one.
    public var hash: UUIDValue {
        var bytes: [UInt8] = []
        for part in [name, description, materialization.rawValue, statement] + key
            + checks.map({ "\($0.definitionHash)" })
        {
            bytes += "\(part.utf8.count):\(part)".utf8
        }
        return XXH3.hash128(bytes.span)
    }

    /// The longest name in bytes: what is left of 63 for the numbered table behind the view and its key's name.
    static let longestName = 55

    /// Every script of a project's `sql/gold`, with every problem of every file; no folder means no scripts.
    static func load(project folder: String, catalog: Catalog) -> (scripts: [GoldScript], problems: [MetadataProblem]) {
        let path = "\(folder)/sql/gold"
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { return ([], []) }
        var names: [String] = []
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            let what = isFolder.boolValue ? "cannot be read" : "is no folder"
            return ([], [MetadataProblem(file: "sql/gold", path: "", what: what, expected: "a folder of <name>.sql")])
        }
        let files = names.filter { !$0.hasPrefix(".") && $0.lowercased().hasSuffix(".sql") }.sorted()
        let scope = GoldScope(catalog: catalog, scripts: files.map { String($0.dropLast(4)) })
        var scripts: [GoldScript] = []
        var problems: [MetadataProblem] = []
        for file in files {
            var parser = GoldScriptParser(file: "sql/gold/\(file)", scope: scope)
            if let script = parser.parse(contents: FileManager.default.contents(atPath: "\(path)/\(file)")) {
                scripts.append(script)
            }
            problems += parser.problems
        }
        return (scripts, problems)
    }
}
