internal import CSimdJSON

/// Counts the records of a streamed text and checks that it is whole, without keeping any of it.
@safe public struct RecordScanner: ~Copyable {
    private let scanner: OpaquePointer
    private let format: RecordFormat
    private var places = [medallion_record](repeating: medallion_record(), count: 1024)
    private var offset = 0
    /// Complete records seen so far.
    public private(set) var records = 0

    /// A scanner at the start of a text.
    public init(_ format: RecordFormat) {
        unsafe scanner = makeScanner(format)
        self.format = format
    }

    deinit { unsafe medallion_scanner_free(scanner) }

    /// Goes on with the next bytes of the text.
    /// - Throws: `RecordScanError` with the offset from the text's start.
    public mutating func feed(_ chunk: Span<UInt8>) throws {
        try unsafe chunk.withUnsafeBufferPointer { bytes in
            if case .lines = format {
                unsafe records += medallion_count_lines(scanner, bytes.baseAddress, bytes.count)
            } else {
                try unsafe scan(bytes)
            }
        }
        offset += chunk.count
    }

    private mutating func scan(_ bytes: UnsafeBufferPointer<UInt8>) throws {
        var at = 0
        while at < bytes.count {
            var scanned = 0
            var error: Int32 = 0
            records += unsafe places.withUnsafeMutableBufferPointer { places in
                unsafe medallion_scan(
                    scanner, bytes.baseAddress, at, bytes.count, places.baseAddress, places.count, &scanned, &error)
            }
            if error != 0 { throw RecordScanError(code: error, offset: offset + scanned, path: format.path) }
            at = scanned
        }
    }

    /// The text ended; the scanner is ready for another one, `records` goes on counting.
    public mutating func finish() throws {
        var place = medallion_record()
        var error: Int32 = 0
        if case .lines = format {
            unsafe records += medallion_count_last_line(scanner)
        } else {
            _ = unsafe medallion_scan_finish(scanner, nil, 0, &place, &error)
        }
        let end = offset
        offset = 0
        unsafe medallion_scanner_reset(scanner)
        if error != 0 { throw RecordScanError(code: error, offset: end, path: format.path) }
    }
}
