import ConnectorKit
import JSON
import Primitives
import Testing

@Suite("Expressions in metadata")
struct TemplateTests {
    private let scope = TemplateScope([
        "now": .instant(Instant(microseconds: 1_795_228_842_123_456)),
        "cursor": .text("2026-11-20T23:30:00Z"),
        "parent": .json(
            .object([
                JSONMember("id", .number("17")), JSONMember("name", .string("A & B/ü")),
                JSONMember("tags", .array([.string("a"), .number("2")])),
                JSONMember("note", .null),
            ])),
        "empty": .text(""),
    ])

    @Test(
        "a text is filled",
        arguments: [
            ("plain", "plain"), ("", ""), ("{ not } one", "{ not } one"),
            ("/orders/{{ parent.id }}/lines", "/orders/17/lines"), ("{{parent.id}}{{ parent.id }}", "1717"),
            ("{{ now }}", "2026-11-21T02:40:42.123456Z"), ("{{ now | date('%Y/%m/%d') }}", "2026/11/21"),
            ("{{ now | date('%y %j %H:%M:%S.%f %z %%') }}", "26 325 02:40:42.123456 +0000 %"),
            ("{{ now | date('%Y-%m-%d %H:%M %z', 'America/New_York') }}", "2026-11-20 21:40 -0500"),
            ("{{ now | shift('-1d') | date('%d') }}", "20"), ("{{ cursor | shift('30m') | date('%H:%M') }}", "00:00"),
            ("{{ cursor | epoch }}", "1795217400"), ("{{ now | epoch_ms }}", "1795228842123"),
            ("{{ parent.id | shift(-1) }}", "16"), ("{{ parent.name | url }}", "A%20%26%20B%2F%C3%BC"),
            ("{{ parent.name | lower | replace(' & ', '-') }}", "a-b/ü"), ("{{ parent.tags | join(';') }}", "a;2"),
            ("{{ parent.tags.0 }}", "a"), ("{{ parent.tags | json }}", #"["a",2]"#),
            ("{{ parent.note | default('none') }}", "none"), ("{{ parent.gone | default(0) }}", "0"),
            ("{{ empty | default('x') }}", "x"), ("{{ 'ab' | base64 }}", "YWI="), ("{{ '{{' }}", "{{"),
            ("{{ ' a ' | trim | upper }}", "A"),
        ])
    func fills(_ text: String, _ expected: String) throws {
        #expect(try Template(text).text(in: scope) == expected)
    }

    @Test("a value that is one expression keeps its type; names of members are filled too")
    func keepsTypes() throws {
        let body = try JSONReader.parse(
            Array(
                #"{"id":"{{ parent.id }}","text":"n{{ parent.id }}","{{ parent.id }}":["{{ parent.note }}",1,true],"n":"{{ '7' | number }}"}"#
                    .utf8))
        let filled = try Template.fill(body, in: scope).text()
        #expect(filled == #"{"id":17,"text":"n17","17":[null,1,true],"n":7}"#)
    }

    @Test(
        "a mistake quotes the expression, says why and what was known",
        arguments: [
            (
                "{{ parnt.id }}",
                "'{{ parnt.id }}': there is no 'parnt.id' here; did you mean 'parent.id'? known: cursor, empty, now, parent.id, parent.name, parent.note, parent.tags"
            ),
            (
                "{{ parent.note }}",
                "'{{ parent.note }}': it is null, which has no text; add | json, or | default('') for a missing value"
            ),
            (
                "{{ now | dat('%Y') }}",
                "'{{ now | dat('%Y') }}': there is no filter 'dat'; did you mean 'date'? filters: "
            ),
            (
                "{{ now | date('%Q') }}",
                "'{{ now | date('%Q') }}': date: the format has an unknown directive %Q; known: "
            ),
            ("{{ now | date }}", "'{{ now | date }}': date: expected a format such as '%Y-%m-%d', and perhaps a zone"),
            ("{{ now | date('%Y', 'Mars') }}", "'{{ now | date('%Y', 'Mars') }}': date: 'Mars' is no time zone"),
            ("{{ now | shift('1y') }}", "'{{ now | shift('1y') }}': shift: '1y' is no distance"),
            (
                "{{ parent.name | epoch }}",
                "'{{ parent.name | epoch }}': epoch needs an instant or its ISO 8601 text, and this is a text"
            ),
            ("{{ now", "'{{ now }}': it does not end; close it with }}"), ("{{ }}", "'{{  }}': expected a name here"),
            ("{{ now now }}", "'{{ now now }}': expected | or }} here"),
            ("{{ 'a }}", "'{{ 'a }}': the text does not end; close it with '"),
            ("{{ 1.2.3 }}", "'{{ 1.2.3 }}': '1.2.3' is no number"),
            ("{{ now | lower('x') }}", "'{{ now | lower('x') }}': lower: it takes no arguments"),
        ])
    func complains(_ text: String, _ expected: String) throws {
        let error = #expect(throws: TemplateError.self) { try Template(text).text(in: scope) }
        #expect(error?.description.hasPrefix(expected) == true, "\(error?.description ?? "nothing")")
    }

    @Test("the names used are known before anything is filled")
    func knowsItsNames() throws {
        #expect(try Template("a{{ parent.id }}{{ now | date('%Y') }}{{ 'x' }}").roots == ["parent", "now"])
        #expect(try Template("a").isLiteral)
        #expect(try !Template("{{ now }}").isLiteral)
    }
}
