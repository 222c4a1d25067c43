import Primitives
import TestKit
import Testing

@testable import Pipeline

/// Entries in partitions, some of them in a file, and how they are found there.
@Suite("Partitions of keys") struct KeyPartitionsTests {
    private func entries(_ count: Int, keys: Int, _ generator: inout SeededGenerator) -> [KeyEntry] {
        let known = (0..<keys).map { _ in UUIDValue(high: generator.next(), low: generator.next()) }
        return (0..<count).map { mark in
            KeyEntry(
                key: known[Int.random(in: 0..<keys, using: &generator)], document: UUIDValue.zero, mark: UInt64(mark))
        }
    }

    @Test(
        "give each entry back in the order in which it came, from memory and from the file",
        arguments: [0, 90, 40_000, 130_000])
    func read(count: Int) throws {
        var generator = SeededGenerator(seed: 7)
        let all = entries(count, keys: max(1, count / 2), &generator)
        var partitions = KeyPartitions(expecting: 0)
        for entry in all { try partitions.add(entry) }
        #expect(partitions.count == count)
        var found = 0
        var read: [KeyEntry] = []
        for partition in partitions.indices {
            try partitions.read(partition, into: &read)
            let size = UInt64(partitions.indices.count)
            let expected = all.filter { $0.key.high.multipliedFullWidth(by: size).high == UInt64(partition) }
            #expect(read.map(\.mark) == expected.map(\.mark))
            #expect(read.map(\.key) == expected.map(\.key))
            #expect(try partitions.entries(of: partition).map(\.mark) == read.map(\.mark))
            found += read.count
        }
        #expect(found == count)
    }

    @Test("find the first entry of a key, and tell which were taken, one partition after the other")
    func table() throws {
        var generator = SeededGenerator(seed: 11)
        var table = KeyTable()
        for count in [1, 5_000, 3, 0, 700] {
            let all = entries(count, keys: max(1, count / 3), &generator)
            var first: [UUIDValue: Int] = [:]
            table.empty(for: count)
            for place in all.indices {
                #expect(table.note(place, of: all) == first[all[place].key])
                first[all[place].key] = first[all[place].key] ?? place
            }
            for key in first.keys.filter({ $0.low.isMultiple(of: 2) }) {
                #expect(table.take(key, of: all) == first[key])
            }
            #expect(table.take(.zero, of: all) == nil)
            for (key, place) in first { #expect(table.isTaken(place) == key.low.isMultiple(of: 2)) }
        }
    }
}
