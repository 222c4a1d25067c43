internal import CXXHash
public import Primitives

/// XXH3, 128 bits: fast, not made against an adversary; for row and document hashes, never for keys.
///
/// Source: https://github.com/Cyan4973/xxHash/blob/v0.8.1/doc/xxhash_spec.md; canonical big-endian order.
public enum XXH3 {
    /// The hash of `bytes`.
    public static func hash128(_ bytes: Span<UInt8>) -> UUIDValue {
        let hash = unsafe bytes.withUnsafeBytes { unsafe XXH3_128bits($0.baseAddress, $0.count) }
        return UUIDValue(high: hash.high64, low: hash.low64)
    }
}
