import JSON
import Testing

@Suite("JSON writer")
struct JSONWriterTests {
    private let text = #"{"b":{"z":[],"a":"q\"\\\n\u0001é"},"a":[1.50,{"x":null}],"c":[1,"two",true]}"#

    @Test("Compact text is what was read")
    func compact() throws {
        #expect(try JSONReader.parse(text).text() == text)
    }

    @Test("Sorted keys are in byte order at every level")
    func sorted() throws {
        #expect(
            try JSONReader.parse(text).text(sortedKeys: true)
                == #"{"a":[1.50,{"x":null}],"b":{"a":"q\"\\\n\u0001é","z":[]},"c":[1,"two",true]}"#)
    }

    @Test("Pretty text is indented by two spaces, short arrays of scalars stay on one line")
    func pretty() throws {
        let expected = #"""
            {
              "b": {
                "z": [],
                "a": "q\"\\\n\u0001é"
              },
              "a": [
                1.50,
                {
                  "x": null
                }
              ],
              "c": [1, "two", true]
            }
            """#
        let value = try JSONReader.parse(text)
        #expect(value.text(pretty: true) == expected)
        #expect(try JSONReader.parse(value.serialized(pretty: true)) == value)
    }
}
