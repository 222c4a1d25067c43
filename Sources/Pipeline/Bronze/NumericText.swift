internal import Primitives

/// A decimal number read from its JSON text, every digit kept.
struct NumericText {
    private(set) var isNegative = false
    /// Digits without leading and trailing zeros; empty for zero.
    private(set) var digits: [UInt8] = []
    /// The decimal point stands behind this many digits; may be negative or beyond them.
    private(set) var point = 0
    /// Digits behind the point as written, for display.
    private(set) var writtenScale = 0

    /// Reads `[-]digits[.digits][e[±]digits]`; false for anything else.
    mutating func read(_ text: Span<UInt8>) -> Bool {
        isNegative = false
        digits.removeAll(keepingCapacity: true)
        var at = 0
        if at < text.count, text[at] == 0x2D {
            isNegative = true
            at += 1
        }
        var whole = NumericText.digits(of: text, from: at)
        at = whole.upperBound
        guard !whole.isEmpty, whole.count == 1 || text[whole.lowerBound] != 0x30 else { return false }
        var fraction = at..<at
        if at < text.count, text[at] == 0x2E {
            fraction = NumericText.digits(of: text, from: at + 1)
            at = fraction.upperBound
            guard !fraction.isEmpty else { return false }
        }
        var exponent = 0
        if at < text.count, text[at] | 0x20 == 0x65 {
            guard let written = Int(String(decoding: text.extracting(at + 1..<text.count))), abs(written) < 20_000
            else {
                return false
            }
            exponent = written
            at = text.count
        }
        guard at == text.count else { return false }
        writtenScale = max(0, fraction.count - exponent)
        // Zeros in front of the first digit, then those behind the last one.
        point = whole.count
        if text[whole.lowerBound] == 0x30 {
            whole = whole.upperBound..<whole.upperBound
            point = 0
            while let first = fraction.first, text[first] == 0x30 {
                fraction = first + 1..<fraction.upperBound
                point -= 1
            }
        }
        while let last = fraction.last, text[last] == 0x30 { fraction = fraction.lowerBound..<last }
        if fraction.isEmpty {
            while let last = whole.last, text[last] == 0x30 { whole = whole.lowerBound..<last }
        }
        for index in whole { digits.append(text[index]) }
        for index in fraction { digits.append(text[index]) }
        point += exponent
        if digits.isEmpty {
            point = 0
            isNegative = false
        }
        return true
    }

    private static func digits(of text: Span<UInt8>, from start: Int) -> Range<Int> {
        var end = start
        while end < text.count, text[end] &- 0x30 < 10 { end += 1 }
        return start..<end
    }

    /// Digits behind the point that are not trailing zeros.
    var scale: Int { max(0, digits.count - point) }

    /// Digits in front of the point.
    var wholeDigits: Int { max(0, point) }

    /// The shortest text: no exponent, no trailing zeros, −0 as 0.
    func appendCanonical(to output: inout ByteWriter) {
        guard !digits.isEmpty else { return output.append(byte: 0x30) }
        if isNegative { output.append(byte: 0x2D) }
        if point <= 0 {
            output.append(byte: 0x30)
            output.append(byte: 0x2E)
            for _ in 0..<(-point) { output.append(byte: 0x30) }
            return output.append(digits.span)
        }
        output.append(digits.span.extracting(0..<min(point, digits.count)))
        for _ in 0..<max(0, point - digits.count) { output.append(byte: 0x30) }
        if digits.count > point {
            output.append(byte: 0x2E)
            output.append(digits.span.extracting(point..<digits.count))
        }
    }

    /// The text as jsonb shows the number: no exponent, no sign on zero, the decimals as written.
    func appendPlain(to output: inout ByteWriter) {
        appendCanonical(to: &output)
        guard writtenScale > scale else { return }
        if scale == 0 { output.append(byte: 0x2E) }
        for _ in 0..<(writtenScale - scale) { output.append(byte: 0x30) }
    }

    /// PostgreSQL's binary form: digits of base 10,000, the first one's weight, sign, and `scale` digits shown.
    ///
    /// Source: src/backend/utils/adt/numeric.c, numeric_recv.
    func appendBinary(scale: Int, to output: inout ByteWriter) {
        // Align the first group so that the point falls between groups.
        let weight = digits.isEmpty ? 0 : (point + 3).flooredDivision(by: 4) - 1
        let leadingZeros = (weight + 1) * 4 - point
        let groups = digits.isEmpty ? 0 : (leadingZeros + digits.count + 3) / 4
        output.append(bigEndian: UInt16(groups), Int16(weight))
        output.append(bigEndian: UInt16(isNegative ? 0x4000 : 0), UInt16(scale))
        for group in 0..<groups {
            var value: UInt16 = 0
            for position in 0..<4 {
                let index = group * 4 + position - leadingZeros
                let digit = digits.indices.contains(index) ? digits[index] - 0x30 : 0
                value = value * 10 + UInt16(digit)
            }
            output.append(bigEndian: value)
        }
    }

    /// Bytes that sort as the numbers do.
    func appendSortable(to output: inout [UInt8]) {
        var key: [UInt8] = [digits.isEmpty ? 1 : 2]
        if !digits.isEmpty {
            key.append(bigEndian: UInt32(bitPattern: Int32(point)) ^ 0x8000_0000)
            key.append(contentsOf: digits)
            key.append(0)
        }
        if isNegative { key = [0] + key.dropFirst().map { ~$0 } }
        output.append(contentsOf: key)
    }
}

extension Int {
    fileprivate func flooredDivision(by divisor: Int) -> Int {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
