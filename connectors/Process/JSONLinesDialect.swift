import ConnectorKit
import JSON
import Metadata
import Primitives
import Logging

/// Our own protocol: a program is called with one word behind its arguments and answers with a JSON object a line.
///
/// It finds `config.json` in its working folder. Every answer ends with `{"type": "done"}` and exit code 0.
///
/// | word | the program writes |
/// |---|---|
/// | describe | `{"type": "describe", "protocol": 1, "commands": ["check", "discover", "read"]}`: what it obeys |
/// | check | `{"type": "check", "ok": false, "message": "…"}`: whether the source can be reached |
/// | discover | `{"type": "stream", "name": "…"}` for each stream |
/// | read | `{"type": "record", "stream": "…", "record": {…}}` for each record, `{"type": "state", "value": …}` |
///
/// For `read` there are also `request.json`, `{"stream", "load_type", "from", "until", "options"}`, and in a delta load
/// `state.json`: the last state of the batch before. At any time it may write `{"type": "log", "level": "info",
/// "message": "…"}`, or give up with `{"type": "error", "message": "…", "kind": "auth", "transient": false}`.
struct JSONLinesDialect: ProcessDialect {
    let hasEndMark = true
    let announcesStreams = false

    func catalog(
        _ command: ProcessCommand, _ settings: ProcessSettings, in folder: WorkFolder
    ) async throws -> ProcessCatalog {
        let messages = try await command.messages(self, ["describe"], in: folder)
        let description = messages.first { $0["type"]?.stringValue == "describe" }
        guard let description, description["protocol"]?.intValue == 1,
            let words = description["commands"]?.arrayValue?.compactMap(\.stringValue), words.contains("read")
        else {
            throw command.named(
                ConnectorError(
                    "its answer to describe is not of protocol 1 with the command read", kind: .parse,
                    hint: "let it write {\"type\": \"describe\", \"protocol\": 1, \"commands\": [\"read\"]}"))
        }
        if words.contains("check") {
            let answers = try await command.messages(self, ["check"], in: folder)
            let answer = answers.last { $0["type"]?.stringValue == "check" }
            guard answer?["ok"]?.boolValue == true else {
                let reason = answer?["message"]?.stringValue ?? "it does not say why"
                throw command.named(ConnectorError("its check failed: \(reason)", kind: .auth))
            }
        }
        guard words.contains("discover") else { return ProcessCatalog(streams: nil) }
        let answers = try await command.messages(self, ["discover"], in: folder)
        return ProcessCatalog(streams: answers.filter { $0["type"]?.stringValue == "stream" })
    }

    func prepare(_ request: ProcessRequest, _ catalog: ProcessCatalog, in folder: WorkFolder) throws -> [String] {
        _ = try catalog.index(of: request.stream, in: ["name"])
        var members = [
            JSONMember("stream", .string(request.stream)),
            JSONMember("load_type", .string(request.window.loadType.rawValue)),
            JSONMember("until", .string(request.window.until.description)),
            JSONMember("options", request.options),
        ]
        if let from = request.window.from { members.append(JSONMember("from", .string(from))) }
        try folder.write(JSONValue.object(members).serialized(), to: "request.json")
        if let state = request.window.state { try folder.write(Array(state.utf8), to: "state.json") }
        return ["read"]
    }

    func message(in line: Span<UInt8>, stream: String) throws -> ProcessMessage {
        let message = try MessageMembers(line)
        switch message.text(of: "type", line) {
        case "record":
            guard let name = message.text(of: "stream", line), let record = message.place(of: "record", line) else {
                throw ConnectorError("is a record without its stream or record", kind: .parse)
            }
            return name.utf8.elementsEqual(stream.utf8) ? .record(record) : .other(name)
        case "state":
            guard let value = message.place(of: "value", line) else {
                throw ConnectorError("is a state without a value", kind: .parse)
            }
            return .state(line.bytes(value))
        case "log":
            let level = message.text(of: "level", line).flatMap(Logger.Level.init(rawValue:)) ?? .info
            return .log(level, message.text(of: "message", line) ?? "")
        case "error":
            let kind = message.text(of: "kind", line).flatMap(ConnectorError.Kind.init(rawValue:)) ?? .connector
            return .failure(
                ConnectorError(
                    "it gave up: \(message.text(of: "message", line) ?? "it does not say why")", kind: kind,
                    isTransient: message.value(of: "transient", line)?.boolValue == true))
        case "done": return .done
        case "describe", "check", "stream": return .nothing
        case let type?: throw ConnectorError("is a message of the unknown type '\(type)'", kind: .parse)
        case nil: throw ConnectorError("is a JSON object without a type", kind: .parse)
        }
    }
}
