public import JSON
public import Metadata
import Primitives

extension RestConnector {
    /// What the fields cannot say: faulty expressions, names that are not there, attributes that exclude each other.
    public static func objections(to source: JSONValue) -> [ConnectorDescription.Objection] {
        do {
            let template = try RestRequestTemplate(source)
            if let export = source["export"], export.objectValue != nil { _ = try RestExport(export) }
            try check(template, source)
            return []
        } catch {
            return [ConnectorDescription.Objection(error.place, error.what, expected: error.expected)]
        }
    }

    private static func check(_ template: RestRequestTemplate, _ source: JSONValue) throws(RestMistake) {
        let unknown = template.roots.subtracting(RestScope.names).sorted()
        if let name = unknown.first {
            let near = nearestName(to: name, among: RestScope.names.sorted()).map { "; did you mean '\($0)'?" } ?? ""
            throw RestMistake(
                [], "an expression names '\(name)', which there is not\(near)",
                expected: "one of " + RestScope.names.sorted().joined(separator: ", "))
        }
        for (name, attribute) in [("job", "export"), ("result", "export"), ("step", "steps")]
        where template.roots.contains(name) && source[attribute] == nil {
            throw RestMistake([], "an expression names '\(name)'", expected: "\(attribute), which gives it")
        }
        if let size = source["steps"]?["size"]?.stringValue, RestSteps.microseconds(of: size) == nil {
            throw RestMistake(["steps", "size"], "'\(size)' is no length", expected: "such as 7d, 12h or 30m")
        }
        if let start = source["steps"]?["start"]?.stringValue, Instant(utcByDefault: start) == nil {
            throw RestMistake(["steps", "start"], "'\(start)' is no instant", expected: "ISO 8601, as in 2024-01-01")
        }
        let format = source["format"]?.stringValue
        if format == "xml", source["records_path"]?.stringValue?.isEmpty != false {
            throw RestMistake(["records_path"], "missing", expected: "the names of elements down to the records'")
        }
        if format != "json", format != "xml", source["records_path"]?.stringValue?.isEmpty == false {
            throw RestMistake(["records_path"], "given with \(format ?? "another") pages", expected: "none")
        }
        if source["pagination"]?["in"]?.stringValue == "body", source["body"] == nil {
            throw RestMistake(["pagination", "in"], "body, but there is none", expected: "a body, or query")
        }
        let paging = source["pagination"]
        if paging?["type"]?.stringValue == "cursor", paging?["cursor_path"] == nil, paging?["cursor_header"] == nil {
            throw RestMistake(["pagination"], "no place of the cursor", expected: "cursor_path or cursor_header")
        }
    }
}
