import ConnectorKit
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
            Field(
                "errors", .array(.object(RestFields.errorRule)), default: .array([]),
                "What answers mean, where the status does not say it; the first rule that applies decides."),
            Field(
                "config", .map(.either([.string, .number(-1e15...1e15), .bool])), default: .object([]),
                "Values of the system's own that expressions know as config.<name>; no secrets."),
        ] + Outward.fields
    }
}

extension RestConnector.Source {
    /// The attributes of `source`.
    public static var fields: [Field] {
        let scalar = FieldType.either([.string, .number(-1e15...1e15), .bool])
        return RestFields.request(
            params: .map(.either([scalar, .array(scalar)])), path: "Appended to base_url; may hold expressions.")
            + [
                Field(
                    "records_path", .string, default: .string(""),
                    "JSON pointer to the records of a page: /data/items; \"\" is the whole page."),
                Field(
                    "format", .oneOf(DocumentShape.Format.allCases.map(\.rawValue)), default: .string("json"),
                    "The notation of a page; gzip and zip are unpacked."),
                Field(
                    "pagination", .variant("type", RestFields.pagination), default: RestFields.type("none"),
                    "How the next page is found."),
                Field(
                    "steps",
                    .object([
                        Field("size", .string, required: true, "Length of a step: 7d, 12h, 30m."),
                        Field("start", .string, required: true, "Where a full load begins: 2024-01-01."),
                    ]),
                    "The window is asked for in steps, which expressions know as step.from and step.until."),
                Field(
                    "export", .object(RestFields.export),
                    "A job makes the data first: it is started and polled, then path is fetched."),
                Field(
                    "errors", .array(.object(RestFields.errorRule)), default: .array([]),
                    "What answers mean; before the rules of the connection."),
                Field(
                    "revalidate", .oneOf(RestRevalidation.allCases.map(\.rawValue)), default: .string("auto"),
                    "auto: a full load of one request asks whether it changed (ETag, Last-Modified); first_page: the "
                        + "first page of a paged one speaks for all; never."),
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
                    "cursor_path", .string, "JSON pointer to the next cursor; missing, null or \"\" is the end."),
                Field("cursor_header", .string, "Or: the header with the next cursor; missing is the end."),
                Field("has_more_path", .string, "JSON pointer to a truth value; false is the end."),
                Field("size_param", .string, "Parameter with page_size; not sent where it is missing."),
                Field("page_size", .int(1...1_000_000), "Records that a page is asked to have."),
            ] + limits),
        FieldType.Variant(
            "keyset",
            [
                Field("key_param", .string, "Parameter with the last record's key; or an expression, page.cursor."),
                Field("key_path", .string, required: true, "Path of the key within a record."),
                Field("start", .string, "The key that the first page begins behind; none is sent without."),
                Field("size_param", .string, "Parameter with page_size; not sent where it is missing."),
                Field("page_size", .int(1...1_000_000), "Records that a page is asked to have."),
            ] + stop + limits),
        FieldType.Variant("link_header", limits),
        FieldType.Variant(
            "next_url",
            [
                Field(
                    "next_url_path", .string, required: true,
                    "JSON pointer to the next page's URL; missing, null or \"\" is the end.")
            ] + limits),
    ]

    static let body: FieldType = .variant(
        "type",
        [
            FieldType.Variant("json", [Field("json", .any, required: true, "The text; expressions in its strings.")]),
            FieldType.Variant(
                "form", [Field("form", .map(.any), required: true, "Names and values; a list repeats its name.")]),
            FieldType.Variant(
                "graphql",
                [
                    Field("query", .string, required: true, "The query, taken as it is."),
                    Field("variables", .map(.any), default: .object([]), "Its variables; may hold expressions."),
                ]),
            FieldType.Variant(
                "text",
                [
                    Field("text", .string, required: true, "The text; may hold expressions."),
                    Field("media_type", .string, default: .string("text/plain"), "Its Content-Type."),
                ]),
        ])

    /// The attributes of a request.
    static func request(params: FieldType = .map(.any), path: String) -> [Field] {
        [
            Field("path", .string, required: true, path),
            Field(
                "method", .oneOf(["GET", "POST", "PUT"]), "How it is asked for: GET, or POST where there is a body."),
            Field(
                "params", params, default: .object([]),
                "Query parameters in this order; a list repeats its name, an expression that is null leaves it out."),
            Field("headers", .map(.string), default: .object([]), "Headers of this request; may hold expressions."),
            Field("body", body, "What is sent along with POST or PUT."),
        ]
    }

    static let export: [Field] = [
        Field(
            "start", .object(request(path: "Starts the job; its JSON answer is known as job.")), required: true,
            "The request that starts the job."),
        Field(
            "poll", .object(request(path: "Asks for the job; its JSON answer is known as result.")), required: true,
            "The request that asks whether it is done."),
        Field("state_path", .string, required: true, "JSON pointer to the state in the answer to poll."),
        Field("done", .array(.string), required: true, "The states that mean that it is done."),
        Field("failed", .array(.string), default: .array([]), "The states that mean that it failed."),
        Field("every_s", .number(0.01...3600), default: .number("5"), "Seconds between two polls."),
        Field("deadline_s", .number(1...86_400), default: .number("3600"), "Seconds that the job may take."),
    ]

    static let errorRule: [Field] = [
        Field("status", .array(.int(100...599)), default: .array([]), "Status codes; any without."),
        Field("header", .string, "A header that must be there."),
        Field("header_contains", .string, "A text in it."),
        Field(
            "body_path", .string, "JSON pointer to a value of the body that must be there, and not be false or empty."),
        Field("body_equals", .string, "The text that it must have."),
        Field(
            "action", .oneOf(RestErrorRule.Action.allCases.map(\.rawValue)), required: true,
            "retry: as after 503; fail; ignore: no records; refresh_token: as after 401; rate_limited: as after 429."),
    ]

    static func type(_ name: String) -> JSONValue { .object([JSONMember("type", .string(name))]) }

    private static let stop = [
        Field(
            "stop_on", .oneOf(["empty", "short"]), default: .string("empty"),
            "The page that ends the load: one without records, or one with fewer than page_size.")
    ]

    private static let limits = [
        Field(
            "in", .oneOf(["query", "body"]), default: .string("query"),
            "Where the parameters of paging are put; nowhere if an expression names page."),
        Field(
            "stop_when",
            .array(
                .object([
                    Field("path", .string, required: true, "JSON pointer into the page."),
                    Field("equals", .string, "The text that must stand there; without, any value but false and \"\"."),
                ])), default: .array([]), "What a page says where it is the last one; one condition suffices."),
        Field("total_header", .string, "Header with the number of all records; fewer landed ones are an error."),
        Field("total_path", .string, "JSON pointer to the number of all records; fewer landed ones are an error."),
        Field("max_pages", .int(1...10_000_000), default: .number("10000"), "More pages than this are an error."),
    ]
}
