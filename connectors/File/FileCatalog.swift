import ConnectorKit

/// What a place holds: the answers to `check` and `discover`.
struct FileCatalog {
    let place: any FilePlace

    /// Reaches the place and lists it: one line with what is there.
    func check() async throws -> [String] {
        let files = try await files()
        return ["\(place.title) with \(files.count) file\(files.count == 1 ? "" : "s")"]
    }

    /// An entity for each file or group of like files.
    func entities() async throws -> [DiscoveredEntity] { FileGroups(try await files()).entities }

    private func files() async throws -> [PlacedFile] {
        try await place.files(matching: FilePattern("**"), detailed: false)
    }
}
