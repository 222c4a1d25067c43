internal import JSON
internal import XML

/// Turns the records of a CSV or XML payload into JSON objects as it streams in.
public struct RecordConverter: ~Copyable {
    private var encoding: EncodingConverter?
    private var csv: CSVScanner?
    private var xml: XMLRecordReader?
    private var number = 0

    /// A converter of one payload; nil for a shape whose records are JSON already.
    /// - Throws: `ConnectorError` where the shape contradicts itself.
    public static func make(_ shape: DocumentShape) throws -> RecordConverter? {
        switch shape.format {
        case .json, .jsonl: nil
        case .csv: try RecordConverter(shape.csv ?? CSVDialect())
        case .xml: try RecordConverter(xml: shape)
        }
    }

    private init(_ dialect: CSVDialect) throws {
        if let problem = dialect.problem { throw ConnectorError("csv: \(problem)", kind: .parse) }
        csv = CSVScanner(dialect: dialect)
        encoding = dialect.encoding == CSVDialect.utf8 ? nil : try EncodingConverter(dialect.encoding)
        xml = nil
    }

    private init(xml shape: DocumentShape) throws {
        guard let pointer = JSONPointer(shape.recordsPath), !pointer.tokens.isEmpty else {
            throw ConnectorError(
                "records_path '\(shape.recordsPath)' does not name the record's element", kind: .parse,
                hint: "write it as in /rss/channel/item")
        }
        xml = XMLRecordReader(path: pointer.tokens, lists: shape.lists ?? [])
        csv = nil
        encoding = nil
    }

    /// Goes on with the next bytes and lends every record that they complete.
    /// - Throws: `ConnectorError` of kind parse naming the line, or whatever `emit` throws.
    public mutating func feed(_ chunk: Span<UInt8>, _ emit: (_ record: ConvertedRecord) throws -> Void) throws {
        if encoding != nil {
            let text = try encoding?.push(chunk) ?? []
            try csv?.feed(text.span, emit)
        } else if csv != nil {
            try csv?.feed(chunk, emit)
        } else {
            do {
                try lend(try xml?.feed(chunk) ?? [], emit)
            } catch let error as XMLError {
                throw ConnectorError(error.description, kind: .parse)
            }
        }
    }

    /// Says that no more bytes will come and lends the last record, if its end was not marked.
    /// - Throws: `ConnectorError` of kind parse for a payload that is cut.
    public mutating func finish(_ emit: (_ record: ConvertedRecord) throws -> Void) throws {
        try encoding?.finish()
        if csv != nil { return try csv?.finish(emit) ?? () }
        do {
            try lend(try xml?.finish() ?? [], emit)
        } catch let error as XMLError {
            throw ConnectorError(error.description, kind: .parse)
        }
    }

    private mutating func lend(_ records: [XMLRecord], _ emit: (ConvertedRecord) throws -> Void) throws {
        for record in records {
            number += 1
            try emit(ConvertedRecord(number: number, line: record.line, document: record.json, problem: nil))
        }
    }
}
