internal import CXXHash
public import Primitives

/// XXH3, 128 bits, over a stream: `XXH3.hash128` of all that was added.
@safe public final class StreamXXH3: @unchecked Sendable {  // whoever holds the stream touches it alone
    private let state: OpaquePointer

    /// The hash of nothing yet.
    public init() {
        guard let made = unsafe XXH3_createState() else { fatalError("no memory for the state of a hash") }
        unsafe state = made
        unsafe XXH3_128bits_reset(state)
    }

    deinit { unsafe XXH3_freeState(state) }

    /// Adds bytes.
    public func update(_ bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBytes { _ = unsafe XXH3_128bits_update(state, $0.baseAddress, $0.count) }
    }

    /// The hash of all that was added.
    public var hash: UUIDValue {
        let hash = unsafe XXH3_128bits_digest(state)
        return UUIDValue(high: hash.high64, low: hash.low64)
    }
}
