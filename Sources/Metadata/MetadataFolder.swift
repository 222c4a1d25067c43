import Foundation
import JSON
import Primitives

/// One object of a metadata file and where it stands.
struct LocatedObject {
    /// The file, from the project's folder on.
    let file: String
    /// The object's place in it.
    let pointer: JSONPointer
    /// The object as written.
    let value: JSONValue

    /// `metadata/entities.json: entities[3]`.
    var origin: String { pointer.tokens.isEmpty ? file : "\(file): \(pointer.dotted)" }
}

/// Reads the files of a project's `metadata` folder into objects; finds problems, understands nothing.
struct MetadataFolder {
    /// What a file may hold.
    enum Kind: String, CaseIterable {
        case systems, entities
    }

    private let folder: URL
    private(set) var objects: [Kind: [LocatedObject]] = [:]
    private(set) var problems: [MetadataProblem] = []
    /// Kinds of which at least one file could not be read: nothing can be said about names missing among them.
    private(set) var unreadable: Set<Kind> = []

    /// Reads `<project>/metadata`.
    init(project: String) {
        folder = URL(fileURLWithPath: project, isDirectory: true).appendingPathComponent("metadata", isDirectory: true)
        let names = children(of: "")
        for kind in Kind.allCases {
            let files = (names.contains("\(kind).json") ? ["\(kind).json"] : []) + jsonFiles(in: kind, among: names)
            if files.isEmpty, problems.isEmpty {
                report("metadata", "no \(kind)", expected: "metadata/\(kind).json or metadata/\(kind)/*.json")
                unreadable.insert(kind)
            }
            for file in files { read(file, kind) }
        }
        refuseOthers(among: names)
    }

    // MARK: Folders

    private mutating func children(of subfolder: String) -> [String] {
        let place = subfolder.isEmpty ? "metadata" : "metadata/\(subfolder)"
        let path = subfolder.isEmpty ? folder.path : folder.appendingPathComponent(subfolder).path
        do {
            return try FileManager.default.contentsOfDirectory(atPath: path).filter { !$0.hasPrefix(".") }
                .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        } catch {
            let isThere = FileManager.default.fileExists(atPath: path)
            report(
                place,
                isThere
                    ? "not a folder that can be read" : "folder missing in \(folder.deletingLastPathComponent().path)",
                expected: "a folder with systems.json and entities.json")
            unreadable = Set(Kind.allCases)
            return []
        }
    }

    private mutating func jsonFiles(in kind: Kind, among names: [String]) -> [String] {
        guard names.contains(kind.rawValue) else { return [] }
        return children(of: kind.rawValue).compactMap { name in
            if name.hasSuffix(".json") { return "\(kind)/\(name)" }
            var isFolder: ObjCBool = false
            let path = folder.appendingPathComponent("\(kind)/\(name)").path
            if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
                report("metadata/\(kind)/\(name)", "folders within are not read", expected: "metadata/\(kind)/*.json")
            }
            return nil
        }
    }

    /// A file that nothing reads is most likely a typing error; it is never silently ignored.
    private mutating func refuseOthers(among names: [String]) {
        let known = Kind.allCases.map { "\($0).json" }
        // Where secrets come from is read by those who need them.
        for name in names where name.hasSuffix(".json") && !known.contains(name) && name != "secrets.json" {
            if name == "triggers.json" {
                report("metadata/\(name)", "triggers are not supported by this version yet", expected: "no such file")
            } else {
                report(
                    "metadata/\(name)", "unknown file",
                    expected: "systems.json, entities.json, or files in systems/ and entities/",
                    nearest: nearestName(to: name, among: known))
            }
        }
    }

    // MARK: Files

    private mutating func read(_ name: String, _ kind: Kind) {
        let file = "metadata/\(name)"
        do {
            let data = try Data(contentsOf: folder.appendingPathComponent(name))
            add(try JSONReader.parse([UInt8](data)), file: file, kind, mayBeSingle: name.contains("/"))
        } catch let error as JSONError {
            unreadable.insert(kind)
            problems.append(
                MetadataProblem(
                    file: file, path: "line \(error.line), column \(error.column)", what: error.what,
                    expected: error.expected))
        } catch {
            unreadable.insert(kind)
            report(file, "the file cannot be read", expected: "a file that this user may read")
        }
    }

    /// Takes an array, an object with the array under `kind`, or, in a file of its own, one object.
    private mutating func add(_ value: JSONValue, file: String, _ kind: Kind, mayBeSingle: Bool) {
        switch value {
        case .array(let elements): add(elements, file: file, kind)
        case .object(let members):
            let others = members.filter { $0.name != "$schema" }
            if mayBeSingle, value[kind.rawValue] == nil {
                objects[kind, default: []].append(LocatedObject(file: file, pointer: .root, value: .object(others)))
                return
            }
            // The elements are checked one by one later; here only the keys around them.
            var check = FieldCheck(file: file)
            let around: [Field] = [
                Field("$schema", .string, "The JSON Schema for editors."),
                Field(kind.rawValue, .array(.any), required: true, "The objects."),
            ]
            let right = check.check(value, against: around)
            problems += check.problems
            if !check.problems.isEmpty { unreadable.insert(kind) }
            add(right[kind.rawValue]?.arrayValue ?? [], file: file, kind)
        default:
            unreadable.insert(kind)
            report(file, value.kind, expected: "an array of objects, or an object with the key '\(kind)'")
        }
    }

    private mutating func add(_ elements: [JSONValue], file: String, _ kind: Kind) {
        objects[kind, default: []] += elements.enumerated().map { index, element in
            LocatedObject(file: file, pointer: JSONPointer([kind.rawValue, String(index)]), value: element)
        }
    }

    private mutating func report(_ file: String, _ what: String, expected: String, nearest: String? = nil) {
        problems.append(MetadataProblem(file: file, path: "", what: what, expected: expected, nearest: nearest))
    }
}
