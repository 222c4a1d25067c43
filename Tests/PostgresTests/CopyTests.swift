import Postgres
import Primitives
import TestKit
import Testing

@Suite("COPY")
struct CopyTests {
    private static let allTypes = """
        CREATE TABLE public.t (n int, i2 smallint, i4 integer, i8 bigint, d double precision, b boolean, u uuid,
            ts timestamptz, tl timestamp, da date, ti time, tx text, st text, js json, jb jsonb, by bytea, nu numeric)
        """

    /// `12.5` as PostgreSQL's numeric: digits of base 10000, weight, sign, scale.
    private static let twelveAndAHalf: [UInt8] = [0, 2, 0, 0, 0, 0, 0, 1, 0, 12, 0x13, 0x88]

    private func appendRow(_ number: Int32, to buffer: inout CopyBuffer) {
        buffer.beginRow(columns: 17)
        buffer.append(int32: number)
        buffer.append(int16: -2)
        buffer.append(int32: .min)
        buffer.append(int64: .max)
        buffer.append(double: 0.1)
        buffer.append(bool: true)
        buffer.append(uuid: UUIDValue(high: 1, low: 2))
        buffer.append(instant: Instant(microseconds: -1))
        buffer.append(instant: 1_000_001)
        buffer.append(dateDaysSinceUnixEpoch: -1)
        buffer.append(timeMicroseconds: 86_399_999_999)
        buffer.append(text: Array("naïve\t\\N".utf8).span)
        buffer.append(text: "e\u{301}")
        buffer.append(text: "{\"a\": 1}")
        buffer.append(jsonb: Array("{\"b\": [1, 2]}".utf8).span)
        buffer.append(bytea: ([0, 255, 1] as [UInt8]).span)
        buffer.append(field: Self.twelveAndAHalf.span)
    }

    @Test("carries every type in binary")
    func everyType() async throws {
        try await withDatabase { connection async throws in
            try await connection.execute("\(verbatim: Self.allTypes)")
            var buffer = CopyBuffer()
            appendRow(1, to: &buffer)
            buffer.beginRow(columns: 17)
            buffer.append(int32: 2)
            for _ in 1..<17 { buffer.appendNull() }
            buffer.finish()
            try await connection.beginCopyIn("COPY public.t FROM STDIN WITH (FORMAT binary)")
            try await connection.putCopyData(buffer.takeBytes())
            #expect(try await connection.endCopyIn() == 2)
            let rows = try await connection.query(
                "SELECT t::text AS row, num_nulls(VARIADIC ARRAY[tx, st]) AS nulls, st FROM public.t ORDER BY n")
            #expect(
                try rows[0].get("row") == """
                    (1,-2,-2147483648,9223372036854775807,0.1,t,00000000-0000-0001-0000-000000000002,\
                    "1969-12-31 23:59:59.999999+00","1970-01-01 00:00:01.000001",1969-12-31,23:59:59.999999,\
                    "naïve\t\\\\N",e\u{301},"{""a"": 1}","{""b"": [1, 2]}","\\\\x00ff01",12.5)
                    """)
            #expect(try Array(rows[0].get("st", as: String.self).utf8) == Array("e\u{301}".utf8))
            #expect(try rows[1].get("row") == "(2,,,,,,,,,,,,,,,,)")
            #expect(try rows[1].get("nulls") == 2)
        }
    }

    @Test("reads back in binary what went in, over many chunks")
    func binaryOut() async throws {
        try await withDatabase { connection async throws in
            try await connection.execute(
                """
                CREATE TABLE public.t AS SELECT n::bigint AS n, NULLIF(n % 7, 0)::int AS m, (n % 3)::smallint AS s,
                    md5(n::text)::uuid AS u, timestamptz '2026-01-01Z' + n * interval '1 microsecond' AS ts,
                    repeat('x', n % 50) AS x, n % 2 = 0 AS b, n / 2.0::float8 AS d
                FROM generate_series(0, 49999) n
                """)
            try await connection.beginCopyOut("COPY (SELECT * FROM public.t ORDER BY n) TO STDOUT WITH (FORMAT binary)")
            var number: Int64 = 0
            var chunks = 0
            let start = Instant(microseconds: 1_767_225_600_000_000)
            while let chunk = try await connection.nextCopyChunk() {
                chunks += 1
                #expect(chunk.count < 300 * 1024)
                var reader = BinaryRowReader(chunk)
                while reader.next() {
                    try #require(reader.fieldCount == 8)
                    try #require(reader.int64(0) == number)
                    try #require(reader.int64(1) == (number % 7 == 0 ? nil : number % 7))
                    try #require(reader.isNull(1) == (number % 7 == 0))
                    try #require(reader.int64(2) == number % 3)
                    try #require(reader.instant(4) == start.advanced(byMicroseconds: number))
                    try #require(reader.withField(5) { $0?.count } == Int(number % 50))
                    try #require(reader.text(5) == String(repeating: "x", count: Int(number % 50)))
                    try #require(reader.bool(6) == (number % 2 == 0))
                    try #require(reader.double(7) == Double(number) / 2)
                    if number == 1 { #expect(reader.uuid(3) == UUIDValue("c4ca4238-a0b9-2382-0dcc-509a6f75849b")) }
                    number += 1
                }
            }
            #expect(number == 50_000)
            #expect(chunks > 10)
            #expect(try await connection.nextCopyChunk() == nil)
            #expect(await connection.isUsable)
        }
    }

    @Test("of an empty table has no rows in either direction")
    func empty() async throws {
        try await withDatabase { connection async throws in
            try await connection.execute("CREATE TABLE public.t (a int)")
            var buffer = CopyBuffer()
            buffer.finish()
            try await connection.beginCopyIn("COPY public.t FROM STDIN WITH (FORMAT binary)")
            try await connection.putCopyData(buffer.takeBytes())
            #expect(try await connection.endCopyIn() == 0)
            try await connection.beginCopyOut("COPY public.t TO STDOUT WITH (FORMAT binary)")
            while let chunk = try await connection.nextCopyChunk() {
                var reader = BinaryRowReader(chunk)
                let hasRow = reader.next()
                #expect(!hasRow)
            }
        }
    }

    @Test("in text format returns whole lines")
    func textOut() async throws {
        try await withDatabase { connection async throws in
            try await connection.beginCopyOut("COPY (SELECT n, 'a' FROM generate_series(1, 3) n) TO STDOUT")
            let chunk = try #require(try await connection.nextCopyChunk())
            #expect(String(decoding: chunk, as: UTF8.self) == "1\ta\n2\ta\n3\ta\n")
            #expect(try await connection.nextCopyChunk() == nil)
        }
    }

    @Test("of a buffer in many flushes stores all rows, and reuses the buffer")
    func manyFlushes() async throws {
        try await withDatabase { connection async throws in
            try await connection.execute("CREATE TABLE public.t (a bigint, b text)")
            try await connection.beginCopyIn("COPY public.t FROM STDIN WITH (FORMAT binary)")
            var buffer = CopyBuffer()
            let large = String(repeating: "y", count: 700_000)
            var flushes = 0
            for number in 0..<30_000 {
                buffer.beginRow(columns: 2)
                buffer.append(int64: Int64(number))
                buffer.append(text: number == 15_000 ? large : "row \(number)")
                if buffer.needsFlush {
                    flushes += 1
                    try await connection.putCopyData(buffer.takeBytes())
                    #expect(buffer.byteCount == 0)
                }
            }
            buffer.finish()
            try await connection.putCopyData(buffer.takeBytes())
            #expect(flushes >= 3)
            #expect(try await connection.endCopyIn() == 30_000)
            let row = try await connection.query(
                "SELECT count(DISTINCT a) AS n, max(length(b)) AS longest FROM public.t")[0]
            #expect(try row.get("n") == 30_000)
            #expect(try row.get("longest") == 700_000)
        }
    }

    @Test("with fields that another buffer encoded before")
    func preencodedFields() async throws {
        try await withDatabase { connection async throws in
            try await connection.execute("CREATE TABLE public.t (a int, b int, c int)")
            let two: [UInt8] = [0, 0, 0, 4, 0, 0, 0, 7, 0xFF, 0xFF, 0xFF, 0xFF]
            var buffer = CopyBuffer()
            buffer.beginRow(columns: 3)
            buffer.append(int32: 1)
            buffer.append(fields: two)
            buffer.beginRow(columns: 3)
            buffer.append(fields: two.span)
            buffer.append(int32: 3)
            buffer.finish()
            try await connection.beginCopyIn("COPY public.t FROM STDIN WITH (FORMAT binary)")
            try await connection.putCopyData(buffer.takeBytes())
            try await connection.endCopyIn()
            let rows = try await connection.query("SELECT t::text FROM public.t t")
            #expect(try rows.map { try $0.get(0, as: String.self) } == ["(1,7,)", "(7,,3)"])
        }
    }

    @Test("that is aborted stores nothing and leaves the connection usable")
    func aborted() async throws {
        try await withDatabase { connection async throws in
            try await connection.execute("CREATE TABLE public.t (a text)")
            try await connection.beginCopyIn("COPY public.t FROM STDIN")
            try await connection.putCopyData(Array("one\ntwo\n".utf8))
            #expect(await postgresError { try await connection.query("SELECT 1") }?.kind == .usage)
            await connection.abortCopyIn("changed our mind")
            #expect(await connection.isUsable)
            #expect(try await connection.query("SELECT count(*) FROM public.t")[0].get(0) == 0)
        }
    }

    @Test("of bad data names table, line and column at its end, but not the value")
    func badData() async throws {
        try await withDatabase { connection async throws in
            try await connection.execute("CREATE TABLE public.t (a int, b int)")
            try await connection.beginCopyIn("COPY public.t FROM STDIN")
            try await connection.putCopyData(Array("1\t2\n3\thunter2\n".utf8))
            let error = await postgresError { try await connection.endCopyIn() }
            #expect(error?.sqlState == "22P02")
            #expect(error?.location == "COPY t, line 2, column b")
            #expect(error?.description.contains("hunter2") == false)
            #expect(await connection.isUsable)
        }
    }

    @Test("that the server refuses, or that is none, is an error at its start")
    func refused() async throws {
        try await withDatabase { connection async throws in
            let missing = await postgresError { try await connection.beginCopyIn("COPY public.nothing FROM STDIN") }
            #expect(missing?.sqlState == "42P01")
            #expect(await postgresError { try await connection.beginCopyIn("SELECT 1") }?.kind == .usage)
            #expect(await postgresError { try await connection.beginCopyOut("COPY t TO STDOUT \(1)") }?.kind == .usage)
            #expect(await postgresError { try await connection.endCopyIn() }?.kind == .usage)
            #expect(await connection.isUsable)
        }
    }

    @Test("whose server process is ended reports the server's last words and stores nothing")
    func serverGone() async throws {
        let configuration = try await TestCluster.shared.database()
        try await withConnection(to: configuration) { observer in
            try await observer.execute("CREATE TABLE public.t (a text)")
            try await withConnection(to: configuration) { connection in
                try await connection.beginCopyIn("COPY public.t FROM STDIN")
                let line = Array(repeatElement(UInt8(ascii: "z"), count: 999)) + [10]
                let buffer = Array(repeatElement(line, count: 256).joined())
                try await connection.putCopyData(buffer)
                let pid = await connection.backendPID
                try await observer.execute("SELECT pg_terminate_backend(\(pid))")
                let error = await postgresError {
                    for _ in 0..<10_000 { try await connection.putCopyData(buffer) }
                }
                #expect(error?.isTransient == true)
                #expect(await connection.isUsable == false)
            }
            #expect(try await observer.query("SELECT count(*) FROM public.t")[0].get(0) == 0)
        }
    }
}
