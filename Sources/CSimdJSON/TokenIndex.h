#pragma once
#include <simdjson.h>

#include <algorithm>
#include <memory>

/// Where the tokens of a text begin: brackets, colons, commas, and the first bytes of scalars. simdjson's first stage
/// finds them; it refuses what is not UTF-8, control characters in strings, and a string without end.
class token_index {
    std::unique_ptr<simdjson::internal::dom_parser_implementation> stage;

public:
    simdjson::error_code read(const uint8_t *text, size_t length) {
        if (!stage || stage->capacity() < length) {
            stage.reset(); // before there is another one
            size_t capacity = std::max<size_t>(length, 64 << 10);
            auto error = simdjson::get_active_implementation()->create_dom_parser_implementation(capacity, 1, stage);
            if (error) return error;
        }
        return stage->stage1(text, length, simdjson::stage1_mode::regular);
    }

    // Of the text that was read last, without error:

    /// Where its tokens begin; behind the last one stands its length.
    const uint32_t *begin() const { return stage->structural_indexes.get(); }
    /// Where its last token begins.
    uint32_t last() const { return stage->structural_indexes[stage->n_structural_indexes - 1]; }
};
