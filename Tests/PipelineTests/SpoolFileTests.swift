import TestKit
import Testing

@testable import Pipeline

/// Bytes that are held, or written to a temporary file.
@Suite("A spool")
struct SpoolFileTests {
    /// Four pieces are held, a fifth one is not.
    private static let size = SpoolFile.mostHeld / 4

    private static func piece(_ number: Int) -> [UInt8] {
        [UInt8](repeating: UInt8(number + 1), count: size)
    }

    @discardableResult
    private func append(_ number: Int, to spool: SpoolFile) throws -> Int {
        try Self.piece(number).withUnsafeBytes { try spool.append($0) }
    }

    private func read(at place: Int, of spool: SpoolFile) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: Self.size) { buffer, count in
            try spool.read(UnsafeMutableRawBufferPointer(buffer), at: place)
            count = buffer.count
        }
    }

    @Test("makes no file for little, and none that has a name for much; both give back what they got")
    func pieces() throws {
        let folder = try TemporaryFolder()
        let spool = SpoolFile(in: folder.path)
        var places: [Int] = []
        for number in 0..<9 {
            places.append(try append(number, to: spool))
            for (number, place) in places.enumerated() {
                #expect(try read(at: place, of: spool) == Self.piece(number))
            }
            #expect(try folder.names() == [])
        }
        #expect(places == (0..<9).map { $0 * Self.size })
    }

    @Test("that cannot make its file says where, and still gives back what it held")
    func refused() throws {
        let folder = try TemporaryFolder()
        let spool = SpoolFile(in: folder.path + "/none")
        for number in 0..<4 { try append(number, to: spool) }
        let error = #expect(throws: StepError.self) { try append(4, to: spool) }
        #expect(error?.description.contains("\(folder.path)/none") == true)
        #expect(error?.isInfrastructure == true)
        for number in 0..<4 { #expect(try read(at: number * Self.size, of: spool) == Self.piece(number)) }
        // Once there is a place for it, it goes on.
        try folder.makeFolder("none")
        #expect(try append(4, to: spool) == 4 * Self.size)
        for number in 0..<5 { #expect(try read(at: number * Self.size, of: spool) == Self.piece(number)) }
    }
}
