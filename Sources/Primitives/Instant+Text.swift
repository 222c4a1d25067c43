extension Instant {
    /// Reads ISO 8601 with an offset or `Z`; nil for anything else.
    public init?(iso8601 text: String) {
        var reader = TemporalReader()
        let bytes = Array(text.utf8)
        // A mismatch's reason is for records; a caller of this says its own.
        guard let moment = try? reader.dateTime(bytes.span), let offset = moment.offset else { return nil }
        self.init(microseconds: moment.local - Int64(offset) * 1_000_000)
    }
}
