import ConnectorKit
import JSON
import Metadata

/// The files of `medallion init`: the smallest project that goes all the way from a source to gold.
enum NewProject {
    /// Paths from the project's folder on, with their content, in the order in which to read them.
    static func files(name: String) -> [(name: String, content: String)] {
        let connectors = Composition.connectors.descriptions
        return [
            ("README.md", readme(name)), ("metadata/systems.json", systems), ("metadata/entities.json", entities),
            ("metadata/schema/systems.json", MetadataSchema.systems(connectors: connectors).text(pretty: true) + "\n"),
            (
                "metadata/schema/entities.json",
                MetadataSchema.entities(connectors: connectors).text(pretty: true) + "\n"
            ),
            ("data/people.jsonl", people), ("data/people.csv", contacts),
            ("sql/gold/people_by_city.sql", peopleByCity), (".gitignore", ".medallion/\nraw/\nsecrets/\n"),
        ]
    }

    private static func readme(_ name: String) -> String {
        """
        # \(name)

        A medallion project: `metadata` says what is loaded, `sql/gold` what is built of it.

            medallion run                                     source → raw → bronze → silver → gold
            medallion status                                  what ran last, and what waits
            medallion db psql -c 'TABLE gold.people_by_city'  the result

        Change a city in `data/people.jsonl`, run again, and look at `silver.example_people`: the old version is kept.
        `medallion connectors describe file` tells what a source can say; secrets go into `secrets/`, never into git.

        """
    }

    private static let systems = """
        {
          "$schema": "schema/systems.json",
          "systems": [
            {
              "id": "example",
              "name": "Example",
              "description": "Files in the folder data of this project.",
              "type": "file",
              "connection": {"root": "data"}
            }
          ]
        }

        """

    private static let entities = """
        {
          "$schema": "schema/entities.json",
          "entities": [
            {
              "name": "people",
              "description": "People and where they live.",
              "system_id": "example",
              "load_type": "full",
              "source": {"path": "people.jsonl"},
              "key": ["id"],
              "columns": [
                {"name": "id", "type": "int", "description": "Number of the person."},
                {"name": "name", "type": "string", "length": 100, "nullable": false},
                {"name": "city", "type": "string", "length": 100, "path": "address.city"},
                {"name": "born", "type": "date"}
              ]
            },
            {
              "name": "contacts",
              "description": "How to reach the same people.",
              "system_id": "example",
              "load_type": "full",
              "source": {"path": "people.csv"},
              "key": ["id"],
              "columns": [
                {"name": "id", "type": "int", "description": "Number of the person."},
                {"name": "email", "type": "string", "length": 200},
                {"name": "newsletter", "type": "boolean"}
              ]
            }
          ]
        }

        """

    private static let people = """
        {"id": 1, "name": "Ada Lovelace", "born": "1815-12-10", "address": {"city": "London"}}
        {"id": 2, "name": "Carl Friedrich Gauß", "born": "1777-04-30", "address": {"city": "Göttingen"}}
        {"id": 3, "name": "Emmy Noether", "born": "1882-03-23", "address": {"city": "Göttingen"}}
        {"id": 4, "name": "Charles Babbage", "born": "1791-12-26", "address": {"city": "London"}}
        {"id": 5, "name": "Sofja Kowalewskaja", "born": "1850-01-15", "address": {"city": "Stockholm"}}

        """

    private static let contacts = """
        id,email,newsletter
        1,ada@example.org,true
        2,gauss@example.org,false
        3,emmy@example.org,true
        5,,false

        """

    private static let peopleByCity = """
        -- description: How many people live in each city, and how many of them can be reached
        -- materialize: view
        -- key: city

        SELECT
            p.city,
            count(*) AS nr_people,
            count(c.email) AS nr_with_email
        FROM silver.example_people_current AS p
        LEFT JOIN silver.example_contacts_current AS c ON c.id = p.id
        GROUP BY p.city
        ORDER BY p.city;

        """
}
