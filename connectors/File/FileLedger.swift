import ConnectorKit
import JSON
import Primitives

/// The files that earlier loads have landed: the state of delta loads whose source tells no changes itself.
///
/// As JSON: `{"files": [["orders/1.csv", 120, 1767225600000000, null, "9f86…"]]}`: path, bytes, microseconds of the last
/// change, tag, SHA-256 of the bytes as they lay there. Files that are gone are dropped.
struct FileLedger: Sendable {
    struct Entry: Sendable, Hashable {
        var stamp: FileStamp
        var sha256: String
    }

    private(set) var entries: [PathBytes: Entry] = [:]

    init() {}

    /// - Throws: `ConnectorError` for a text that is no ledger.
    init(state: String) throws {
        func damaged() -> ConnectorError {
            ConnectorError(
                "the state of the last batch is no ledger of files", kind: .parse,
                hint: "run 'medallion cursor reset' for the entity: the next load then lands every file")
        }
        let value: JSONValue
        do { value = try JSONReader.parse(state) } catch { throw damaged() }
        guard let files = value["files"]?.arrayValue else { throw damaged() }
        for file in files {
            guard let fields = file.arrayValue, fields.count == 5, let path = fields[0].stringValue,
                let sha256 = fields[4].stringValue
            else { throw damaged() }
            let stamp = FileStamp(
                size: fields[1].intValue,
                modified: fields[2].intValue.map { Instant(microseconds: Int64($0)) },
                tag: fields[3].stringValue)
            entries[PathBytes(path)] = Entry(stamp: stamp, sha256: sha256)
        }
    }

    subscript(_ path: String) -> Entry? {
        get { entries[PathBytes(path)] }
        set { entries[PathBytes(path)] = newValue }
    }

    /// In byte order of the paths, so that equal ledgers have equal texts.
    var state: String {
        let files = entries.sorted { $0.key.bytes.lexicographicallyPrecedes($1.key.bytes) }.map { path, entry in
            JSONValue.array([
                .string(path.text), entry.stamp.size.map { .number(String($0)) } ?? .null,
                entry.stamp.modified.map { .number(String($0.microseconds)) } ?? .null,
                entry.stamp.tag.map { .string($0) } ?? .null, .string(entry.sha256),
            ])
        }
        return JSONValue.object([JSONMember("files", .array(files))]).text()
    }
}
