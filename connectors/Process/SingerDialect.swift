import ConnectorKit
import Foundation
import JSON

/// Singer taps: catalog by `--discover`, one stream selected in it.
struct SingerDialect: ProcessDialect {
    let use: CatalogUse
    let hasEndMark = false
    let announcesStreams = true

    func catalog(
        _ command: ProcessCommand, _ settings: ProcessSettings, in folder: WorkFolder
    ) async throws -> ProcessCatalog {
        guard use != .none else { return ProcessCatalog(streams: nil) }
        let hint = "if it has no --discover, set connection.catalog to \"none\""
        let answer: [UInt8]
        do {
            answer = try await command.answer(["--config", "config.json", "--discover"], in: folder)
        } catch var error as ConnectorError {
            if error.hint.isEmpty { error.hint = hint }
            throw error
        }
        do {
            guard let streams = try JSONReader.parse(answer)["streams"]?.arrayValue else {
                throw ConnectorError("what --discover wrote has no list of streams", kind: .parse)
            }
            return ProcessCatalog(streams: streams)
        } catch let error as JSONError {
            throw command.named(
                ConnectorError(
                    "what --discover wrote is no catalog: \(error)", kind: .parse, hint: hint))
        } catch let error as ConnectorError {
            throw command.named(error)
        }
    }

    func prepare(_ request: ProcessRequest, _ catalog: ProcessCatalog, in folder: WorkFolder) throws -> [String] {
        var arguments = ["--config", "config.json"]
        if let wanted = try catalog.index(of: request.stream, in: Self.names) {
            let streams = (catalog.streams ?? []).enumerated().map { index, stream in
                index == wanted ? Self.selected(stream, options: request.options) : Self.deselected(stream)
            }
            try folder.write(
                JSONValue.object([JSONMember("streams", .array(streams))]).serialized(), to: "catalog.json")
            arguments += [use == .properties ? "--properties" : "--catalog", "catalog.json"]
        }
        if let state = request.window.state {
            try folder.write(Array(state.utf8), to: "state.json")
            arguments += ["--state", "state.json"]
        }
        return arguments
    }

    private static let names = ["tap_stream_id", "stream"]

    /// Selected in metadata, and as older taps want it in the schema; every field that the tap supports with it.
    private static func selected(_ stream: JSONValue, options: JSONValue) -> JSONValue {
        var entries = metadata(of: stream).map { entry in
            let inner = entry["metadata"] ?? .object([])
            guard inner["inclusion"]?.stringValue != "unsupported" else { return entry }
            let more: JSONValue = entry["breadcrumb"] == .array([]) ? options : .object([])
            return entry.setting("metadata", to: inner.setting("selected", to: .bool(true)).merging(more))
        }
        if !entries.contains(where: { $0["breadcrumb"] == .array([]) }) {
            entries.append(root(JSONValue.object([]).setting("selected", to: .bool(true)).merging(options)))
        }
        return stream.setting("metadata", to: .array(entries))
            .setting("schema", to: (stream["schema"] ?? .object([])).setting("selected", to: .bool(true)))
    }

    private static func deselected(_ stream: JSONValue) -> JSONValue {
        let kept = metadata(of: stream).map { entry in
            let inner = (entry["metadata"] ?? .object([])).setting("selected", to: .bool(false))
            return entry["breadcrumb"] == .array([]) ? entry.setting("metadata", to: inner) : entry
        }
        let hasRoot = kept.contains { $0["breadcrumb"] == .array([]) }
        let all = hasRoot ? kept : kept + [root(.object([JSONMember("selected", .bool(false))]))]
        return stream.setting("metadata", to: .array(all))
            .setting("schema", to: (stream["schema"] ?? .object([])).setting("selected", to: .bool(false)))
    }

    private static func metadata(of stream: JSONValue) -> [JSONValue] { stream["metadata"]?.arrayValue ?? [] }

    private static func root(_ metadata: JSONValue) -> JSONValue {
        .object([JSONMember("breadcrumb", .array([])), JSONMember("metadata", metadata)])
    }

    func message(in line: Span<UInt8>, stream: String) throws -> ProcessMessage {
        let message = try MessageMembers(line)
        guard let type = message.text(of: "type", line) else {
            throw ConnectorError("is a JSON object without a type", kind: .parse)
        }
        if type == "STATE" {
            guard let value = message.place(of: "value", line) else {
                throw ConnectorError("is a STATE without a value", kind: .parse)
            }
            return .state(line.bytes(value))
        }
        guard ["RECORD", "SCHEMA", "ACTIVATE_VERSION", "BATCH"].contains(type) else {
            throw ConnectorError("is a message of the unknown type '\(type)'", kind: .parse)
        }
        guard let name = message.text(of: "stream", line) else {
            throw ConnectorError("is a \(type) without a stream", kind: .parse)
        }
        guard name.utf8.elementsEqual(stream.utf8) else { return .other(name) }
        switch type {
        case "RECORD":
            guard let record = message.place(of: "record", line) else {
                throw ConnectorError("is a RECORD without a record", kind: .parse)
            }
            return .record(record)
        case "BATCH": return .files(try files(of: message, line))
        default: return .announcement
        }
    }

    /// The files of a BATCH message, which the tap has finished.
    /// Source: <https://sdk.meltano.com/en/latest/batch.html>.
    private func files(of message: MessageMembers, _ line: Span<UInt8>) throws -> [String] {
        let encoding = message.value(of: "encoding", line)
        guard encoding?["format"]?.stringValue == "jsonl",
            let manifest = message.value(of: "manifest", line)?.arrayValue
        else {
            throw ConnectorError(
                "is a BATCH of another format than jsonl", kind: .parse, hint: "configure the tap's batches as jsonl")
        }
        let isGzip = encoding?["compression"]?.stringValue == "gzip"
        return try manifest.map { entry in
            guard let url = entry.stringValue, url.hasPrefix("file:///"),
                let path = String(url.dropFirst("file://".count)).removingPercentEncoding
            else { throw ConnectorError("is a BATCH of files that are not on this machine", kind: .parse) }
            guard (FileEnding(path).compression == .gzip) == isGzip else {
                throw ConnectorError(
                    "is a BATCH whose files' endings do not tell their compression", kind: .parse,
                    hint: "call gzip files *.gz")
            }
            return path
        }
    }
}
