package import Primitives
internal import Synchronization

/// How far a landing has come, as its `RawWriter` tells it to whoever reads the files behind it.
///
/// Bytes that have arrived stay as they are. Whether they ever become a batch is certain only when its manifest is there.
package final class LandingProgress: Sendable {
    /// A file that grows, or has landed.
    package struct File: Sendable {
        /// Its name within the batch's folder, or within that of the standing batch, whose file came again.
        package let name: String
        /// False where it came again.
        package let isNew: Bool
        /// Bytes that can be read: under the name's `DurableFile.unfinished` as long as the file grows.
        package fileprivate(set) var bytes = 0
        /// What it came to, with the XXH3 of its bytes; nil as long as it grows.
        package fileprivate(set) var landed: (file: Manifest.File, fingerprint: UUIDValue)?
    }

    /// How it stands.
    package enum Phase {
        /// Files still come.
        case landing
        /// All files are there.
        case landed
        /// A file did not come to its end: nothing that was read counts.
        case broken
    }

    private let state = Mutex(State())

    private struct State {
        var files: [File] = []
        var phase = Phase.landing
        /// Bytes of files that are new.
        var news = 0
        /// The folder of the files that come again.
        var standing: String?

        /// The last file has this many bytes.
        mutating func reach(_ bytes: Int) {
            let last = files.count - 1
            if files[last].isNew { news += bytes - files[last].bytes }
            files[last].bytes = bytes
        }
    }

    /// A landing that nothing has come of yet.
    package init() {}

    /// A file begins; not `isNew` where it came again, and is there already.
    func begin(_ name: String, isNew: Bool) {
        state.withLock { state in
            if let last = state.files.last, last.landed == nil { state.phase = .broken }
            state.files.append(File(name: name, isNew: isNew))
        }
    }

    /// The file at hand has this many bytes.
    func reach(_ bytes: Int) {
        state.withLock { $0.reach(bytes) }
    }

    /// The file at hand is complete.
    func end(_ file: Manifest.File, fingerprint: UUIDValue) {
        state.withLock { state in
            state.reach(file.bytes)
            state.files[state.files.count - 1].landed = (file, fingerprint)
        }
    }

    /// No more files come.
    package func end() {
        state.withLock { state in
            guard state.phase == .landing else { return }
            state.phase = state.files.last.map { $0.landed != nil } ?? true ? .landed : .broken
        }
    }

    /// How it stands.
    package var phase: Phase { state.withLock(\.phase) }

    /// Bytes of all files.
    package var bytes: Int { state.withLock { $0.files.reduce(0) { $0 + $1.bytes } } }

    /// Bytes of the files that do not repeat one of an earlier batch.
    package var news: Int { state.withLock(\.news) }

    /// The folder of the standing batch, whose files may come again.
    package var standing: String? { state.withLock(\.standing) }

    /// Tells it, before the first file.
    func compare(with standing: String?) { state.withLock { $0.standing = standing } }

    /// The file at this place, from 0; nil as long as there is none.
    package func file(at place: Int) -> File? {
        state.withLock { place < $0.files.count ? $0.files[place] : nil }
    }

    /// The files that have landed, in order.
    package var landed: [Manifest.File] { state.withLock { $0.files.compactMap { $0.landed?.file } } }
}
