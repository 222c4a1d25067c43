import Metadata
import Postgres
import Primitives
import TestKit
import Testing

@testable import Pipeline

@Suite("The same key twice in a batch", .fewAtOnce, .twice)
struct DuplicateStoriesTests {
    @Test("without order_by the last to arrive wins; identical ones collapse")
    func arrival() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text"))
        try await warehouse.load(
            #"{"id":1,"v":"a"}"#, #"{"id":2,"v":"x"}"#, #"{"id":1,"v":"b"}"#, #"{"id":2,"v":"x"}"#,
            #"{"id":1,"v":"c"}"#)
        expect(
            try await warehouse.table(),
            equals: """
                1 | c | d1..
                2 | x | d1..
                """)
        expect(
            try await warehouse.audit(),
            equals: """
                raw 5: inserted 5
                bronze 5: inserted 2, duplicate 3
                silver 2: inserted 2
                """)
        try await warehouse.load(#"{"id":1,"v":"a"}"#, #"{"id":1,"v":"c"}"#, #"{"id":2,"v":"y"}"#)
        expect(
            try await warehouse.table(),
            equals: """
                1 | c | d1..
                2 | x | d1..d2
                2 | y | d2..
                """)
    }

    @Test("the greatest by order_by wins, NULL sorts oldest, ties go by arrival, over all files")
    func ordered() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, v text, n numeric, s text stored=false", #"{"order_by": ["n", "s"]}"#))
        try warehouse.put(
            [
                #"{"id":1,"v":"old","n":9}"#, #"{"id":1,"v":"new","n":10}"#, #"{"id":1,"v":"null","n":null}"#,
                #"{"id":2,"v":"minus","n":-1}"#, #"{"id":2,"v":"null","n":null}"#, #"{"id":2,"v":"less","n":-1.5}"#,
                #"{"id":3,"v":"b","n":1,"s":"b"}"#, #"{"id":3,"v":"ba","n":1.0,"s":"ba"}"#,
                #"{"id":3,"v":"none","n":1}"#,
                #"{"id":4,"v":"first","n":1,"s":""}"#, #"{"id":4,"v":"second","n":1e0,"s":""}"#,
                #"{"id":5,"v":"large","n":1e30}"#, #"{"id":5,"v":"small","n":1e-30}"#,
            ], files: 4)
        try await warehouse.run()
        expect(
            try await warehouse.table(),
            equals: """
                1 | new | 10 | d0..
                2 | minus | -1 | d0..
                3 | ba | 1.0 | d0..
                4 | second | 1 | d0..
                5 | large | 1000000000000000000000000000000 | d0..
                """)
        #expect(try await warehouse.audit().contains("bronze 13: inserted 5, duplicate 8"))
    }

    @Test("a rejected record neither wins nor loses against a good one of its key")
    func rejected() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v int"))
        try await warehouse.load(#"{"id":1,"v":1}"#, #"{"id":1,"v":"x"}"#, #"{"id":2,"v":"y"}"#, #"{"id":2,"v":2}"#)
        expect(
            try await warehouse.table(),
            equals: """
                1 | 1 | d1..
                2 | 2 | d1..
                """)
        #expect(try await warehouse.audit().contains("bronze 4: inserted 2, rejected 2"))
    }
}
