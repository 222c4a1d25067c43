internal import CSimdJSON

/// Steps over whole arrays and objects, 64 bytes at a time.
public enum JSONContainer {
    /// Where the array or object that begins at `start` ends: behind its last bracket, or behind the text where it is cut.
    ///
    /// Its content must be valid JSON; of any other text the place means nothing, and is never beyond the text.
    public static func end(in text: [UInt8], from start: Int) -> Int {
        precondition(start >= 0)
        return unsafe text.withUnsafeBufferPointer { bytes in
            unsafe medallion_container_end(bytes.baseAddress, bytes.count, start)
        }
    }
}
