/// The canonical form of a JSON text: equal values give equal bytes.
///
/// Names sorted bytewise (the last of equal ones wins), no spaces, strings with only the escapes that JSON demands,
/// numbers without exponent and trailing zeros, −0 as 0. The input must be valid JSON: it comes from the extractor or
/// from jsonb.
public enum JSONCanonical {
    /// Appends the canonical form of the JSON text to `output`.
    public static func append(_ text: Span<UInt8>, to output: inout [UInt8]) {
        var at = 0
        appendValue(text, &at, &output)
    }

    /// Appends a string, given its content, as a JSON string.
    public static func appendString(_ content: Span<UInt8>, to output: inout [UInt8]) {
        output.append(0x22)
        var at = 0
        appendPlainRun(content, &at, &output)
        while at < content.count {
            appendEscaped(content[at], &output)
            at += 1
            appendPlainRun(content, &at, &output)
        }
        output.append(0x22)
    }

    /// Appends what needs no escaping, up to the next byte that may.
    @inline(__always)
    private static func appendPlainRun(_ text: Span<UInt8>, _ at: inout Int, _ output: inout [UInt8]) {
        let start = at
        while at < text.count, text[at] != 0x22, text[at] != 0x5C, text[at] >= 0x20 { at += 1 }
        guard at > start else { return }
        unsafe text.extracting(start..<at).withUnsafeBufferPointer { unsafe output.append(contentsOf: $0) }
    }

    /// Appends a number, given its JSON text, without exponent and trailing zeros; −0 as 0.
    public static func appendNumber(_ text: Span<UInt8>, to output: inout [UInt8]) {
        var digits: [UInt8] = []
        var point: Int?
        var exponent = 0
        var isNegative = false
        var index = 0
        while index < text.count {
            switch text[index] {
            case 0x2D: isNegative = true
            case 0x2E: point = digits.count
            case 0x65, 0x45:
                exponent = Int(String(decoding: (index + 1..<text.count).map { text[$0] }, as: UTF8.self)) ?? 0
                index = text.count
            case let digit: digits.append(digit)
            }
            index += 1
        }
        var whole = (point ?? digits.count) + exponent
        let leading = digits.prefix { $0 == 0x30 }.count
        digits.removeFirst(leading)
        whole -= leading
        while digits.last == 0x30 { digits.removeLast() }
        guard !digits.isEmpty else {
            output.append(0x30)
            return
        }
        if isNegative { output.append(0x2D) }
        if whole <= 0 {
            output.append(contentsOf: [0x30, 0x2E])
            output.append(contentsOf: repeatElement(0x30, count: -whole))
            output.append(contentsOf: digits)
        } else {
            output.append(contentsOf: digits.prefix(whole))
            output.append(contentsOf: repeatElement(0x30, count: max(0, whole - digits.count)))
            if digits.count > whole {
                output.append(0x2E)
                output.append(contentsOf: digits.dropFirst(whole))
            }
        }
    }

    private static func appendValue(_ text: Span<UInt8>, _ at: inout Int, _ output: inout [UInt8]) {
        skipSpace(text, &at)
        guard at < text.count else { return }
        switch text[at] {
        case 0x7B: appendObject(text, &at, &output)
        case 0x5B:
            at += 1
            output.append(0x5B)
            var isFirst = true
            while at < text.count {
                skipSpace(text, &at)
                if at >= text.count || text[at] == 0x5D { break }
                if text[at] == 0x2C { at += 1 }
                if !isFirst { output.append(0x2C) }
                isFirst = false
                appendValue(text, &at, &output)
            }
            at += 1
            output.append(0x5D)
        case 0x22: appendStringToken(text, &at, &output)
        default:
            let start = at
            while at < text.count, !isEnd(text[at]) { at += 1 }
            let token = text.extracting(start..<at)
            if token[0] == 0x2D || (0x30...0x39).contains(token[0]) {
                appendNumber(token, to: &output)
            } else {
                for index in token.indices { output.append(token[index]) }
            }
        }
    }

    private static func appendObject(_ text: Span<UInt8>, _ at: inout Int, _ output: inout [UInt8]) {
        output.append(0x7B)
        // Members are written as they come. Most objects of a source are alike, many of them sorted already.
        var members: [(name: Range<Int>, end: Int)] = []
        var isSorted = true
        at += 1
        while at < text.count {
            skipSpace(text, &at)
            if at >= text.count || text[at] == 0x7D { break }
            if text[at] == 0x2C {
                at += 1
                skipSpace(text, &at)
                output.append(0x2C)
            }
            let start = output.count
            appendStringToken(text, &at, &output)
            let name = start..<output.count
            skipSpace(text, &at)
            at += 1
            output.append(0x3A)
            appendValue(text, &at, &output)
            if let last = members.last { isSorted = isSorted && isBefore(last.name, name, in: output) }
            members.append((name, output.count))
        }
        at += 1
        if !isSorted { sort(members, in: &output) }
        output.append(0x7D)
    }

    /// True where the first of two names stands strictly before the second, byte by byte.
    private static func isBefore(_ left: Range<Int>, _ right: Range<Int>, in output: [UInt8]) -> Bool {
        output[left].lexicographicallyPrecedes(output[right])
    }

    /// Puts the members at the output's end in order, the last of equal names alone: sorting keeps the order of those.
    private static func sort(_ members: [(name: Range<Int>, end: Int)], in output: inout [UInt8]) {
        let ordered = members.sorted { isBefore($0.name, $1.name, in: output) }
        var sorted: [UInt8] = []
        for (place, member) in ordered.enumerated() {
            if place + 1 < ordered.count, !isBefore(member.name, ordered[place + 1].name, in: output) { continue }
            if !sorted.isEmpty { sorted.append(0x2C) }
            sorted.append(contentsOf: output[member.name.lowerBound..<member.end])
        }
        output.replaceSubrange(members[0].name.lowerBound..., with: sorted)
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    /// True for what ends a number or a literal.
    private static func isEnd(_ byte: UInt8) -> Bool { byte == 0x2C || byte == 0x5D || byte == 0x7D || isSpace(byte) }

    private static func skipSpace(_ text: Span<UInt8>, _ at: inout Int) {
        while at < text.count, isSpace(text[at]) { at += 1 }
    }

    private static func appendStringToken(_ text: Span<UInt8>, _ at: inout Int, _ output: inout [UInt8]) {
        at += 1
        output.append(0x22)
        appendPlainRun(text, &at, &output)
        while at < text.count, text[at] != 0x22 {
            if text[at] == 0x5C {
                appendEscapeSequence(text, &at, &output)
            } else {
                appendEscaped(text[at], &output)
                at += 1
            }
            appendPlainRun(text, &at, &output)
        }
        at += 1
        output.append(0x22)
    }

    private static func appendEscapeSequence(_ text: Span<UInt8>, _ at: inout Int, _ output: inout [UInt8]) {
        let kind = at + 1 < text.count ? text[at + 1] : 0
        at += 2
        switch kind {
        case 0x62: appendEscaped(0x08, &output)
        case 0x66: appendEscaped(0x0C, &output)
        case 0x6E: appendEscaped(0x0A, &output)
        case 0x72: appendEscaped(0x0D, &output)
        case 0x74: appendEscaped(0x09, &output)
        case 0x75:
            var unit = hexUnit(text, &at)
            if (0xD800..<0xDC00).contains(unit), at + 1 < text.count, text[at] == 0x5C {
                at += 2
                unit = 0x10000 + (unit - 0xD800) << 10 + (hexUnit(text, &at) - 0xDC00)
            }
            for byte in String(UnicodeScalar(UInt32(unit)) ?? "\u{FFFD}").utf8 { appendEscaped(byte, &output) }
        default: appendEscaped(kind, &output)
        }
    }

    private static func hexUnit(_ text: Span<UInt8>, _ at: inout Int) -> Int {
        var unit = 0
        for _ in 0..<4 where at < text.count {
            let byte = Int(text[at])
            unit = unit << 4 | (byte <= 0x39 ? byte - 0x30 : (byte | 0x20) - 0x61 + 10)
            at += 1
        }
        return unit
    }

    private static func appendEscaped(_ byte: UInt8, _ output: inout [UInt8]) {
        switch byte {
        case 0x22, 0x5C: output.append(contentsOf: [0x5C, byte])
        case 0..<0x20:
            let digits = Array("0123456789abcdef".utf8)
            output.append(contentsOf: Array("\\u00".utf8))
            output.append(contentsOf: [digits[Int(byte >> 4)], digits[Int(byte & 15)]])
        default: output.append(byte)
        }
    }
}
