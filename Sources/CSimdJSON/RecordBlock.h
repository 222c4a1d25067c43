#pragma once
#include <cstddef>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/// 64 bytes inside a record, as masks with a bit for each byte: where strings and brackets are.
struct record_block {
    static constexpr size_t length = 64;

    /// False where the bytes must be read one by one: a backslash outside of strings, which no JSON has, or no SSE2.
    bool is_plain = false;
    /// True where the last byte is inside a string, and where it is a backslash that escapes the next byte.
    bool ends_in_string = false;
    bool ends_escaping = false;

    record_block(const uint8_t *bytes, bool begins_in_string) {
        uint64_t quotes = 0, backslashes = 0;
        if (!read(bytes, quotes, backslashes)) return;
        uint64_t escaping = 0;
        for (uint64_t left = backslashes; left != 0;) {
            int place = __builtin_ctzll(left);
            uint64_t bit = uint64_t(1) << place;
            escaping |= bit;
            quotes &= ~(bit << 1);
            left &= ~(bit | bit << 1);
            ends_escaping = place == length - 1;
        }
        uint64_t strings = parity(quotes) ^ (begins_in_string ? ~uint64_t(0) : 0);
        is_plain = (escaping & ~strings) == 0;
        ends_in_string = strings >> (length - 1) != 0;
        opening &= ~strings;
        closing &= ~strings;
    }

    /// How many bytes belong to a record of which so many brackets are open; 0 where it goes on behind the block, with
    /// `depth` brackets open then.
    size_t end_of_record(size_t &depth) const {
        for (uint64_t left = opening | closing; left != 0; left &= left - 1) {
            uint64_t bit = left & -left;
            if (opening & bit) depth++;
            else if (--depth == 0) return static_cast<size_t>(__builtin_ctzll(bit)) + 1;
        }
        return 0;
    }

private:
    uint64_t opening = 0;
    uint64_t closing = 0;

    /// Each bit: whether the number of bits up to and with it is odd.
    static uint64_t parity(uint64_t bits) {
        for (int distance = 1; distance < 64; distance *= 2) bits ^= bits << distance;
        return bits;
    }

    bool read(const uint8_t *bytes, uint64_t &quotes, uint64_t &backslashes) {
#if defined(__SSE2__)
        for (int part = 0; part < 4; part++) {
            __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i *>(bytes + part * 16));
            // `[` and `{` differ in one bit, as `]` and `}` do.
            __m128i curled = _mm_or_si128(text, _mm_set1_epi8(0x20));
            auto mask = [&](__m128i from, char byte) {
                return uint64_t(_mm_movemask_epi8(_mm_cmpeq_epi8(from, _mm_set1_epi8(byte)))) << (part * 16);
            };
            quotes |= mask(text, '"');
            backslashes |= mask(text, '\\');
            opening |= mask(curled, '{');
            closing |= mask(curled, '}');
        }
        return true;
#else
        (void)bytes, (void)quotes, (void)backslashes;
        return false;
#endif
    }
};
