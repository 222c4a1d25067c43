import JSON
import Testing

@Suite("Parts of a JSON text")
struct JSONPartsTests {
    private func parts(_ text: String) -> [String] {
        var parts = JSONParts(Array(text.utf8))
        var found: [String] = []
        while let part = parts.next() {
            let value = String(decoding: parts.bytes[part.value], as: UTF8.self)
            found.append(part.name.map { String(decoding: parts.bytes[$0], as: UTF8.self) + "=" + value } ?? value)
        }
        return found
    }

    @Test("elements and members are cut as they are written")
    func cut() {
        #expect(
            parts(#" [1, -2.5e3 ,"a,]\"",true,null,{"b":[1,2]},[ [] ] ] "#).joined(separator: "|")
                == #"1|-2.5e3|"a,]\""|true|null|{"b":[1,2]}|[ [] ]"#)
        #expect(
            parts(#"{"a" : 1,"b\"}":"}", "":{"c":"\\"} ,"d":[{"e":"]"}]}"#).joined(separator: "|")
                == #""a"=1|"b\"}"="}"|""={"c":"\\"}|"d"=[{"e":"]"}]"#)
    }

    @Test(
        "what is empty, or neither array nor object, has none", arguments: ["[]", " { } ", "", "7", #""[1]""#, "[ \n]"])
    func none(text: String) { #expect(parts(text) == []) }

    @Test("a text that is cut ends, wherever that is")
    func broken() {
        let text = #"[{"a":[1,"x\""]},"b",12]"#
        for end in 0...text.utf8.count {
            #expect(parts(String(decoding: text.utf8.prefix(end), as: UTF8.self)).count <= 3)
        }
    }
}
