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

    private func records(_ paths: [[String]], _ extraction: Extraction) throws -> BatchReader {
        try BatchReader(files, of: manifest.shape, paths: paths, endsCut: endsCut, extraction)
    }

    private func documents(
        _ paths: [[String]], _ extraction: Extraction, keepsParents: Bool = false
    ) throws -> BatchReader {
        guard let parent, let explosion = entity.explosion else { return try records(paths, extraction) }
        let parents = try records(DocumentReader.paths(of: parent) + [explosion.path], .whole)
        var reader = DocumentReader(parent, timezone: timezone, readsLooseBooleans: manifest.shape.isText)
        let filter = CursorFilter(parent, manifest, reader: &reader)
        let items = ItemReader(
            explosion, of: parent, records: parents, reader: reader, filter: filter, keepsParents: keepsParents,
            marks: extraction.marks)
        return BatchReader(items, paths: paths, extraction)
    }

    /// Reads the documents.
    /// - Parameter keepsParents: Collect the parents of exploded documents for `BatchReader.takeParents`.
    func reader(keepsParents: Bool = false) throws -> BatchReader {
        try documents(DocumentReader.paths(of: entity), .whole, keepsParents: keepsParents)
    }

    /// Reads the columns out of the documents.
    func documentReader() -> DocumentReader {
        DocumentReader(entity, timezone: timezone, readsLooseBooleans: manifest.shape.isText)
    }

    /// Reads the marked records of a batch that was read before.
    func reader(of marks: ChangeMarks) throws -> BatchReader {
        try documents(DocumentReader.paths(of: entity), .marked(marks))
    }

    /// Reads no more of each record than its key, what marks a delete, and its scope.
    /// - Parameter keepsParents: Collect the parents of exploded documents for `BatchReader.takeParents`.
    func keyReader(keepsParents: Bool = false) throws -> BatchReader {
        try documents(DocumentReader.paths(of: keyPart), .untilSeen, keepsParents: keepsParents)
    }

    /// Reads keys out of what `keyReader` reads.
    func keyDocumentReader() -> DocumentReader {
        DocumentReader(keyPart, timezone: timezone, readsLooseBooleans: manifest.shape.isText)
    }

    /// The entity with its key columns only, and with those that mark deletes and tell scopes.
    private var keyPart: Entity {
        var part = entity
        part.columns = entity.columns.filter {
            $0.isKey || [entity.deleteMarker?.column, entity.fullScope].contains($0.name)
        }
        return part
    }
}
