public import ConnectorKit

/// A few records that were landed to be looked at: in a folder of their own, known to no database.
public struct Sample: Sendable {
    /// The files, their shape, and what was asked.
    public var manifest: Manifest
    /// The folder that holds the files.
    public var folder: String
    /// True where the landing was ended before its source was: the last file may then be cut behind its last record.
    public var isCut: Bool

    /// A landed sample.
    public init(manifest: Manifest, folder: String, isCut: Bool) {
        self.manifest = manifest
        self.folder = folder
        self.isCut = isCut
    }
}

/// One record of a sample and how the metadata's columns read it.
public struct SampleRecord: Sendable {
    /// What a column makes of the record.
    public enum Reading: Sendable, Hashable {
        /// The value, as a cursor or a person would write it.
        case value(String)
        /// NULL, or nothing there and no default.
        case null
        /// The record would be quarantined for this reason.
        case rejected(String)
    }

    /// The raw file, from 1.
    public var file: Int
    /// The place within the file, from 1.
    public var number: Int
    /// The record as bronze would get it.
    public var document: [UInt8]
    /// Why the record as a whole would be quarantined, or left out; nil where it would be kept.
    public var objection: String?
    /// True where the record is kept as a delete of its key.
    public var isDelete = false
    /// What each column reads; none where the record cannot be read at all.
    public var columns: [(column: String, reading: Reading)]
}
