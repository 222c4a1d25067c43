internal import ConnectorKit
internal import Foundation
internal import Metadata
internal import Postgres
internal import Primitives

/// The raw files against the audit: every batch has its manifest and its files, and no cursor is ahead of them.
struct RawChecks {
    let workspace: Workspace
    let isDeep: Bool

    func findings() async throws -> [Finding] {
        let audit = AuditQueries(pool: workspace.pool)
        let batches = try await audit.batches(all: true)
        var findings: [Finding] = []
        var files = 0
        let owners = Dictionary(grouping: batches, by: \.manifestSHA256)
        for batch in batches where batch.state != "discarded" {
            if isBorrowed(batch, among: owners[batch.manifestSHA256] ?? []) { continue }
            try Task.checkCancellation()
            do { files += try examine(batch) } catch let error as StepError {
                findings.append(Finding(.fail, "raw batch", "\(batch.entity), run \(batch.run.id): \(error)"))
            }
        }
        if findings.isEmpty {
            let how = isDeep ? "checksums compared" : "sizes compared, --deep compares checksums"
            findings.append(Finding(.ok, "raw batches", "\(batches.count) batches, \(files) files, \(how)"))
        }
        findings += unknown(batches)
        return findings + cursors(try await audit.cursors(), batches)
    }

    /// True for a batch of an exploded entity: its files are examined with its parent.
    private func isBorrowed(_ batch: BatchRow, among sharers: [BatchRow]) -> Bool {
        if let entity = workspace.catalog.entity(batch.entity) { return entity.explosion != nil }
        // The metadata no longer tells; a manifest is one entity's own.
        return sharers.count > 1
            && !FileManager.default.fileExists(atPath: workspace.store.folder(of: batch.entity, run: batch.run.id))
    }

    /// The number of files that the batch holds itself.
    private func examine(_ batch: BatchRow) throws -> Int {
        let (manifest, sha256) = try workspace.store.manifest(of: batch.entity, run: batch.run.id)
        guard sha256 == batch.manifestSHA256 else {
            throw StepError(.parse, "its manifest is not the one that was landed; restore it from its backup")
        }
        let folder = workspace.store.folder(of: batch.entity, run: manifest.sameAs ?? batch.run.id)
        for file in manifest.files {
            try isDeep ? RawFileReader.prove(file, folder: folder) : compareSize(file, folder)
        }
        return manifest.sameAs == nil ? manifest.files.count : 0
    }

    /// A compressed file is as long as it is; only reading it tells more.
    private func compareSize(_ file: Manifest.File, _ folder: String) throws {
        let path = "\(folder)/\(file.name)"
        // No attributes: the file is missing, which is what we want to know.
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        guard let size = (attributes?[.size] as? NSNumber)?.intValue else {
            throw StepError(.internal, "raw file \(path) is missing; restore it from its backup")
        }
        guard size == file.bytes || file.name.hasSuffix(".zst") else {
            throw StepError(
                .parse, "raw file \(path) has \(size) bytes, \(file.bytes) were landed; restore it from its backup")
        }
    }

    /// Manifests that the database does not know.
    private func unknown(_ batches: [BatchRow]) -> [Finding] {
        let entities = Set(workspace.catalog.entities.map(\.id)).union(batches.map(\.entity)).sorted()
        return entities.compactMap { entity in
            let known = Set(batches.filter { $0.entity == entity }.map(\.run.id))
            let runs = workspace.store.runs(of: entity).filter { !known.contains($0) }
            guard !runs.isEmpty else { return nil }
            return Finding(
                .warn, "raw batches",
                "\(entity): the audit does not know \(runs.count) that are durable "
                    + "(\(runs[0])\(runs.count > 1 ? " …" : "")); the next run takes them up")
        }
    }

    private func cursors(_ cursors: [CursorRow], _ batches: [BatchRow]) -> [Finding] {
        let ahead = cursors.filter { cursor in
            guard cursor.setBy == "run", let value = cursor.value else { return false }
            guard let batch = batches.first(where: { $0.entity == cursor.entity && $0.run.id == cursor.run }) else {
                return true
            }
            // A manifest that is missing or damaged was reported with its batch.
            let manifest = try? workspace.store.manifest(of: batch.entity, run: batch.run.id).manifest
            return manifest?.cursorTo != value
        }
        guard !ahead.isEmpty else {
            return [Finding(.ok, "cursors", "\(cursors.count), none ahead of what is durable in raw")]
        }
        return ahead.map {
            Finding(
                .fail, "cursor",
                "\($0.entity): \($0.value ?? "") of run \($0.run) is not what that run landed; "
                    + "'medallion reset \($0.entity)' loads it again")
        }
    }
}
