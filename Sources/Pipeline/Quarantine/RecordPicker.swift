internal import ConnectorKit
internal import JSON
public import Metadata
internal import Primitives

/// Reads single records of landed batches from their raw files.
struct RecordPicker {
    /// Where a record lies in its batch: numbers from 1.
    struct Place: Hashable {
        var file: Int
        var record: Int
    }

    let store: RawStore
    let entity: Entity
    /// The entity that landed the files, where it is another one.
    let parent: Entity?
    let timezone: String

    /// Lends each wanted record of a batch, in the order of arrival; files without one are not opened.
    /// - Returns: How documents lie in the batch.
    @discardableResult
    func pick(
        _ wanted: Set<Place>, of run: UUIDValue, _ body: (borrowing BatchReader, Int, Place) throws -> Void
    ) throws -> DocumentShape {
        var source = try BatchSource(run, of: entity, parent: parent, timezone: timezone, in: store)
        let numbers = source.manifest.files.indices.filter { index in wanted.contains { $0.file == index + 1 } }
        source.keepFiles(numbers)
        var reader = try source.reader()
        while try reader.next() {
            for index in 0..<reader.window.count {
                let place = Place(file: numbers[reader.fileNumber - 1] + 1, record: reader.firstRecord + index)
                if wanted.contains(place) { try body(reader, index, place) }
            }
        }
        return source.manifest.shape
    }
}

/// Shows records of the quarantine as they were received.
public struct QuarantineReader: Sendable {
    private let workspace: Workspace

    /// Reads the workspace's raw files.
    public init(workspace: Workspace) { self.workspace = workspace }

    /// The text of rejected records of one run and entity, in the order of arrival. A CSV row comes as a JSON object.
    /// - Parameter masks: Values of personal columns are hidden; a record that cannot be read is then hidden whole.
    /// - Throws: `StepError` where a raw file is missing or damaged.
    public func texts(
        of records: [QuarantinedRecord], _ entity: Entity, masks: Bool
    ) throws -> [(record: QuarantinedRecord, text: String)] {
        let personal = entity.columns.filter { $0.pii != .none }.map(\.path)
        var texts: [(QuarantinedRecord, String)] = []
        for (run, records) in Dictionary(grouping: records, by: \.run.id).sorted(by: { $0.key < $1.key }) {
            let known = Dictionary(
                records.map { (RecordPicker.Place(file: $0.file, record: $0.record), $0) }
            ) { first, _ in first }
            let picker = RecordPicker(
                store: workspace.store, entity: entity,
                parent: entity.explosion.flatMap { workspace.catalog.entity($0.parent) },
                timezone: workspace.catalog.system(entity.id.system)?.timezone ?? "UTC")
            try picker.pick(Set(known.keys), of: run) { reader, index, place in
                guard let record = known[place] else { return }
                var text = reader.window.withRecord(index) { String(decoding: $0.extracting(first: $0.count)) }
                if masks, !personal.isEmpty { text = QuarantineReader.masked(text, personal) }
                texts.append((record, reader.problem(at: index).map { "a row that is no record: \($0)" } ?? text))
            }
        }
        return texts
    }

    private static func masked(_ text: String, _ paths: [[String]]) -> String {
        // What is no JSON has no columns: any part of it may be personal.
        guard var value = try? JSONReader.parse(text) else { return "‹personal data›" }
        for path in paths { mask(&value, path[...]) }
        return value.text()
    }

    private static func mask(_ value: inout JSONValue, _ path: ArraySlice<String>) {
        guard let name = path.first else {
            value = .string("‹personal data›")
            return
        }
        switch value {
        case .object(var members):
            for index in members.indices where members[index].name == name {
                mask(&members[index].value, path.dropFirst())
            }
            value = .object(members)
        case .array(var elements):
            guard let index = Int(name), elements.indices.contains(index) else { return }
            mask(&elements[index], path.dropFirst())
            value = .array(elements)
        default: break
        }
    }
}
