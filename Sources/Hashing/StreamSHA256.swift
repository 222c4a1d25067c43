internal import Dispatch
internal import Synchronization

/// SHA-256 over a long stream: behind the first megabytes it is computed on a thread of its own, while its caller goes on.
///
/// What is short costs no more than `SHA256`. At most four pieces wait; then `update` waits for the thread.
public final class StreamSHA256: @unchecked Sendable {  // behind `threshold` the digest is touched on the queue only
    /// From so many bytes on, the other thread computes.
    private static let threshold = 4 << 20

    private var digest = SHA256()
    private var count = 0
    private let queue = DispatchQueue(label: "medallion.sha256")
    private let places = DispatchSemaphore(value: 4)
    /// Memory for pieces costs more than copying them: it is used again.
    private let spare = Mutex<[Piece]>([])

    /// An empty digest.
    public init() {}

    /// Adds bytes.
    public func update(_ bytes: Span<UInt8>) {
        count += bytes.count
        guard count > Self.threshold else { return digest.update(bytes) }
        places.wait()
        let piece = spare.withLock { $0.popLast() } ?? Piece()
        unsafe bytes.withUnsafeBufferPointer { unsafe piece.bytes.append(contentsOf: $0) }
        queue.async {
            self.digest.update(piece.bytes.span)
            piece.bytes.removeAll(keepingCapacity: true)
            self.spare.withLock { $0.append(piece) }
            self.places.signal()
        }
    }

    /// The 32 bytes of the digest; starts again with an empty one.
    public func finish() -> [UInt8] {
        count = 0
        return queue.sync { digest.finish() }
    }
}

/// Bytes on their way to the other thread; touched by one of the two at a time.
private final class Piece: @unchecked Sendable {
    var bytes: [UInt8] = []
}
