internal import Foundation
internal import JSON
public import Metadata
internal import Primitives

/// Reads a sample as bronze would, but tells of every column what it makes of each record. Touches no database.
public struct SampleReading {
    private let source: BatchSource
    private let entity: Entity

    /// A reading of a sample that was landed for `entity`, or for the parent whose lists it is made of.
    public init(_ sample: Sample, of entity: Entity, parent: Entity? = nil, timezone: String) {
        self.entity = entity
        source = BatchSource(sample: sample, of: entity, parent: parent, timezone: timezone)
    }

    /// Lends the first `limit` records.
    /// - Throws: `StepError` where a file does not parse, or whatever `body` throws.
    public func visit(limit: Int, _ body: (SampleRecord) throws -> Void) throws {
        var batch = try source.reader()
        var reader = source.documentReader()
        let filter = CursorFilter(entity, source.manifest, reader: &reader)
        var left = limit
        while left > 0, try batch.next() {
            for index in 0..<min(batch.window.count, left) {
                var record = SampleRecord(
                    file: batch.fileNumber, number: batch.firstRecord + index,
                    document: batch.window.withRecord(index) { [UInt8](copying: $0) }, objection: nil, columns: [])
                if let problem = batch.problem(at: index) {
                    record.objection = [problem.column.map { "\($0): " }, problem.reason].compactMap(\.self).joined()
                } else {
                    read(&record, index, batch.window, &reader, filter)
                }
                try body(record)
            }
            left -= batch.window.count
        }
    }

    private func read(
        _ record: inout SampleRecord, _ index: Int, _ window: borrowing RecordWindow, _ reader: inout DocumentReader,
        _ filter: CursorFilter?
    ) {
        switch reader.read(window, index) {
        case _ where filter?.excludes(reader) == true:
            record.objection = "older than the window: a delta load leaves it out"
        case .rejected(nil, let reason, _):
            record.objection = reason
            return
        case .rejected(let column?, let reason, _): record.objection = "\(column): \(reason)"
        case .accepted: record.isDelete = reader.isDelete
        }
        for (place, column) in reader.columns.enumerated() {
            switch reader.readColumn(window, index, place) {
            case .rejected(let reason): record.columns.append((column.name, .rejected(reason)))
            case .accepted: record.columns.append((column.name, reader.shown(place).map { .value($0) } ?? .null))
            }
        }
    }
}

extension DocumentReader {
    /// The column's value for people; nil for NULL.
    fileprivate func shown(_ index: Int) -> String? {
        guard !row.isNull(index) else { return nil }
        let value = row.canonical(index)
        switch columns[index].type {
        case .uuid:
            let halves = (value.prefix(8), value.dropFirst(8))
            func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
            return UUIDValue(high: number(halves.0), low: number(halves.1)).description
        case .boolean: return value.first == 1 ? "true" : "false"
        case .binary: return Data(value).base64EncodedString()
        default: return text(of: index)
        }
    }
}
