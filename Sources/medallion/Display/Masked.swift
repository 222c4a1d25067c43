import ConnectorKit
import Foundation

/// Prints a line, secrets replaced. With the very signature of Swift's own `print` it stands in for it everywhere here.
func print(_ items: Any..., separator: String = " ", terminator: String = "\n") {
    let text = items.map { "\($0)" }.joined(separator: separator)
    Swift.print(Composition.known.mask(text), terminator: terminator)
}

/// Standard error, secrets replaced: where the log and the last words go.
struct MaskedStandardError: TextOutputStream, Sendable {
    func write(_ text: String) {
        Terminal.write(text, to: .standardError)
    }
}
