import ConnectorKit
public import Metadata
public import Pipeline
import Primitives

extension LandedSample {
    /// The sample as the pipeline reads it.
    public func sample(of entity: EntityID) -> Sample {
        var manifest = Manifest(
            runID: .zero, runTimestamp: window.until, entity: entity, loadType: window.loadType,
            cursorFrom: window.from, cursorTo: nil, request: request, shape: shape, metadataHash: .zero, sameAs: nil,
            files: files)
        if isUnfiltered { manifest.isUnfiltered = true }
        return Sample(manifest: manifest, folder: folder, isCut: isFull)
    }
}
