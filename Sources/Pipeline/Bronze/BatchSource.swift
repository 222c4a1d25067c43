internal import ConnectorKit
internal import Metadata
internal import Primitives

/// Where the documents of a batch come from: landed files and, for an exploded entity, the lists within their records.
struct BatchSource {
    let entity: Entity
    /// The entity that landed the files, where it is another one.
    let parent: Entity?
    let timezone: String
    private(set) var manifest: Manifest
    let folder: String
    private var endsCut = false
    private var landed: LandedFiles?
    private var arriving: ArrivingFiles?

    /// A sample, which may be cut behind its last record.
    init(sample: Sample, of entity: Entity, parent: Entity?, timezone: String) {
        self.entity = entity
        self.parent = parent
        self.timezone = timezone
        manifest = sample.manifest
        folder = sample.folder
        endsCut = sample.isCut
    }

    /// The files of a batch that is landing; its manifest knows all but them.
    init(_ files: ArrivingFiles, of entity: Entity, timezone: String, _ manifest: Manifest) {
        self.entity = entity
        self.timezone = timezone
        self.manifest = manifest
        parent = nil
        folder = files.folder
        arriving = files
    }

    /// The files of a batch; those that a batch shares with an earlier one, and those of an exploded entity's parent,
    /// lie in the folder of who landed them.
    /// - Throws: `StepError` where the manifest is missing or damaged.
    init(_ run: UUIDValue, of entity: Entity, parent: Entity?, timezone: String, in store: RawStore) throws {
        let owner = parent?.id ?? entity.id
        self.entity = entity
        self.parent = parent
        self.timezone = timezone
        manifest = try store.manifest(of: owner, run: run).manifest
        folder = store.folder(of: owner, run: manifest.sameAs ?? run)
        landed = store.landed
        guard parent == nil || manifest.shape.format != .csv else {
            throw StepError(
                .schema, "\(owner) is read from CSV, which has no lists; explode an entity of JSON records instead")
        }
    }

    /// Keeps only the files at these places, from 0; the others are not opened.
    mutating func keepFiles(_ places: [Int]) { manifest.files = places.map { manifest.files[$0] } }

    /// True where the files are still on their way.
    var isArriving: Bool { arriving != nil }

    private var files: RawFiles {
        arriving.map(RawFiles.arriving) ?? .landed(manifest, folder: folder, landed)
    }

    private func reader(of paths: [[String]], _ extraction: Extraction = .whole) throws -> BatchReader {
        try BatchReader(files, of: manifest.shape, paths: paths, endsCut: endsCut, extraction)
    }

    /// Reads the documents.
    /// - Parameter keepsParents: Collect the parents of exploded documents for `BatchReader.takeParents`.
    func reader(keepsParents: Bool = false) throws -> BatchReader {
        let paths = DocumentReader.paths(of: entity)
        guard let parent, let explosion = entity.explosion else { return try reader(of: paths) }
        let records = try reader(of: DocumentReader.paths(of: parent) + [explosion.path])
        var reader = DocumentReader(parent, timezone: timezone, readsLooseBooleans: manifest.shape.isText)
        let filter = CursorFilter(parent, manifest, reader: &reader)
        let items = ItemReader(
            explosion, of: parent, records: records, reader: reader, filter: filter, keepsParents: keepsParents)
        return BatchReader(items, paths: paths)
    }

    /// Reads the columns out of the documents.
    func documentReader() -> DocumentReader {
        DocumentReader(entity, timezone: timezone, readsLooseBooleans: manifest.shape.isText)
    }

    /// Reads the marked records of a batch that was read before; not for exploded entities.
    func reader(of marks: ChangeMarks) throws -> BatchReader {
        try reader(of: DocumentReader.paths(of: entity), .marked(marks))
    }

    /// Reads no more of each record than its key, and what marks a delete; not for exploded entities.
    func keyReader() throws -> BatchReader {
        try reader(of: DocumentReader.paths(of: keyPart), .untilSeen)
    }

    /// Reads keys out of what `keyReader` reads.
    func keyDocumentReader() -> DocumentReader {
        DocumentReader(keyPart, timezone: timezone, readsLooseBooleans: manifest.shape.isText)
    }

    /// The entity with its key columns only, and with that which marks deletes.
    private var keyPart: Entity {
        var part = entity
        part.columns = entity.columns.filter { $0.isKey || $0.name == entity.deleteMarker?.column }
        return part
    }
}
