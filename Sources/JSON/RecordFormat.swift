internal import CSimdJSON

/// Where records lie in a text.
public enum RecordFormat: Sendable, Hashable {
    /// One record per line.
    case lines
    /// One JSON text; records are the elements of the array at this path of member names (empty: the root).
    case text(path: [String])

    var path: [String] {
        if case .text(let path) = self { path } else { [] }
    }
}

/// A text that is not what it claims to be: cut, malformed between records, or without records where they should be.
public struct RecordScanError: Error, Sendable, CustomStringConvertible {
    /// What is wrong, with the byte offset where it shows.
    public var description: String
    /// True where it ends too early: asked for again it may be whole.
    public var isCut = false

    init(message: String) { description = message }

    init(code: Int32, offset: Int, path: [String]) {
        isCut = code == 2
        let place = path.isEmpty ? "the root" : "'/" + path.joined(separator: "/") + "'"
        description =
            switch code {
            case 2: "the JSON text ends inside a value at byte \(offset): it was cut"
            case 3: "there is nothing at \(place), where records_path points"
            case 4: "the value at \(place) (byte \(offset)) is neither an array nor an object of records"
            case 5: "nesting is deeper than 1,024 at byte \(offset)"
            case 6: "the payload is empty: expected a JSON text"
            default: "malformed JSON at byte \(offset)"
            }
    }
}

/// Lends an array of C strings with their lengths.
func withPaths<R>(
    _ tokens: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int>?, Int) -> R
) -> R {
    let bytes = tokens.map { Array($0.utf8) + [0] }
    let lengths = tokens.map(\.utf8.count)
    let flat = bytes.flatMap { $0 }.map { CChar(bitPattern: $0) }
    return unsafe flat.withUnsafeBufferPointer { storage in
        var start = 0
        var pointers: [UnsafePointer<CChar>?] = unsafe []
        for text in bytes {
            unsafe pointers.append(storage.baseAddress.map { unsafe $0 + start })
            start += text.count
        }
        return unsafe pointers.withUnsafeBufferPointer { names in
            unsafe lengths.withUnsafeBufferPointer { sizes in
                unsafe body(names.baseAddress, sizes.baseAddress, tokens.count)
            }
        }
    }
}

func makeScanner(_ format: RecordFormat) -> OpaquePointer {
    let isLines: Int32 = if case .lines = format { 1 } else { 0 }
    return unsafe withPaths(format.path) { names, lengths, count in
        guard let scanner = unsafe medallion_scanner_new(isLines, names, lengths, count) else {
            preconditionFailure("no memory for a record scanner")
        }
        return unsafe scanner
    }
}
