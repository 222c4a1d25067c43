#pragma once
#include "CSimdJSON.h"
#include "TokenIndex.h"

#include <string>
#include <string_view>
#include <vector>

struct child_name {
    std::string name;
    size_t place;
    bool is_plain; // stands in a text as it is, without escapes
};

/// A token of a wanted path, and where the paths go on from it.
struct path_node {
    int column = -1;
    std::vector<child_name> children;
    size_t expected = 0; // the child that follows the one seen last: members mostly come in the same order

    void expect_behind(size_t index) { expected = index + 1 == children.size() ? 0 : index + 1; }
    size_t child(std::string_view name) const;
    /// The child of that name, as `child`; the one behind it is expected next.
    size_t see(std::string_view name);
};

/// A member of a record itself: its name without quotes and its value, in the window.
struct top_member {
    uint32_t name;
    uint32_t name_length;
    uint32_t value;
    uint32_t value_length;
    uint32_t place; // of its node; UINT32_MAX where no path wants it
};

/// Every value of a record is visited, wanted or not: the token index checks UTF-8 and strings, the extractor the
/// grammar, and what PostgreSQL's jsonb would refuse later (U+0000, lone surrogates, numbers out of range, deep nesting).
struct medallion_extractor {
    std::vector<path_node> nodes{1};
    int columns = 0;
    int distinct = 0; // columns of different paths
    std::string arena;
    std::vector<std::string> unknown;
    // Of all records of the extraction; record r has those from first_members[r] to first_members[r + 1].
    std::vector<top_member> top_members;
    std::vector<size_t> first_members;
    // How the members of the last sorted record lay, by their nodes, and their order: most records are alike.
    std::vector<char> sorted;
    std::vector<uint32_t> last_places;
    std::vector<uint32_t> last_order;

    /// Reads neighbouring records with one index of tokens; each ends as if it had been read alone.
    void read_run(const medallion_record *records, size_t first, size_t end, uint8_t *states);

    // What the extraction was called with.
    const uint8_t *window = nullptr;
    medallion_cell *all_cells = nullptr;
    bool stops_early = false;

private:
    std::string scratch;
    token_index run_tokens, own_tokens;

    // The run at hand, and the record at hand in it.
    const char *text = nullptr;
    uint32_t base = 0;            // of `text` in the window
    const uint32_t *at = nullptr; // the next token
    uint32_t end = 0;             // of the record, in `text`
    medallion_cell *cells = nullptr;
    bool has_escapes = false;
    bool has_odd_number = false;
    bool has_escaped_name = false;
    // Paths not seen yet, where reading stops once there are none; else never 0.
    int unseen = -1;

    void enter(const uint8_t *start, const token_index &tokens);
    void forget(size_t index);
    int record(const medallion_record &place, bool may_escape);
    int read_alone(const medallion_record &place);
    int walk(uint32_t start);
    int members(size_t place, int depth);
    int member(size_t place, int depth);
    int elements(size_t place, int depth);
    int value(size_t place, int depth);
    int container(uint32_t start, size_t place, int depth, medallion_cell *target);
    int scalar(std::string_view token, medallion_cell *target);
    int string_value(std::string_view token, medallion_cell *target);

    const child_name *expected_child(size_t place, uint32_t name);
    void note_member(std::string_view name, size_t place, int depth);
    void note_value(std::string_view value);
    void note_unknown(std::string_view name);

    bool is_at_end() const { return *at >= end; }
    /// The scalar that begins there and ends before the next token.
    std::string_view token(uint32_t start) const;
    uint32_t in_window(const char *place) const { return base + static_cast<uint32_t>(place - text); }
    medallion_cell *cell(size_t place) {
        return place == SIZE_MAX || nodes[place].column < 0 ? nullptr : &cells[nodes[place].column];
    }
};
