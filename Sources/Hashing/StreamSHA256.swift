internal import Dispatch

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

    /// An empty digest.
    public init() {}

    /// Adds bytes.
    public func update(_ bytes: Span<UInt8>) {
        count += bytes.count
        guard count > Self.threshold else { return digest.update(bytes) }
        let piece = unsafe bytes.withUnsafeBufferPointer { unsafe Array($0) }
        places.wait()
        queue.async {
            self.digest.update(piece.span)
            self.places.signal()
        }
    }

    /// The 32 bytes of the digest; starts again with an empty one.
    public func finish() -> [UInt8] {
        count = 0
        return queue.sync { digest.finish() }
    }
}
