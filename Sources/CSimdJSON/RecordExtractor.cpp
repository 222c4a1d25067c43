#include "RecordExtractor.h"

#include "Scalars.h"

#include <cstring>

namespace {
constexpr int largest_depth = 128;
/// Records whose tokens are found at once, in bytes: they and the tokens stay in the cache.
constexpr size_t largest_run = 128 << 10;
} // namespace

size_t path_node::child(std::string_view name) const {
    for (auto &child : children)
        if (child.name == name) return child.place;
    return SIZE_MAX;
}

size_t path_node::see(std::string_view name) {
    for (size_t index = 0; index < children.size(); index++) {
        if (children[index].name != name) continue;
        expect_behind(index);
        return children[index].place;
    }
    return SIZE_MAX;
}

// --- Runs of records -------------------------------------------------------------------------------------------

void medallion_extractor::enter(const uint8_t *start, const token_index &tokens) {
    text = reinterpret_cast<const char *>(start);
    base = static_cast<uint32_t>(start - window);
    at = tokens.begin();
}

void medallion_extractor::read_run(const medallion_record *records, size_t first, size_t end, uint8_t *states) {
    const uint8_t *start = window + records[first].start;
    size_t length = records[end - 1].start + records[end - 1].length - records[first].start;
    bool is_indexed = end - first > 1 && run_tokens.read(start, length) == simdjson::SUCCESS;
    bool may_escape = is_indexed && memchr(start, '\\', length) != nullptr;
    if (is_indexed) enter(start, run_tokens);
    for (size_t index = first; index < end; index++) {
        size_t known = top_members.size(), names = unknown.size();
        int state = MEDALLION_RECORD_MALFORMED;
        forget(index);
        if (is_indexed) state = record(records[index], may_escape);
        // A fault may be a neighbour's: the record is judged by itself.
        if (state != MEDALLION_RECORD_OK) {
            const uint32_t *next = at;
            top_members.resize(known);
            unknown.resize(names);
            forget(index);
            state = read_alone(records[index]);
            if (is_indexed) { enter(start, run_tokens); at = next; }
        }
        bool is_valid = state == MEDALLION_RECORD_OK;
        if (has_escaped_name || !is_valid) top_members.resize(known);
        first_members[index + 1] = top_members.size();
        states[index] = static_cast<uint8_t>(is_valid && has_odd_number ? MEDALLION_RECORD_ODD_NUMBER : state);
    }
}

/// Nothing is known of the record yet.
void medallion_extractor::forget(size_t index) {
    cells = all_cells + index * static_cast<size_t>(columns);
    memset(cells, 0, static_cast<size_t>(columns) * sizeof(medallion_cell));
    unseen = stops_early ? distinct : -1;
    has_escaped_name = false;
    has_odd_number = false;
}

int medallion_extractor::read_alone(const medallion_record &place) {
    const uint8_t *start = window + place.start;
    if (place.length == 0) return MEDALLION_RECORD_MALFORMED;
    if (*start != '{') return MEDALLION_RECORD_NOT_AN_OBJECT;
    auto error = own_tokens.read(start, place.length);
    if (error) return error == simdjson::UTF8_ERROR ? MEDALLION_RECORD_UTF8 : MEDALLION_RECORD_MALFORMED;
    if (start[own_tokens.last()] != '}') return MEDALLION_RECORD_MALFORMED;
    enter(start, own_tokens);
    return record(place, true);
}

/// Reads a record of which `at` is not past the tokens. `may_escape` is false where no record of the run has a backslash.
int medallion_extractor::record(const medallion_record &place, bool may_escape) {
    uint32_t start = place.start - base;
    end = start + place.length;
    if (place.length == 0 || text[start] != '{') return MEDALLION_RECORD_NOT_AN_OBJECT;
    has_escapes = may_escape && memchr(text + start, '\\', place.length) != nullptr;
    return walk(start);
}

// --- The grammar -----------------------------------------------------------------------------------------------

int medallion_extractor::walk(uint32_t start) {
    while (*at < start) at++;
    if (*at != start) return MEDALLION_RECORD_MALFORMED; // inside a neighbour's string
    at++;
    int state = members(0, 1);
    if (state != MEDALLION_RECORD_OK) return state;
    if (at[-1] != end - 1) {
        // Where reading stopped early, the record's last byte still tells that no string of it is open.
        if (unseen != 0) return MEDALLION_RECORD_MALFORMED;
        while (*at < end - 1) at++;
        if (*at != end - 1) return MEDALLION_RECORD_MALFORMED;
    }
    return text[end - 1] == '}' ? MEDALLION_RECORD_OK : MEDALLION_RECORD_MALFORMED;
}

int medallion_extractor::members(size_t place, int depth) {
    if (is_at_end()) return MEDALLION_RECORD_MALFORMED;
    if (text[*at] == '}') { at++; return MEDALLION_RECORD_OK; }
    while (true) {
        int state = member(place, depth);
        if (state != MEDALLION_RECORD_OK || unseen == 0) return state;
        if (is_at_end()) return MEDALLION_RECORD_MALFORMED;
        char next = text[*at++];
        if (next == '}') return MEDALLION_RECORD_OK;
        if (next != ',') return MEDALLION_RECORD_MALFORMED;
    }
}

int medallion_extractor::member(size_t place, int depth) {
    uint32_t start = *at;
    if (start >= end || text[start] != '"') return MEDALLION_RECORD_MALFORMED;
    at++;
    // A colon and a value follow the name.
    if (is_at_end() || text[at[0]] != ':' || at[1] >= end) return MEDALLION_RECORD_MALFORMED;
    if (const child_name *known = expected_child(place, start + 1)) {
        at++;
        note_member({text + start + 1, known->name.size()}, known->place, depth);
        return value(known->place, depth);
    }
    std::string_view name = token(start);
    at++;
    if (name.size() < 2 || name.back() != '"') return MEDALLION_RECORD_MALFORMED;
    name = name.substr(1, name.size() - 2);
    std::string_view plain = name;
    if (has_escapes && memchr(name.data(), '\\', name.size()) != nullptr) {
        scratch.clear();
        int state = unescape(name, scratch);
        if (state != MEDALLION_RECORD_OK) return state;
        plain = scratch;
        if (depth == 1) has_escaped_name = true;
    }
    size_t next = place == SIZE_MAX ? SIZE_MAX : nodes[place].see(plain);
    if (next == SIZE_MAX && place == 0) note_unknown(plain);
    note_member(name, next, depth);
    return value(next, depth);
}

/// The child that is expected next, where its name stands there; else NULL.
const child_name *medallion_extractor::expected_child(size_t place, uint32_t name) {
    if (place == SIZE_MAX || nodes[place].children.empty()) return nullptr;
    path_node &node = nodes[place];
    const child_name &next = node.children[node.expected];
    size_t length = next.name.size();
    if (!next.is_plain || name + length >= end || text[name + length] != '"') return nullptr;
    if (memcmp(text + name, next.name.data(), length) != 0) return nullptr;
    node.expect_behind(node.expected);
    return &next;
}

int medallion_extractor::elements(size_t place, int depth) {
    // A path may name an element by its index, as a JSON pointer does.
    bool is_named = place != SIZE_MAX && !nodes[place].children.empty();
    if (is_at_end()) return MEDALLION_RECORD_MALFORMED;
    if (text[*at] == ']') { at++; return MEDALLION_RECORD_OK; }
    for (size_t index = 0;; index++) {
        if (is_at_end()) return MEDALLION_RECORD_MALFORMED;
        int state = value(is_named ? nodes[place].child(std::to_string(index)) : SIZE_MAX, depth);
        if (state != MEDALLION_RECORD_OK || unseen == 0) return state;
        if (is_at_end()) return MEDALLION_RECORD_MALFORMED;
        char next = text[*at++];
        if (next == ']') return MEDALLION_RECORD_OK;
        if (next != ',') return MEDALLION_RECORD_MALFORMED;
    }
}

int medallion_extractor::value(size_t place, int depth) {
    medallion_cell *target = cell(place);
    if (target && target->kind != MEDALLION_MISSING) return MEDALLION_RECORD_DUPLICATE;
    uint32_t start = *at++;
    if (text[start] == '{' || text[start] == '[') return container(start, place, depth, target);
    std::string_view found = token(start);
    int state = scalar(found, target);
    if (target) unseen--;
    if (depth == 1) note_value(found);
    return state;
}

int medallion_extractor::container(uint32_t start, size_t place, int depth, medallion_cell *target) {
    if (depth >= largest_depth) return MEDALLION_RECORD_TOO_DEEP;
    bool is_object = text[start] == '{';
    int state = is_object ? members(place, depth + 1) : elements(place, depth + 1);
    if (state != MEDALLION_RECORD_OK || unseen == 0) return state;
    std::string_view found(text + start, at[-1] + 1 - start);
    if (depth == 1) note_value(found);
    if (!target) return MEDALLION_RECORD_OK;
    unseen--;
    uint8_t kind = is_object ? MEDALLION_OBJECT : MEDALLION_ARRAY;
    *target = {in_window(found.data()), static_cast<uint32_t>(found.size()), kind, 0};
    return MEDALLION_RECORD_OK;
}

std::string_view medallion_extractor::token(uint32_t start) const {
    return trimmed({text + start, std::min(*at, end) - start});
}

int medallion_extractor::scalar(std::string_view token, medallion_cell *target) {
    if (token.front() == '"') return string_value(token, target);
    uint8_t kind = MEDALLION_NUMBER;
    switch (token.front()) {
    case 'n': if (token == "null") kind = MEDALLION_NULL; break;
    case 't': if (token == "true") kind = MEDALLION_TRUE; break;
    case 'f': if (token == "false") kind = MEDALLION_FALSE; break;
    default: break;
    }
    if (kind == MEDALLION_NUMBER) {
        bool is_odd = false;
        int state = check_number(token, is_odd);
        if (state != MEDALLION_RECORD_OK) return state;
        if (is_odd && target) has_odd_number = true;
    }
    if (target) *target = {in_window(token.data()), static_cast<uint32_t>(token.size()), kind, 0};
    return MEDALLION_RECORD_OK;
}

int medallion_extractor::string_value(std::string_view token, medallion_cell *target) {
    if (token.size() < 2 || token.back() != '"') return MEDALLION_RECORD_MALFORMED;
    std::string_view content = token.substr(1, token.size() - 2);
    if (!has_escapes || memchr(content.data(), '\\', content.size()) == nullptr) {
        if (target) *target = {in_window(content.data()), static_cast<uint32_t>(content.size()), MEDALLION_STRING, 0};
        return MEDALLION_RECORD_OK;
    }
    size_t start = arena.size();
    int state = unescape(content, arena);
    if (state == MEDALLION_RECORD_OK && target)
        *target = {static_cast<uint32_t>(start), static_cast<uint32_t>(arena.size() - start), MEDALLION_STRING, 1};
    else
        arena.resize(start);
    return state;
}

void medallion_extractor::note_member(std::string_view name, size_t place, int depth) {
    if (depth > 1 || unseen >= 0) return;
    uint32_t node = place == SIZE_MAX ? UINT32_MAX : static_cast<uint32_t>(place);
    top_members.push_back({in_window(name.data()), static_cast<uint32_t>(name.size()), 0, 0, node});
}

void medallion_extractor::note_value(std::string_view value) {
    if (unseen >= 0) return;
    top_members.back().value = in_window(value.data());
    top_members.back().value_length = static_cast<uint32_t>(value.size());
}

void medallion_extractor::note_unknown(std::string_view name) {
    for (auto &known : unknown)
        if (known == name) return;
    if (unknown.size() < 100) unknown.emplace_back(name);
}

// --- The C face ------------------------------------------------------------------------------------------------

extern "C" medallion_extractor *medallion_extractor_new(void) { return new medallion_extractor(); }
extern "C" void medallion_extractor_free(medallion_extractor *extractor) { delete extractor; }

extern "C" void medallion_extractor_add(
    medallion_extractor *extractor, const char *const *tokens, const size_t *lengths, size_t count) {
    auto &nodes = extractor->nodes;
    size_t place = 0;
    for (size_t index = 0; index < count; index++) {
        std::string name(tokens[index], lengths[index]);
        size_t next = nodes[place].child(name);
        if (next == SIZE_MAX) {
            next = nodes.size();
            nodes.emplace_back();
            bool is_plain = name.find_first_of("\"\\") == std::string::npos;
            nodes[place].children.push_back({name, next, is_plain});
        }
        place = next;
    }
    // Two columns of one path share its cell's column; the caller maps them.
    if (nodes[place].column < 0) {
        nodes[place].column = extractor->columns;
        extractor->distinct++;
    }
    extractor->columns++;
}

extern "C" void medallion_extract(
    medallion_extractor *extractor, const uint8_t *window, const medallion_record *records, size_t count,
    const uint8_t *wanted, int stops_early, medallion_cell *cells, uint8_t *states) {
    auto &e = *extractor;
    e.window = window;
    e.all_cells = cells;
    e.stops_early = stops_early != 0;
    e.arena.clear();
    e.top_members.clear();
    e.first_members.assign(count + 1, 0);
    for (size_t first = 0, end; first < count; first = end) {
        end = first + 1;
        e.first_members[end] = e.top_members.size();
        if (wanted && !wanted[first]) continue;
        // Unwanted records lie between those that are wanted: such runs would be read for nothing.
        while (!wanted && end < count && records[end].start + records[end].length - records[first].start <= largest_run)
            end++;
        e.read_run(records, first, end, states);
    }
}

extern "C" const uint8_t *medallion_arena(const medallion_extractor *extractor, size_t *length) {
    *length = extractor->arena.size();
    return reinterpret_cast<const uint8_t *>(extractor->arena.data());
}

extern "C" size_t medallion_unknown_count(const medallion_extractor *extractor) { return extractor->unknown.size(); }

extern "C" const uint8_t *medallion_unknown_name(const medallion_extractor *extractor, size_t index, size_t *length) {
    *length = extractor->unknown[index].size();
    return reinterpret_cast<const uint8_t *>(extractor->unknown[index].data());
}
