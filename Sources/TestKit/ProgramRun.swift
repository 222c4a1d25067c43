import Foundation

/// One run of the built program, as a shell would see it.
public struct ProgramRun: Sendable {
    /// The exit code; 128 + n when signal n ended it.
    public var status: Int32
    /// Standard output.
    public var output: String
    /// Standard error.
    public var errors: String
}

/// The built program, beside the test bundle.
public enum Binary {
    /// What kept the program from being run.
    public struct Failure: Error, CustomStringConvertible {
        /// One line.
        public let description: String
    }

    /// Where the program lies. A test process is called with its bundle as argument, or lies beside it.
    public static func path() throws -> String {
        let files = FileManager.default
        let folders =
            CommandLine.arguments.map { URL(fileURLWithPath: $0).deletingLastPathComponent() }
            + [
                Bundle.main.bundleURL,
                URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent(),
            ]
        for folder in folders {
            let path = folder.appendingPathComponent("medallion").path
            if files.isExecutableFile(atPath: path) { return path }
        }
        throw Failure(description: "the program 'medallion' lies in none of \(folders.map(\.path)); build it first")
    }

    /// Runs the program in a folder and waits, at most `seconds`.
    /// - Parameters:
    ///   - environment: Added to the test's own, which keeps none of its MEDALLION_ variables.
    ///   - input: A file as standard input; nil is none.
    public static func run(
        _ arguments: [String], in folder: String, environment: [String: String] = [:], seconds: Int = 60,
        input: String? = nil
    ) async throws -> ProgramRun {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try path())
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        process.environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("MEDALLION_") }
            .merging(environment) { _, new in new }
        let (output, errors) = (Pipe(), Pipe())
        process.standardInput =
            try input.map { try FileHandle(forReadingFrom: URL(fileURLWithPath: $0)) }
            ?? FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let id = process.processIdentifier
        let timer = Task {
            try await Task.sleep(for: .seconds(seconds))
            kill(id, SIGKILL)
        }
        defer { timer.cancel() }
        // Both pipes are read side by side: a full one would stop the program.
        async let written = read(output)
        async let complained = read(errors)
        let (text, complaints) = await (written, complained)
        process.waitUntilExit()
        let status = process.terminationStatus
        return ProgramRun(
            status: process.terminationReason == .uncaughtSignal ? 128 + status : status, output: text,
            errors: complaints)
    }

    /// Reading blocks, so it has a thread of its own.
    private static func read(_ pipe: Pipe) async -> String {
        let handle = pipe.fileHandleForReading
        return await withCheckedContinuation { continuation in
            Thread { continuation.resume(returning: String(decoding: handle.readDataToEndOfFile(), as: UTF8.self)) }
                .start()
        }
    }
}
