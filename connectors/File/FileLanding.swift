import ConnectorKit
import Glibc
import Logging
import Metadata
import Primitives

/// Lands the files of one source from its place: which ones, in which order, and what is remembered of them.
struct FileLanding {
    let place: any FilePlace
    let entity: Entity
    let source: FileSource
    let window: LoadWindow
    let logger: Logger

    /// True where the ledger says what is new: a delta load whose changes are whole files.
    private var usesLedger: Bool { entity.delta?.mode == .all }

    /// Lands every file, or in a delta load of mode `all` those that are new or changed.
    func land(into writer: inout RawWriter) async throws {
        try Task.checkCancellation()
        let paths = try source.path.all.map { try FileTemplate($0).filled(entity.id, window) }
        writer.note(request: "files \(paths.map { "\(place.title)/\($0)" }.joined(separator: " "))")
        if window.from != nil { writer.noteUnfiltered() }
        let files = try await files(paths)
        let known = try window.state.flatMap { usesLedger ? try FileLedger(state: $0) : nil } ?? FileLedger()
        var ledger = FileLedger()
        var waits = false
        for file in files {
            try Task.checkCancellation()
            let entry = known[file.path]
            if let entry, file.stamp.proves(entry.stamp) {
                ledger[file.path] = entry
            } else if waits {
                // Behind one that waits: of two documents of a key the later file's wins, so it must not come first.
                ledger[file.path] = entry
            } else if isSettling(file.stamp) {
                try wait(file)
                waits = true
                // It is as new to the next run as it is to this one.
                ledger[file.path] = entry
            } else {
                let landed = try await land(file, entry, into: &writer)
                ledger[file.path] = landed ?? entry
                // It was seen only now that it is still being written.
                waits = landed == nil
            }
        }
        if usesLedger { writer.note(state: ledger.state) }
    }

    private func files(_ paths: [String]) async throws -> [PlacedFile] {
        let order = source.order ?? FileOrder(by: .name)
        let isDetailed = usesLedger || order.by == .modified || (source.settleS ?? 0) > 0
        var found: [PathBytes: PlacedFile] = [:]
        for path in paths {
            let pattern = try FilePattern(path)
            let matches = try await place.files(matching: pattern, detailed: isDetailed)
            guard !matches.isEmpty else { throw try place.nothingFound(pattern) }
            for file in matches { found[PathBytes(file.path)] = file }
        }
        return try order.sorted(Array(found.values), at: place.title)
    }

    /// Lands one file; what the ledger remembers of it, nil where it is still being written.
    private func land(
        _ file: PlacedFile, _ entry: FileLedger.Entry?, into writer: inout RawWriter
    ) async throws -> FileLedger.Entry? {
        let copy = writer.temporaryPath
        defer { unlink(copy) }
        let limit = (source.maxFileMb ?? 10_240) << 20
        do {
            guard let fetched = try await place.fetch(file, known: entry?.stamp, to: copy, limit: limit) else {
                return entry
            }
            guard !isSettling(fetched.stamp) else {
                try wait(file)
                return nil
            }
            let local = SourceFile(
                path: fetched.localPath, name: file.path, compression: fetched.compression,
                members: try source.members.map { try FilePattern($0) }, limit: limit)
            if let entry, try local.sha256() == entry.sha256 {
                return FileLedger.Entry(stamp: fetched.stamp, sha256: entry.sha256)
            }
            let sha256 = try local.land(into: &writer)
            return FileLedger.Entry(stamp: fetched.stamp, sha256: sha256)
        } catch let error as ConnectorError {
            let title = place is LocalPlace ? "\(place.title)/\(file.path)" : "\(file.path) at \(place.title)"
            throw place.masked(
                ConnectorError(
                    "file \(title): \(error.message)", kind: error.kind, hint: error.hint,
                    isTransient: error.isTransient))
        }
    }

    private func isSettling(_ stamp: FileStamp) -> Bool {
        guard let settle = source.settleS, settle > 0, let modified = stamp.modified else { return false }
        return modified.advanced(byMicroseconds: Int64(settle * 1_000_000)) > window.until
    }

    /// - Throws: a transient `ConnectorError` in a full load, where a file that is left out would look deleted.
    private func wait(_ file: PlacedFile) throws {
        guard usesLedger, window.loadType == .delta else {
            throw ConnectorError(
                "file \(file.path) at \(place.title) changed within \(source.settleS ?? 0) s before this run (settle_s)",
                hint: "run again when it is complete; a full load cannot leave it out", isTransient: true)
        }
        logger.notice(
            "a file is left to the next run, because it may still be written",
            metadata: ["entity": "\(entity.id)", "file": "\(file.path)"])
    }
}
