import Glibc
import HTTPTransport
import Primitives

/// `%XX` undone; as S3 does, `+` is a blank.
func percentDecoded(_ text: String, plusIsBlank: Bool = true) -> String {
    var decoded: [UInt8] = []
    var bytes = Array(text.utf8)[...]
    while let byte = bytes.popFirst() {
        if byte == UInt8(ascii: "%"), bytes.count >= 2,
            let value = UInt8(String(decoding: bytes.prefix(2), as: UTF8.self), radix: 16)
        {
            decoded.append(value)
            bytes = bytes.dropFirst(2)
        } else {
            decoded.append(byte == UInt8(ascii: "+") && plusIsBlank ? UInt8(ascii: " ") : byte)
        }
    }
    return String(decoding: decoded, as: UTF8.self)
}

/// Removes what an earlier attempt left, if anything.
func removeFile(_ path: String) { unlink(path) }

extension FileEnding.Compression {
    /// What `Content-Encoding` adds to a file whose name does not tell it: nil for none, and where the name tells the same.
    init?(_ answer: HTTPResponse, of name: String) {
        let encoding = answer.headers["Content-Encoding"]?.lowercased() ?? ""
        guard FileEnding(name).compression == nil else { return nil }
        switch encoding {
        case "gzip", "x-gzip": self = .gzip
        case "zstd": self = .zstd
        default: return nil
        }
    }
}

/// The instant as HTTP writes it.
func httpDate(_ instant: Instant) -> String {
    let text = instant.description
    let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let seconds = instant.microseconds / 1_000_000
    let date = CivilDate(daysSinceEpoch: seconds / 86_400)
    let day = date.day < 10 ? "0\(date.day)" : "\(date.day)"
    // 1970-01-01 was a Thursday.
    let weekday = days[Int((seconds / 86_400 % 7 + 7) % 7)]
    return "\(weekday), \(day) \(months[date.month - 1]) \(date.year) \(text.dropFirst(11).prefix(8)) GMT"
}
