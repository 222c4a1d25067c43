import ConnectorKit
import Foundation
import Glibc

/// What standard output is.
enum Terminal {
    /// True when a person watches: a terminal that can move its cursor.
    static var isInteractive: Bool {
        isatty(STDOUT_FILENO) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
    }

    /// Columns of the terminal; 100 where there is none.
    static var width: Int {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 100 }
        return Int(size.ws_col)
    }

    /// Writes to standard output at once, secrets replaced.
    static func write(_ text: String) { write(text, to: .standardOutput) }

    /// Writes text with its secrets replaced. Where the reader has gone away (`| head`), nobody misses it: what is under
    /// way goes on to its end.
    static func write(_ text: String, to stream: FileHandle) {
        try? stream.write(contentsOf: Data(Composition.known.mask(text).utf8))
    }

    /// Writes a line to standard error: what is said beside the result.
    static func note(_ text: String) { MaskedStandardError().write(text + "\n") }
}
