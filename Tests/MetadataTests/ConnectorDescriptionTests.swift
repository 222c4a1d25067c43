import Metadata
import Testing

@Suite("Connector description")
struct ConnectorDescriptionTests {
    @Test("A connector describes its attributes as tables, inner ones named from the outer object on")
    func describe() {
        let expected = #"""
            sample: Reads nothing.

            connection, in systems.json
              name            type           default          meaning
              root            string         "/data"          Where it lies.
              token           {"secret": …}  –                The key.
              auth            object         {"type":"none"}  How the system knows us.
              auth.type       "none"         –
              auth.type       "bearer"       –
              auth.token      {"secret": …}  required         The key.
              retry           object         {}               When a request is repeated.
              retry.attempts  integer 1…10   3                Times that a request is sent.

            source, in entities.json
              name    type                               default  meaning
              path    string                             "*"      What to read.
              params  {name: string | number | boolean}  {}       Parameters.

            example
              [{"type": "sample"},
               {"source": {}}]

            """#
        #expect(ConnectorDescription.sample.describe() == expected)
    }
}
