public import ConnectorKit
import JSON
import Logging
public import Metadata
import Primitives

/// Runs a program and lands what it writes: JSON, JSON Lines or CSV as they are, or the records of a Singer tap, an
/// Airbyte source or a program that speaks our own JSON Lines protocol.
///
/// In `metadata/systems.json`:
/// ```json
/// {"id": "debian", "name": "This machine", "description": "What dpkg knows", "type": "process",
///  "connection": {"protocol": "plain", "command": ["dpkg-query", "-W"]}}
/// ```
/// In `metadata/entities.json`:
/// ```json
/// {"name": "packages", "system_id": "debian", "description": "Installed packages", "load_type": "full",
///  "key": ["package"],
///  "source": {"format": "jsonl", "args": ["-f", "{\"package\": \"${Package}\", \"version\": \"${Version}\"}\n"]},
///  "columns": [{"name": "package", "type": "text"}, {"name": "version", "type": "text"}]}
/// ```
/// A Singer tap, whose state begins the next delta load where this one ended:
/// ```json
/// {"id": "crm", "name": "CRM", "description": "The CRM", "type": "process",
///  "connection": {"protocol": "singer", "command": ["bin/tap-crm"],
///                 "config": {"url": "https://crm.example.com", "api_key": {"secret": "crm_key"}}}}
///
/// {"name": "contacts", "system_id": "crm", "description": "Contacts", "load_type": "delta", "key": ["id"],
///  "delta": {"mode": "all"}, "source": {"stream": "contacts"}, "columns": [{"name": "id", "type": "bigint"}]}
/// ```
/// The program is started without a shell, in a folder of its own that holds `config.json` with the secrets, its state,
/// a link `project` to the project's folder, and nothing else; it is removed afterwards. The environment is PATH, HOME
/// (that folder), LANG and what `env` adds. The whole process group is ended with it. A program that breaks off, says
/// too much or stays silent about its end lands nothing. `ProcessProtocol` has the protocols.
public struct ProcessConnector: Connector {
    /// A system's `connection`; `config` is read from the context, where it keeps order and digits.
    public struct Configuration: ConnectorConfiguration {
        var command: [String]
        var `protocol`: ProcessProtocol
        var env: [String: String]
        var catalog: CatalogUse
        var timeoutS: Double
        var memoryMb: Int?
        var maxOutputMb: Int
        var maxLineMb: Int
        var fileMb: Int

        /// Every attribute.
        public static let fields = [
            Field(
                "protocol", .oneOf(ProcessProtocol.allCases.map(\.rawValue)), required: true,
                "What its output is: plain = the payload itself, singer = a Singer tap, airbyte = an Airbyte source, "
                    + "jsonl = our own messages."),
            Field(
                "command", .array(.string), required: true,
                "The program and its first arguments; no shell reads them. A name with a slash starts at the project's "
                    + "folder, one without is looked up in PATH; ~ and ${VAR} stand for what the environment holds."),
            Field(
                "config", .map(.any), default: .object([]),
                "The program's own configuration, written to config.json; {\"secret\": \"name\"} at any depth becomes "
                    + "the secret's value. project/… is a path below the project's folder."),
            Field(
                "env", .map(.string), default: .object([]),
                "Variables beside PATH, HOME and LANG; ${VAR} is taken from our environment. Never a secret."),
            Field(
                "catalog", .oneOf(CatalogUse.allCases.map(\.rawValue)), default: .string("discover"),
                "Of a singer tap: discover = run it with --discover and give it what it said, with the stream selected, as "
                    + "--catalog; properties = the same as --properties, for old taps; none = it has no catalog."),
            Field("timeout_s", .number(0.1...86_400), default: .number("3600"), "Seconds that one run of it may take."),
            Field(
                "memory_mb", .int(1...1_048_576),
                "Megabytes of address space for it and each of its children; no limit by default."),
            Field(
                "max_output_mb", .int(1...1_048_576), default: .number("10240"),
                "Megabytes that it may write in one run."),
            Field("max_line_mb", .int(1...256), default: .number("16"), "Megabytes that one message may have."),
            Field(
                "file_mb", .int(1...4096), default: .number("64"),
                "Megabytes of records after which a raw file is closed and the next one begun."),
        ]
    }

    /// An entity's `source`; `options` are read from the entity itself, where they keep order and digits.
    public struct Source: ConnectorConfiguration {
        var stream: String?
        var args: [String]
        var format: DocumentShape.Format?
        var recordsPath: String

        /// Every attribute.
        public static let fields = [
            Field("stream", .string, "The program's name of the stream; by default the entity's name. Not for plain."),
            Field(
                "args", .array(.string), default: .array([]),
                "Arguments behind the command. Of a plain program {config} stands for the path of its configuration, "
                    + "{from} and {until} for the bounds of a delta load, each only as a whole argument."),
            Field("format", .oneOf(DocumentShape.Format.allCases.map(\.rawValue)), "What a plain program writes."),
            Field(
                "records_path", .string, default: .string(""),
                "JSON pointer to the array of records in the json of a plain program."),
            Field(
                "options", .map(.any), default: .object([]),
                "Of singer: metadata of the stream, as replication-method; of airbyte: of the configured stream, as "
                    + "cursor_field; of jsonl: what the program likes to know."),
        ]
    }

    /// `process`.
    public static let name = "process"
    /// Programs keep their place in their own words.
    public static let keepsState = true
    /// One sentence.
    public static let summary = "Runs a program: a Singer tap, an Airbyte source, or anything that writes JSON or CSV."
    /// A complete system and entity.
    public static let example = #"""
        [
          {"id": "debian", "name": "This machine", "description": "What dpkg knows", "type": "process",
           "connection": {"protocol": "plain", "command": ["dpkg-query", "-W"], "timeout_s": 60}},
          {"name": "packages", "system_id": "debian", "description": "Installed packages", "load_type": "full",
           "key": ["package"],
           "source": {"format": "jsonl",
                      "args": ["-f", "{\"package\": \"${Package}:${Architecture}\", \"version\": \"${Version}\"}\n"]},
           "columns": [{"name": "package", "type": "text"}, {"name": "version", "type": "text"}]}
        ]
        """#

    private let configuration: Configuration
    private let settings: ProcessSettings
    private let command: ProcessCommand
    private let temporaryFolder: String
    private let projectFolder: String
    private let answers = ProcessAnswers()

    /// A connector of one program; its secrets are looked up here, once. Nothing is started yet.
    public init(_ configuration: Configuration, context: ConnectorContext) throws {
        self.configuration = configuration
        settings = try ProcessSettings(context.connection["config"] ?? .object([]), secrets: context.secrets)
        command = try ProcessCommand(configuration, context: context, mask: settings.mask)
        temporaryFolder = context.environment["TMPDIR"].flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
        projectFolder = context.projectFolder
    }

    /// What `source` says of a plain program; the records of all others are landed as JSON Lines.
    public func shape(of source: Source) throws -> DocumentShape {
        guard configuration.protocol == .plain else {
            guard source.format == nil, source.recordsPath.isEmpty else {
                throw ConnectorError(
                    "source.format and records_path are for plain programs, and this one speaks "
                        + configuration.protocol.rawValue, hint: "remove them")
            }
            return DocumentShape(format: .jsonl)
        }
        guard let format = source.format else {
            throw ConnectorError(
                "source.format is missing", hint: "say what the program writes: \"json\", \"jsonl\" or \"csv\"")
        }
        guard format == .json || format == .xml || source.recordsPath.isEmpty, JSONPointer(source.recordsPath) != nil
        else {
            throw ConnectorError(
                "source.records_path '\(source.recordsPath)' is not for \(format.rawValue), or no JSON pointer",
                hint: "write it for json as in /data/items, or \"\" for the root")
        }
        return DocumentShape(format: format, recordsPath: source.recordsPath)
    }

    /// Asks the program what it is; a plain program has no words for that.
    public func check() async throws -> [String]? {
        guard let catalog = try await catalog() else { return nil }
        let streams = catalog.streams.map { ", \($0.count) \($0.count == 1 ? "stream" : "streams")" } ?? ""
        return ["\(command.title) speaks \(configuration.protocol.rawValue)\(streams)"]
    }

    /// The streams that the program offers, with their keys where it says them; columns are for samples to tell.
    public func discover() async throws -> [DiscoveredEntity]? {
        guard let streams = try await catalog()?.streams else { return nil }
        return streams.compactMap { stream in
            let names = ["tap_stream_id", "stream", "name"].lazy.compactMap { stream[$0]?.stringValue }
            guard let name = names.first else { return nil }
            let primary = stream["source_defined_primary_key"]?.arrayValue?.map { $0.arrayValue ?? [] }
            let keys = stream["key_properties"]?.arrayValue ?? stream["key"]?.arrayValue
            return DiscoveredEntity(
                name: ColumnNaming.name(for: name, fallback: "stream"),
                source: .object([JSONMember("stream", .string(name))]),
                key: (keys ?? primary?.compactMap { $0.count == 1 ? $0[0] : nil } ?? []).compactMap(\.stringValue).map {
                    ColumnNaming.name(for: $0, fallback: "column")
                })
        }
    }

    /// What the program says of itself when it is called without an entity's arguments; nil for a plain one.
    private func catalog() async throws -> ProcessCatalog? {
        guard let dialect = configuration.protocol.dialect(configuration.catalog) else { return nil }
        let folder = try WorkFolder(below: temporaryFolder, project: projectFolder)
        defer { folder.remove() }
        try folder.write(settings.revealed(), to: "config.json")
        return try await answers.catalog(for: []) { [command, settings] in
            try await dialect.catalog(command, settings, in: folder)
        }
    }

    /// Lands what one run of the program brings of the entity, or nothing.
    public func land(
        _ entity: Entity, source: Source, window: LoadWindow, into writer: inout RawWriter
    ) async throws {
        try Task.checkCancellation()
        let folder = try WorkFolder(below: temporaryFolder, project: projectFolder)
        defer { folder.remove() }
        try folder.write(settings.revealed(), to: "config.json")
        var command = command
        command.arguments += source.args
        let request = ProcessRequest(
            stream: source.stream ?? entity.id.name, window: window, keepsState: entity.loadType == .delta,
            options: entity.source["options"] ?? .object([]))
        guard let dialect = configuration.protocol.dialect(configuration.catalog) else {
            return try await landPayload(command, request, in: folder, into: &writer)
        }
        let catalog = try await answers.catalog(for: source.args) { [command, settings] in
            try await dialect.catalog(command, settings, in: folder)
        }
        let arguments: [String]
        do {
            arguments = try dialect.prepare(request, catalog, in: folder)
        } catch let error as ConnectorError {
            throw command.named(error)
        }
        writer.note(request: command.noted(configuration.protocol, arguments))
        var records = RecordFiles(dialect, stream: request.stream, command: command)
        try await command.run(arguments, in: folder) { event in
            try records.take(event, folder, into: &writer)
        }
        try records.finish(request, into: &writer)
        try note(state: records.state, into: &writer)
    }

    /// A plain program: its standard output is one payload.
    private func landPayload(
        _ command: ProcessCommand, _ request: ProcessRequest, in folder: WorkFolder, into writer: inout RawWriter
    ) async throws {
        var command = command
        let isFiltered = command.arguments.contains("{from}")
        if request.window.from != nil, !isFiltered { writer.noteUnfiltered() }
        command.arguments = command.arguments.map { argument in
            switch argument {
            case "{config}": folder.path + "/config.json"
            case "{from}": request.window.from ?? ""
            case "{until}": request.window.until.description
            default: argument
            }
        }
        writer.note(request: command.noted(.plain, []).replacing(folder.path + "/", with: ""))
        try writer.open()
        try await command.run([], in: folder) { event in
            if case .output(let bytes) = event { try writer.append(bytes) }
            return false
        }
        try writer.close()
    }

    private func note(state: [UInt8]?, into writer: inout RawWriter) throws {
        guard let state else { return }
        let text = String(decoding: state, as: UTF8.self)
        guard settings.mask.mask(text).utf8.elementsEqual(text.utf8) else {
            throw ConnectorError(
                "\(command.title): its state holds a secret, and states are kept in manifests", kind: .connector,
                hint: "let the program keep its secrets out of its state")
        }
        writer.note(state: text)
    }
}

/// What a program is asked for.
struct ProcessRequest: Sendable {
    var stream: String
    var window: LoadWindow
    /// True where the entity is loaded by changes as a rule, so that a full load has to leave a state behind.
    var keepsState: Bool
    var options: JSONValue
}
