extension Instant {
    /// Reads ISO 8601 as people write it; without offset in UTC, without time at midnight; nil for anything else.
    public init?(utcByDefault text: String) {
        guard
            let instant = Instant(iso8601: text) ?? Instant(iso8601: text + "Z")
                ?? Instant(iso8601: text + "T00:00:00Z")
        else { return nil }
        self = instant
    }

    /// Reads ISO 8601 with an offset or `Z`; nil for anything else.
    public init?(iso8601 text: String) {
        var reader = TemporalReader()
        let bytes = Array(text.utf8)
        // A mismatch's reason is for records; a caller of this says its own.
        guard let moment = try? reader.dateTime(bytes.span), let offset = moment.offset else { return nil }
        self.init(microseconds: moment.local - Int64(offset) * 1_000_000)
    }
}
