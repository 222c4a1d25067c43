import Metadata
import Testing

@Suite("Names of sources become names of metadata")
struct ColumnNamingTests {
    @Test(
        "words are cut where people see them",
        arguments: [
            ("orderId", "order_id"), ("Order ID", "order_id"), ("HTTPStatus", "http_status"), ("ID", "id"),
            ("__typename", "typename"), ("Überweisung", "uberweisung"), ("straße", "strasse"), ("2nd", "column_2nd"),
            ("日本", "column"), ("", "column"), ("a--b..c", "a_b_c"), ("utf8Text", "utf8_text"), ("ＡＢ", "ab"),
        ])
    func words(text: String, name: String) { #expect(ColumnNaming.name(for: text, fallback: "column") == name) }

    @Test("names that are taken get a number, also those of PostgreSQL, and none is too long")
    func numbers() {
        var naming = ColumnNaming()
        #expect(
            ["Total Sum", "total_sum", "totalSum"].map { naming.name(for: $0) } == [
                "total_sum", "total_sum_2", "total_sum_3",
            ])
        #expect(naming.name(for: "xmin") == "xmin_2")
        let long = String(repeating: "a", count: 80)
        let names = (0..<2).map { _ in naming.name(for: long) }
        #expect(names.map(\.utf8.count) == [63, 63] && names[1].hasSuffix("a_2"))
    }

    @Test("names of entities are distinct, and short enough for the names of their tables")
    func entities() {
        var naming = ColumnNaming(entitiesOf: SystemID(rawValue: "shop"))
        #expect(["orders", "a__b", "orders"].map { naming.free($0) } == ["orders", "a__b", "orders_2"])
        let long = String(repeating: "a", count: 50)
        let names = (0..<2).map { _ in naming.free(long) }
        #expect(names.map(\.utf8.count) == [42, 42] && names[1].hasSuffix("a_2"))
    }
}
