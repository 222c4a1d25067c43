public import ConnectorKit
import HTTPTransport
public import Metadata

/// Lands an entity once over the network, and again and again from what was recorded then.
public struct RecordedLanding: Sendable {
    /// What came of a replay.
    public struct Outcome: Sendable {
        /// What was landed now.
        public var files: [Manifest.File]
        /// How it differs from what was recorded; empty where it does not.
        public var differences: [String]
        /// Recorded requests that were not asked for this time.
        public var unasked: [String]
    }

    private let access: SourceAccess
    private let system: SourceSystem
    private let entity: Entity

    /// Landings of one entity.
    public init(_ entity: Entity, of system: SourceSystem, access: SourceAccess) {
        self.access = access
        self.system = system
        self.entity = entity
    }

    /// Lands everything, records what goes over HTTP, and lands the recording to know what comes of it.
    /// - Throws: `ConnectorError`, also where nothing went over HTTP or the recording cannot stand for the source.
    public func record(_ empty: HTTPRecording) async throws -> HTTPRecording {
        let recorder = HTTPRecorder()
        let live = try await HTTPClient.$exchange.withValue(recorder) { try await land(empty, access) }
        guard !recorder.exchanges.isEmpty else {
            throw ConnectorError(
                "\(entity.id): nothing went over HTTP, so there is nothing to record",
                hint: "a type like \(system.type) is tested against its source: medallion connectors test \(system.id)")
        }
        var recording = empty
        let cover = SecretCover(mask: access.secrets.known.mask)
        recording.exchanges = recorder.exchanges.map(cover.cover)
        recording.files = try await replayed(recording).sample.files
        let records = recording.recordCount
        guard records == live.recordCount else {
            throw ConnectorError(
                "\(entity.id): the recording gives \(records) records, the source gave \(live.recordCount)",
                hint: "its requests change with the time or with answers that hold secrets; it cannot be replayed")
        }
        return recording
    }

    /// Lands from a recording, offline, and compares files and checksums.
    public func replay(_ recording: HTTPRecording) async throws -> Outcome {
        let (sample, replay) = try await replayed(recording)
        var differences: [String] = []
        let (now, then) = (sample.files, recording.files)
        if now.count != then.count { differences.append("\(now.count) files, recorded \(then.count)") }
        for (new, old) in zip(now, then) where new != old {
            differences.append(
                new.records == old.records
                    ? "\(old.name): another content (\(new.bytes) bytes, recorded \(old.bytes))"
                    : "\(old.name): \(new.records) records, recorded \(old.records)")
        }
        return Outcome(files: now, differences: differences, unasked: replay.unused)
    }

    private func replayed(_ recording: HTTPRecording) async throws -> (sample: LandedSample, replay: HTTPReplay) {
        var access = access
        access.secrets = ReplaySecrets(access.secrets)
        let replay = HTTPReplay(recording, known: access.secrets.known)
        let asked = access
        let sample = try await HTTPClient.$exchange.withValue(replay) { try await land(recording, asked) }
        return (sample, replay)
    }

    private func land(_ recording: HTTPRecording, _ access: SourceAccess) async throws -> LandedSample {
        var window = recording.window
        if let parent = recording.parent { window.parents = ParentRows([parent]) }
        if recording.parent == nil, case .values(let values)? = entity.forEach { window.parents = ParentRows(values) }
        let asked = window
        let folder = try SampleFolder(environment: access.environment)
        return try await access.withConnector(of: system, for: [entity]) {
            try await SourceAccess.sample(entity, with: $0, window: asked, limit: nil, into: folder)
        }
    }
}
