import JSON
public import Metadata

extension RestConnector.Configuration {
    /// The attributes of `connection`.
    public static var fields: [Field] {
        [
            Field(
                "base_url", .pattern("^https?://[^/?#@\\s]+(/[^?#\\s]*)?$"), required: true,
                "Where every path starts, without user info and query: https://api.example.com/v2."),
            Field(
                "headers", .map(.either([.string, .object([RestFields.secretName])])), default: .object([]),
                "Sent with each request; a value is a text or {\"secret\": \"name\"}."),
            Field(
                "auth", .variant("type", RestAuthentication.variants), default: RestFields.type("none"),
                "How the system knows us."),
            Field(
                "timeout_s", .number(0.1...3600), default: .number("60"), "Seconds that one request may take in all."),
            Field("connect_timeout_s", .number(0.1...600), default: .number("10"), "Seconds to connect, TLS included."),
            Field(
                "idle_timeout_s", .number(1...3600), default: .number("30"),
                "Seconds during which next to nothing arrives before a request is given up."),
            Field(
                "max_body_mb", .int(1...4096), default: .number("64"),
                "Megabytes that one page may have, decompressed; a page is held in memory."),
            Field(
                "ca_file", .string,
                "PEM file of authorities to trust instead of the machine's; relative to the project."),
            Field(
                "retry", .object(RestFields.retry), default: .object([]),
                "When a request is repeated: 408, 425, 429, 5xx, no connection, broken off, too slow."),
        ]
    }
}

extension RestConnector.Source {
    /// The attributes of `source`.
    public static var fields: [Field] {
        let scalar = FieldType.either([.string, .number(-1e15...1e15), .bool])
        return [
            Field("path", .string, required: true, "Appended to base_url."),
            Field(
                "params", .map(.either([scalar, .array(scalar)])), default: .object([]),
                "Query parameters in this order; a list repeats its name."),
            Field(
                "records_path", .string, default: .string(""),
                "JSON pointer to the records of a page: /data/items; \"\" is the whole page."),
            Field(
                "pagination", .variant("type", RestFields.pagination), default: RestFields.type("none"),
                "How the next page is found."),
        ]
    }
}

/// The nested field lists of the rest connector.
enum RestFields {
    static let secretName = Field("secret", .string, required: true, "The secret's name.")

    static let retry: [Field] = [
        Field("attempts", .int(1...100), default: .number("4"), "Times that a request is sent, the first included."),
        Field(
            "base_delay_s", .number(0...600), default: .number("0.5"),
            "Seconds before the second attempt; doubled for each further one, with jitter."),
        Field(
            "max_delay_s", .number(0...3600), default: .number("30"), "Longest wait, unless Retry-After asks for more."),
        Field(
            "deadline_s", .number(0...86_400), default: .number("300"),
            "Seconds for one page, all attempts and waits together."),
    ]

    static let pagination: [FieldType.Variant] = [
        FieldType.Variant("none"),
        FieldType.Variant(
            "page",
            [
                Field("page_param", .string, default: .string("page"), "Parameter with the page's number."),
                Field("start_page", .int(0...1_000_000), default: .number("1"), "Number of the first page."),
                Field("size_param", .string, "Parameter with page_size; not sent where it is missing."),
                Field("page_size", .int(1...1_000_000), "Records that a page is asked to have."),
                Field(
                    "total_pages_path", .string, "JSON pointer to the number of pages; then it decides about the end."),
            ] + stop + limits),
        FieldType.Variant(
            "offset",
            [
                Field("offset_param", .string, default: .string("offset"), "Parameter with the records to skip."),
                Field("start_offset", .int(0...1_000_000), default: .number("0"), "Offset of the first record."),
                Field("limit_param", .string, default: .string("limit"), "Parameter with page_size."),
                Field(
                    "page_size", .int(1...1_000_000), default: .number("100"), "Records that a page is asked to have."),
            ] + stop + limits),
        FieldType.Variant(
            "cursor",
            [
                Field("cursor_param", .string, default: .string("cursor"), "Parameter with the cursor."),
                Field(
                    "cursor_path", .string, required: true,
                    "JSON pointer to the next cursor; missing, null or \"\" is the end."),
                Field("has_more_path", .string, "JSON pointer to a truth value; false is the end."),
                Field("size_param", .string, "Parameter with page_size; not sent where it is missing."),
                Field("page_size", .int(1...1_000_000), "Records that a page is asked to have."),
            ] + limits),
        FieldType.Variant("link_header", limits),
        FieldType.Variant(
            "next_url",
            [
                Field(
                    "next_url_path", .string, required: true,
                    "JSON pointer to the next page's URL; missing, null or \"\" is the end.")
            ] + limits),
    ]

    static func type(_ name: String) -> JSONValue { .object([JSONMember("type", .string(name))]) }

    private static let stop = [
        Field(
            "stop_on", .oneOf(["empty", "short"]), default: .string("empty"),
            "The page that ends the load: one without records, or one with fewer than page_size.")
    ]

    private static let limits = [
        Field("total_path", .string, "JSON pointer to the number of all records; fewer landed ones are an error."),
        Field("max_pages", .int(1...10_000_000), default: .number("10000"), "More pages than this are an error."),
    ]
}
