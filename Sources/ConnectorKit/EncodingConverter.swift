internal import Glibc

/// Turns a text of another encoding into UTF-8 as it streams in. Source: iconv_open(3), iconv(3).
///
/// A byte that is no text becomes 0xFF, which is none in UTF-8 either: the row that holds it is bad, the others are not.
struct EncodingConverter: ~Copyable {
    private let descriptor: iconv_t
    private let unit: Int
    private let name: String
    /// The beginning of a character whose end has not come yet.
    private var pending: [UInt8] = []

    /// - Throws: `ConnectorError` where this machine does not know the encoding.
    init(_ name: String) throws {
        let opened = iconv_open("UTF-8", name.uppercased())
        guard Int(bitPattern: opened) != -1, let opened else {
            throw ConnectorError("this machine's iconv does not know the encoding '\(name)'", kind: .parse)
        }
        descriptor = opened
        self.name = name
        unit = name.hasPrefix("utf-16") ? 2 : name.hasPrefix("utf-32") ? 4 : 1
    }

    deinit { iconv_close(descriptor) }

    /// Takes the next bytes and gives what they are in UTF-8.
    mutating func push(_ chunk: Span<UInt8>) throws -> [UInt8] {
        chunk.withUnsafeBytes { pending.append(contentsOf: $0) }
        var output: [UInt8] = []
        // No encoding takes more than four bytes of UTF-8 for one of its own.
        output.reserveCapacity(pending.count * 2 + 64)
        var used = 0
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while used < pending.count {
            let (code, read, written) = convert(from: used, into: &buffer)
            output.append(contentsOf: buffer[..<written])
            used += read
            switch code {
            case 0, E2BIG: continue
            case EINVAL where pending.count - used < 16:
                pending.removeFirst(used)
                return output
            default:
                output.append(0xFF)
                used = min(used + unit, pending.count)
            }
        }
        pending.removeAll(keepingCapacity: true)
        return output
    }

    /// Says that no more bytes will come.
    /// - Throws: `ConnectorError` for a text that ends within a character.
    func finish() throws {
        guard pending.isEmpty else {
            throw ConnectorError("the text ends within a character of \(name)", kind: .parse)
        }
    }

    private mutating func convert(from start: Int, into buffer: inout [UInt8]) -> (code: Int32, read: Int, written: Int)
    {
        let (count, room) = (pending.count - start, buffer.count)
        return pending.withUnsafeMutableBytes { source in
            buffer.withUnsafeMutableBytes { target in
                var input = source.baseAddress?.advanced(by: start).assumingMemoryBound(to: CChar.self)
                var output = target.baseAddress?.assumingMemoryBound(to: CChar.self)
                var (left, free) = (count, room)
                let failed = iconv(descriptor, &input, &left, &output, &free) == -1
                return (failed ? errno : 0, count - left, room - free)
            }
        }
    }
}
