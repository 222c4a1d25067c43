/// Appends a JSON string with its quotes.
func appendJSONString(_ bytes: some Sequence<UInt8>, to text: inout [UInt8]) {
    text.append(.quote)
    for byte in bytes { appendJSONEscaped(byte, to: &text) }
    text.append(.quote)
}

/// Appends one byte of a JSON string's content, escaped where RFC 8259 section 7 demands it.
func appendJSONEscaped(_ byte: UInt8, to text: inout [UInt8]) {
    switch byte {
    case .quote, .backslash: text += [.backslash, byte]
    case .lineFeed: text += [.backslash, UInt8(ascii: "n")]
    case .carriageReturn: text += [.backslash, UInt8(ascii: "r")]
    case .tab: text += [.backslash, UInt8(ascii: "t")]
    case 0..<0x20: text += "\\u00".utf8 + [hexDigit(byte >> 4), hexDigit(byte & 15)]
    default: text.append(byte)
    }
}

private func hexDigit(_ value: UInt8) -> UInt8 { value + (value < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10) }

extension UInt8 {
    static let tab = UInt8(ascii: "\t")
    static let lineFeed = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")
    static let quote = UInt8(ascii: "\"")
    static let comma = UInt8(ascii: ",")
    static let backslash = UInt8(ascii: "\\")
}
