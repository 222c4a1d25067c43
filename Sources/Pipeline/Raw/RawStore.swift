internal import ConnectorKit
internal import Foundation
internal import Hashing
internal import JSON
public import Metadata
public import Primitives
#if canImport(Glibc)
    internal import Glibc
#endif

/// The folder of raw files: `<root>/<system>/<entity>/<run_id>/00001.json … _manifest.json`.
public struct RawStore: Sendable {
    /// The folder that holds the systems' folders.
    public let root: String
    /// What this process has put there itself.
    let landed = LandedFiles()

    /// A store below an existing or future folder.
    public init(root: String) { self.root = root }

    /// The folder of a batch.
    public func folder(of entity: EntityID, run: UUIDValue) -> String {
        "\(root)/\(entity.system)/\(entity.name)/\(run)"
    }

    /// Makes the empty folder of a new batch; leftovers of a landing that was killed are removed.
    func prepareFolder(of entity: EntityID, run: UUIDValue) throws -> String {
        let path = folder(of: entity, run: run)
        let isFirst = !FileManager.default.fileExists(atPath: "\(root)/\(entity.system)/\(entity.name)")
        do {
            if FileManager.default.fileExists(atPath: path) { try FileManager.default.removeItem(atPath: path) }
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o750])
        } catch {
            throw StepError(
                .internal,
                "cannot make the raw folder \(path): \(error.localizedDescription); "
                    + "check that --raw-dir exists and is writable", isInfrastructure: true)
        }
        if isFirst {
            try DurableFile.syncFolder("\(root)/\(entity.system)")
            try DurableFile.syncFolder(root)
        }
        return path
    }

    /// Removes the folder of a batch that did not come into being, or whose files are those of another one.
    func removeFiles(of entity: EntityID, run: UUIDValue, names: [String]? = nil) {
        let path = folder(of: entity, run: run)
        // Nothing depends on the removal: a folder without manifest is no batch, and the next landing clears it.
        for name in names ?? [] { try? FileManager.default.removeItem(atPath: "\(path)/\(name)") }
        if names == nil { try? FileManager.default.removeItem(atPath: path) }
    }

    /// Makes the files durable that the writer has landed, then writes the manifest, last: with it the batch exists. Returns the
    /// manifest's SHA-256.
    func publish(_ manifest: Manifest, of entity: EntityID, _ writer: inout RawWriter) throws -> String {
        if manifest.sameAs == nil { try writer.finish() }
        let folder = folder(of: entity, run: manifest.runID)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let bytes = Array(try encoder.encode(manifest)) + [0x0A]
        try DurableFile.syncFolder(folder)
        var file = try DurableFile(creating: "\(folder)/\(Manifest.fileName)")
        try file.write(bytes.span)
        try file.publish()
        try DurableFile.syncFolder(folder)
        try DurableFile.syncFolder("\(root)/\(entity.system)/\(entity.name)")
        if manifest.sameAs == nil {
            for (name, fingerprint) in writer.fingerprints { landed.add("\(folder)/\(name)", fingerprint) }
        }
        return SHA256.hex(of: bytes.span)
    }

    /// The manifest of a batch, and its SHA-256.
    /// - Throws: `StepError` naming the file when it is missing or damaged.
    func manifest(of entity: EntityID, run: UUIDValue) throws -> (manifest: Manifest, sha256: String) {
        let path = "\(folder(of: entity, run: run))/\(Manifest.fileName)"
        guard let data = FileManager.default.contents(atPath: path) else {
            throw StepError(
                .internal,
                "the batch of run \(run) has no manifest at \(path); restore the raw folder from its backup; without one, "
                    + "'medallion batch discard \(run) \(entity)' gives the batch up if it has not reached bronze, and "
                    + "'medallion reset \(entity)' has the next run load everything again")
        }
        do {
            return (try JSONDecoder().decode(Manifest.self, from: data), SHA256.hex(of: Array(data).span))
        } catch {
            throw StepError(.parse, "the manifest \(path) is damaged: restore it from its backup")
        }
    }

    /// True where the files are what their checksums say.
    func areIntact(_ files: [Manifest.File], of entity: EntityID, run: UUIDValue) throws -> Bool {
        do {
            let folder = folder(of: entity, run: run)
            let total = files.reduce(0) { $0 + $1.bytes }
            for file in files { try RawFileReader.prove(file, of: total, folder: folder, landed: landed) }
            return true
        } catch is StepError {
            return false
        }
    }

    /// True where the files are there and as long as they were; how long a compressed one was is not known. None is read.
    func holds(_ files: [Manifest.File], of entity: EntityID, run: UUIDValue) -> Bool {
        let folder = folder(of: entity, run: run)
        return files.allSatisfy { file in
            var status = stat()
            guard lstat("\(folder)/\(file.name)", &status) == 0 else { return false }
            return Int(status.st_size) == file.bytes || file.name.hasSuffix(".zst")
        }
    }

    /// Removes the folders of landings that never came to a manifest. Call it with the system's lock in hand only.
    func removeUnfinished(of entity: EntityID) {
        let path = "\(root)/\(entity.system)/\(entity.name)"
        // A folder that does not exist yet holds no leftovers; one that cannot be removed harms nobody.
        for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] where UUIDValue(name) != nil {
            guard !FileManager.default.fileExists(atPath: "\(path)/\(name)/\(Manifest.fileName)") else { continue }
            try? FileManager.default.removeItem(atPath: "\(path)/\(name)")
        }
    }

    /// The runs that landed a batch for the entity: folders with a manifest, oldest id first.
    func runs(of entity: EntityID) -> [UUIDValue] {
        let path = "\(root)/\(entity.system)/\(entity.name)"
        // A folder that does not exist yet holds no batches.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.compactMap { UUIDValue($0) }
            .filter { FileManager.default.fileExists(atPath: "\(path)/\($0)/\(Manifest.fileName)") }
            .sorted()
    }
}
