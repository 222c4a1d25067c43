import ConnectorKit
import JSON
import Metadata
import Primitives
import Logging

/// Airbyte sources: asked for spec, check and discover once, then read with a catalog of one stream.
struct AirbyteDialect: ProcessDialect {
    let hasEndMark = false
    let announcesStreams = false

    func catalog(
        _ command: ProcessCommand, _ settings: ProcessSettings, in folder: WorkFolder
    ) async throws -> ProcessCatalog {
        let spec = try await ask(command, ["spec"], "SPEC", in: folder)["spec"]
        let literals = Self.literalSecrets(settings.written, spec?["connectionSpecification"], at: .root)
        guard literals.isEmpty else {
            throw command.named(
                ConnectorError(
                    "connection.config holds secrets in plain text: \(literals.joined(separator: ", "))", kind: .auth,
                    hint: "write {\"secret\": \"name\"} there"))
        }
        let config = ["--config", "config.json"]
        let status = try await ask(command, ["check"] + config, "CONNECTION_STATUS", in: folder)["connectionStatus"]
        guard status?["status"]?.stringValue == "SUCCEEDED" else {
            let reason = status?["message"]?.stringValue ?? "it does not say why"
            throw command.named(
                ConnectorError("its check failed: \(reason)", kind: .auth, hint: "correct connection.config"))
        }
        let catalog = try await ask(command, ["discover"] + config, "CATALOG", in: folder)["catalog"]
        return ProcessCatalog(streams: catalog?["streams"]?.arrayValue ?? [])
    }

    private func ask(
        _ command: ProcessCommand, _ arguments: [String], _ type: String, in folder: WorkFolder
    ) async throws -> JSONValue {
        let messages = try await command.messages(self, arguments, in: folder)
        guard let answer = messages.last(where: { $0["type"]?.stringValue == type }) else {
            throw command.named(ConnectorError("its answer to \(arguments[0]) has no \(type) message", kind: .parse))
        }
        return answer
    }

    /// Places of the configuration that the specification calls secret, and that hold a literal.
    private static func literalSecrets(_ value: JSONValue, _ spec: JSONValue?, at place: JSONPointer) -> [String] {
        guard let spec, value.secretName == nil else { return [] }
        if spec["airbyte_secret"]?.boolValue == true { return [place.dotted] }
        let alternatives = ["oneOf", "anyOf", "allOf"].flatMap { spec[$0]?.arrayValue ?? [] }
        let members = (value.objectValue ?? []).flatMap { member in
            literalSecrets(member.value, spec["properties"]?[member.name], at: place.appending(member.name))
        }
        let elements = (value.arrayValue ?? []).enumerated().flatMap { index, element in
            literalSecrets(element, spec["items"], at: place.appending(index))
        }
        let others = alternatives.flatMap { literalSecrets(value, $0, at: place) }
        return (members + elements + others).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    func prepare(_ request: ProcessRequest, _ catalog: ProcessCatalog, in folder: WorkFolder) throws -> [String] {
        guard let streams = catalog.streams, let index = try catalog.index(of: request.stream, in: ["name"]) else {
            preconditionFailure("an Airbyte source is always asked for its streams")
        }
        let stream = streams[index]
        let modes = stream["supported_sync_modes"]?.arrayValue?.compactMap(\.stringValue) ?? ["full_refresh"]
        let isIncremental = request.keepsState && modes.contains("incremental")
        guard isIncremental || request.window.loadType == .full else {
            throw ConnectorError(
                "its stream '\(request.stream)' cannot tell changes", hint: "set the entity's load_type to \"full\"")
        }
        var configured = JSONValue.object([
            JSONMember("stream", stream),
            JSONMember("sync_mode", .string(isIncremental ? "incremental" : "full_refresh")),
            JSONMember("destination_sync_mode", .string(isIncremental ? "append" : "overwrite")),
        ])
        if let cursor = stream["default_cursor_field"] { configured = configured.setting("cursor_field", to: cursor) }
        if let key = stream["source_defined_primary_key"] {
            configured = configured.setting("primary_key", to: key)
        }
        let chosen = JSONValue.array([configured.merging(request.options)])
        try folder.write(JSONValue.object([JSONMember("streams", chosen)]).serialized(), to: "catalog.json")
        var arguments = ["read", "--config", "config.json", "--catalog", "catalog.json"]
        if let state = request.window.state {
            try folder.write(Array(state.utf8), to: "state.json")
            arguments += ["--state", "state.json"]
        }
        return arguments
    }

    func message(in line: Span<UInt8>, stream: String) throws -> ProcessMessage {
        // The protocol lets a source write lines that are no JSON, as log; a cut message is not taken for one.
        guard line[0] == UInt8(ascii: "{") else { return .log(.debug, String(decoding: line)) }
        let message = try MessageMembers(line)
        switch message.text(of: "type", line) {
        case "RECORD":
            guard let place = message.place(of: "record", line) else { throw missing("RECORD", "record") }
            let record = try MessageMembers(line, place)
            guard let name = record.text(of: "stream", line) else { throw missing("RECORD", "stream") }
            guard name.utf8.elementsEqual(stream.utf8) else { return .other(name) }
            guard let data = record.place(of: "data", line) else { throw missing("RECORD", "data") }
            return .record(data)
        case "STATE":
            guard let state = message.value(of: "state", line) else { throw missing("STATE", "state") }
            return self.state(state, of: stream)
        case "LOG":
            let log = message.value(of: "log", line)
            return .log(Self.level(log?["level"]?.stringValue), log?["message"]?.stringValue ?? "")
        case "TRACE": return trace(message.value(of: "trace", line), of: stream)
        case "CONTROL":
            return .log(.warning, "it wants its configuration changed, which only people do here: renew the secret")
        case "SPEC", "CATALOG", "CONNECTION_STATUS": return .nothing
        case let type?: throw ConnectorError("is a message of the unknown type '\(type)'", kind: .parse)
        case nil: throw ConnectorError("is a JSON object without a type", kind: .parse)
        }
    }

    private func missing(_ type: String, _ member: String) -> ConnectorError {
        ConnectorError("is a \(type) without its \(member)", kind: .parse)
    }

    /// As `--state` wants it back: a list of messages, or the bare data of the oldest form.
    private func state(_ state: JSONValue, of stream: String) -> ProcessMessage {
        switch state["type"]?.stringValue {
        case "STREAM":
            let name = state["stream"]?["stream_descriptor"]?["name"]?.stringValue
            guard name?.utf8.elementsEqual(stream.utf8) == true else { return .other(name ?? "") }
            return .state(JSONValue.array([state]).serialized())
        case "GLOBAL": return .state(JSONValue.array([state]).serialized())
        default: return .state((state["data"] ?? .object([])).serialized())
        }
    }

    private func trace(_ trace: JSONValue?, of stream: String) -> ProcessMessage {
        switch trace?["type"]?.stringValue {
        case "ERROR":
            let error = trace?["error"]
            let texts = [error?["message"]?.stringValue, error?["internal_message"]?.stringValue].compactMap(\.self)
            let failure = error?["failure_type"]?.stringValue
            return .failure(
                ConnectorError(
                    "it gave up: " + (texts.isEmpty ? "it does not say why" : texts.joined(separator: ": ")),
                    kind: failure == "config_error" ? .auth : .connector,
                    hint: failure == "config_error" ? "correct connection.config" : "",
                    isTransient: failure == "transient_error"))
        case "STREAM_STATUS" where trace?["stream_status"]?["status"]?.stringValue == "INCOMPLETE":
            return .failure(ConnectorError("it says that stream '\(stream)' is incomplete"))
        default: return .nothing
        }
    }

    private static func level(_ name: String?) -> Logger.Level {
        switch name {
        case "FATAL", "ERROR": .error
        case "WARN": .warning
        case "INFO": .info
        default: .debug
        }
    }
}
