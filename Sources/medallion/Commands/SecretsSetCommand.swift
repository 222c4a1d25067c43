import ArgumentParser
import ConnectorKit
import Foundation
import Glibc
import Pipeline
import Primitives
import Secrets

/// `medallion secrets set`.
struct SecretsSetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Put a secret into the encrypted store: from standard input, or asked for on a terminal.",
        discussion: """
            The value is never an argument: those are seen by everybody on the machine and kept by the shell. One line end
            at its end is no part of it.

            Examples:
              medallion secrets set shop_token
              medallion secrets set shop_token < token.txt
            """)

    @OptionGroup var options: GlobalOptions

    @Argument(help: "The secret's name.")
    var name: String

    func run() throws {
        let store = try Composition(options: options).secretsConfiguration().store
        try SecretChain.check(name)
        let value = isatty(STDIN_FILENO) == 1 ? try ask() : try read()
        guard !value.isEmpty else { throw UsageError("the value of '\(name)' is empty; nothing was stored") }
        let secret = Secret(value)
        Composition.known.register(secret)
        let isNew = try !store.entries.contains { $0.name.utf8.elementsEqual(name.utf8) }
        try store.set(name, to: secret, at: SystemClock().now())
        print("\(isNew ? "set" : "changed"): \(name) in \(store.path), \(value.utf8.count) bytes")
        if value.utf8.count < SecretMask.minimumLength {
            print("it is shorter than \(SecretMask.minimumLength) bytes: logs and audit cannot hide it")
        }
    }

    /// At most 64 kB of standard input.
    private func read() throws -> String {
        let limit = 64 << 10
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while bytes.count <= limit {
            let count = Glibc.read(STDIN_FILENO, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        guard bytes.count <= limit else { throw UsageError("the value of '\(name)' is longer than \(limit >> 10) kB") }
        guard var text = String(validating: bytes, as: UTF8.self) else {
            throw UsageError("the value of '\(name)' is not UTF-8 text; encode it, as in base64")
        }
        if text.hasSuffix("\n") || text.hasSuffix("\r\n") { text.removeLast() }
        return text
    }

    /// One line from the terminal, which shows nothing of it. Ctrl-C is read as a character meanwhile, so that the
    /// terminal is never left in silence.
    private func ask() throws -> String {
        FileHandle.standardError.write(Data("value of \(name) (not shown): ".utf8))
        var before = termios()
        guard tcgetattr(STDIN_FILENO, &before) == 0 else {
            throw UsageError("the terminal cannot be silenced; give the value by standard input")
        }
        var silent = before
        silent.c_lflag &= ~tcflag_t(ECHO | ISIG)
        guard tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0 else {
            throw UsageError("the terminal cannot be silenced; give the value by standard input")
        }
        let line = readLine(strippingNewline: true)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
        FileHandle.standardError.write(Data("\n".utf8))
        guard let line, !line.utf8.contains(3) else { throw UsageError("stopped; nothing was stored") }
        return line
    }
}
