internal import ConnectorKit
internal import JSON
internal import Metadata
internal import Primitives

/// Reads the records of a batch window by window, in the order in which they arrived. Memory is bounded by a window.
struct BatchReader: ~Copyable {
    private let files: [Manifest.File]
    private let folder: String
    private var current: RawFileReader?

    /// The records that may be read now.
    private(set) var window: RecordWindow
    /// The number of the file at hand, from 1.
    private(set) var fileNumber = 0
    /// The position of the window's first record within the file, from 1.
    private(set) var firstRecord = 1

    init(_ manifest: Manifest, folder: String, paths: [[String]]) throws {
        files = manifest.files
        self.folder = folder
        window = RecordWindow(try manifest.shape.recordFormat, paths: paths)
    }

    /// Goes on to the next window, which may be empty; false at the end of the batch.
    /// - Throws: `StepError` naming file and byte where a file is missing, damaged or no longer parses.
    mutating func next() throws -> Bool {
        firstRecord += window.count
        if current == nil {
            guard fileNumber < files.count else { return false }
            current = try RawFileReader(files[fileNumber], folder: folder)
            fileNumber += 1
            firstRecord = 1
        }
        do {
            if let chunk = try current?.next() {
                try window.push(chunk.span)
            } else {
                current = nil
                try window.finish()
            }
        } catch let error as RecordScanError {
            throw StepError(.parse, "raw file \(folder)/\(files[fileNumber - 1].name): \(error)")
        }
        return true
    }
}
