import ArgumentParser
import Foundation
import Logging

/// Options that every command takes; each also from the environment as MEDALLION_….
struct GlobalOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The project's folder.", valueName: "dir"))
    var project: String?

    @Option(
        name: .customLong("database-url"),
        help: ArgumentHelp("A PostgreSQL server (14 or later) instead of the private cluster.", valueName: "url"))
    var databaseURL: String?

    @Option(help: ArgumentHelp("Where raw files are kept; default: raw below the project.", valueName: "dir"))
    var rawDir: String?

    @Option(help: ArgumentHelp("trace, debug, info, notice, warning, error or critical.", valueName: "level"))
    var logLevel: String?

    @Option(help: ArgumentHelp("text or json, on standard error.", valueName: "format"))
    var logFormat: String?

    private func value(_ option: String?, _ variable: String, _ fallback: String) -> String {
        if let option { return option }
        let set = ProcessInfo.processInfo.environment["MEDALLION_\(variable)"]
        return set.flatMap { $0.isEmpty ? nil : $0 } ?? fallback
    }

    /// The project's folder, absolute.
    var projectFolder: String {
        URL(fileURLWithPath: value(project, "PROJECT", FileManager.default.currentDirectoryPath)).standardizedFileURL
            .path
    }

    /// The server's URL, nil for the private cluster.
    var serverURL: String? {
        let url = value(databaseURL, "DATABASE_URL", "")
        return url.isEmpty ? nil : url
    }

    /// The folder of raw files, absolute.
    var rawFolder: String {
        let folder = value(rawDir, "RAW_DIR", "")
        return folder.isEmpty ? projectFolder + "/raw" : URL(fileURLWithPath: folder).standardizedFileURL.path
    }

    func validate() throws {
        guard Logger.Level(rawValue: value(logLevel, "LOG_LEVEL", "warning")) != nil else {
            throw ValidationError(
                "--log-level is one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        guard ["text", "json"].contains(value(logFormat, "LOG_FORMAT", "text")) else {
            throw ValidationError("--log-format is text or json")
        }
    }

    /// The logger that the options ask for.
    var logger: Logger {
        let isJSON = value(logFormat, "LOG_FORMAT", "text") == "json"
        var logger = Logger(label: "medallion") { label -> any LogHandler in
            if isJSON { return JSONLinesLog(label: label) }
            return StreamLogHandler(label: label, stream: MaskedStandardError())
        }
        logger.logLevel = Logger.Level(rawValue: value(logLevel, "LOG_LEVEL", "warning")) ?? .warning
        return logger
    }
}
