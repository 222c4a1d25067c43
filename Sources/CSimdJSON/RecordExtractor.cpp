#include "CSimdJSON.h"

#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

// Every value of a record is visited, wanted or not: simdjson's first stage checks structure and UTF-8, this file
// checks what PostgreSQL's jsonb would refuse later (U+0000, lone surrogates, numbers out of range, deep nesting).
namespace {
using namespace simdjson;

struct child_name {
    std::string name;
    size_t place;
    bool is_plain; // stands in a text as it is, without escapes
};

struct node {
    int column = -1;
    std::vector<child_name> children;
    size_t expected = 0; // the child that follows the one seen last: members mostly come in the same order
};

bool is_space(char byte) { return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t'; }

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

int hex(const char *at) {
    int value = 0;
    for (int index = 0; index < 4; index++) {
        char c = at[index];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
                  : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

void append_utf8(std::string &out, unsigned code) {
    if (code < 0x80) { out.push_back(static_cast<char>(code)); return; }
    if (code < 0x800) { out.push_back(static_cast<char>(0xC0 | code >> 6)); }
    else if (code < 0x10000) {
        out.push_back(static_cast<char>(0xE0 | code >> 12));
        out.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3F)));
    } else {
        out.push_back(static_cast<char>(0xF0 | code >> 18));
        out.push_back(static_cast<char>(0x80 | (code >> 12 & 0x3F)));
        out.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3F)));
    }
    out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
}

/// Appends the unescaped content of a string token without its quotes; returns a record state.
int unescape(std::string_view raw, std::string &out) {
    for (size_t at = 0; at < raw.size();) {
        char c = raw[at];
        if (c != '\\') { out.push_back(c); at++; continue; }
        if (at + 1 >= raw.size()) return MEDALLION_RECORD_MALFORMED;
        char kind = raw[at + 1];
        at += 2;
        switch (kind) {
        case '"': out.push_back('"'); break;
        case '\\': out.push_back('\\'); break;
        case '/': out.push_back('/'); break;
        case 'b': out.push_back('\b'); break;
        case 'f': out.push_back('\f'); break;
        case 'n': out.push_back('\n'); break;
        case 'r': out.push_back('\r'); break;
        case 't': out.push_back('\t'); break;
        case 'u': {
            if (at + 4 > raw.size()) return MEDALLION_RECORD_MALFORMED;
            int unit = hex(raw.data() + at);
            if (unit < 0) return MEDALLION_RECORD_MALFORMED;
            at += 4;
            unsigned code = static_cast<unsigned>(unit);
            if (unit >= 0xDC00 && unit <= 0xDFFF) return MEDALLION_RECORD_LONE_SURROGATE;
            if (unit >= 0xD800 && unit <= 0xDBFF) {
                if (at + 6 > raw.size() || raw[at] != '\\' || raw[at + 1] != 'u') return MEDALLION_RECORD_LONE_SURROGATE;
                int low = hex(raw.data() + at + 2);
                if (low < 0xDC00 || low > 0xDFFF) return MEDALLION_RECORD_LONE_SURROGATE;
                at += 6;
                code = 0x10000 + ((static_cast<unsigned>(unit) - 0xD800) << 10) + (static_cast<unsigned>(low) - 0xDC00);
            }
            if (code == 0) return MEDALLION_RECORD_NUL;
            append_utf8(out, code);
            break;
        }
        default: return MEDALLION_RECORD_MALFORMED;
        }
    }
    return MEDALLION_RECORD_OK;
}

/// The grammar of RFC 8259, section 6, and the range of a double.
int check_number(std::string_view text, bool &is_odd) {
    size_t at = 0;
    auto digits = [&] { size_t start = at; while (at < text.size() && text[at] >= '0' && text[at] <= '9') at++; return at - start; };
    if (at < text.size() && text[at] == '-') at++;
    if (at < text.size() && text[at] == '0') at++;
    else if (digits() == 0) return MEDALLION_RECORD_MALFORMED;
    if (at < text.size() && text[at] == '.') { at++; if (digits() == 0) return MEDALLION_RECORD_MALFORMED; }
    bool exponent = false;
    if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
        exponent = true;
        at++;
        if (at < text.size() && (text[at] == '+' || text[at] == '-')) at++;
        if (digits() == 0) return MEDALLION_RECORD_MALFORMED;
    }
    if (at != text.size()) return MEDALLION_RECORD_MALFORMED;
    is_odd = exponent || (text.size() > 1 && text[0] == '-' && text[1] == '0');
    if (text.size() > 100000) return MEDALLION_RECORD_NUMBER;
    if (exponent || text.size() > 300) {
        double value = std::strtod(std::string(text).c_str(), nullptr);
        if (std::isinf(value)) return MEDALLION_RECORD_NUMBER;
        // Below the smallest double but not zero: jsonb keeps at most 16,383 digits behind the point.
        if (exponent && value == 0.0) {
            for (char c : text) {
                if (c == 'e' || c == 'E') break;
                if (c >= '1' && c <= '9') return MEDALLION_RECORD_NUMBER;
            }
        }
    }
    return MEDALLION_RECORD_OK;
}
} // namespace

/// A member of a record itself: its name without quotes and its value, in the window.
struct top_member {
    uint32_t name;
    uint32_t name_length;
    uint32_t value;
    uint32_t value_length;
    uint32_t place; // of its node; UINT32_MAX where no path wants it
};

struct medallion_extractor {
    std::vector<node> nodes{1};
    int columns = 0;
    int distinct = 0; // columns of different paths
    ondemand::parser parser;
    std::string arena;
    std::string scratch;
    std::vector<std::string> unknown;

    // The record at hand.
    const uint8_t *window = nullptr;
    size_t readable = 0;
    medallion_cell *cells = nullptr;
    bool has_escapes = false;
    bool has_odd_number = false;
    ondemand::document document;
    // Of all records of the extraction; record r has those from first_members[r] to first_members[r + 1].
    std::vector<top_member> top_members;
    std::vector<size_t> first_members;
    bool has_escaped_name = false;
    std::vector<char> sorted;
    // How the members of the last sorted record lay, by their nodes, and their order: most records are alike.
    std::vector<uint32_t> last_places;
    std::vector<uint32_t> last_order;
    // Paths not seen yet, where reading stops once there are none; else never 0.
    int unseen = -1;

    size_t child(size_t parent, std::string_view name) const {
        for (auto &child : nodes[parent].children)
            if (child.name == name) return child.place;
        return SIZE_MAX;
    }

    /// The child that is expected next, where its name stands at `raw` of the window; else NULL.
    const child_name *expected_child(size_t parent, const char *raw) {
        if (parent == SIZE_MAX || nodes[parent].children.empty()) return nullptr;
        node &at = nodes[parent];
        const child_name &next = at.children[at.expected];
        size_t length = next.name.size();
        if (!next.is_plain || in_window(raw) + length >= readable) return nullptr;
        if (raw[length] != '"' || memcmp(raw, next.name.data(), length) != 0) return nullptr;
        at.expected = at.expected + 1 == at.children.size() ? 0 : at.expected + 1;
        return &next;
    }

    /// The child of that name was seen; the one behind it is expected next.
    void expect_behind(size_t parent, size_t place) {
        if (place == SIZE_MAX) return;
        node &at = nodes[parent];
        for (size_t index = 0; index < at.children.size(); index++)
            if (at.children[index].place == place) at.expected = index + 1 == at.children.size() ? 0 : index + 1;
    }

    void note_unknown(std::string_view name) {
        for (auto &known : unknown)
            if (known == name) return;
        if (unknown.size() < 100) unknown.emplace_back(name);
    }

    uint32_t in_window(const char *at) const {
        return static_cast<uint32_t>(reinterpret_cast<const uint8_t *>(at) - window);
    }

    medallion_cell *cell(size_t place) {
        return place == SIZE_MAX || nodes[place].column < 0 ? nullptr : &cells[nodes[place].column];
    }

    int string_value(std::string_view token, medallion_cell *target) {
        token = trimmed(token);
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

    int scalar(std::string_view token, medallion_cell *target) {
        if (token.empty()) return MEDALLION_RECORD_MALFORMED;
        if (token.front() == '"') return string_value(token, target);
        token = trimmed(token);
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

    int member(ondemand::field field, size_t place, int depth) {
        const char *raw = field.key().raw();
        if (const child_name *known = expected_child(place, raw)) {
            note_member(raw, known->name.size(), known->place, depth);
            return value(field.value(), known->place, depth);
        }
        size_t length = 0;
        bool escaped = false;
        while (raw[length] != '"') {
            if (raw[length] == '\\') { escaped = true; length++; }
            length++;
        }
        std::string_view name(raw, length);
        size_t start = arena.size();
        if (escaped) {
            int state = unescape(name, arena);
            if (state != MEDALLION_RECORD_OK) return state;
            scratch.assign(arena, start, std::string::npos);
            arena.resize(start);
            name = scratch;
        }
        size_t next = place == SIZE_MAX ? SIZE_MAX : child(place, name);
        if (next == SIZE_MAX && place == 0) note_unknown(name);
        if (place != SIZE_MAX) expect_behind(place, next);
        if (escaped && depth == 1) has_escaped_name = true;
        note_member(raw, length, next, depth);
        return value(field.value(), next, depth);
    }

    void note_member(const char *name, size_t length, size_t place, int depth) {
        if (depth > 1 || unseen >= 0) return;
        uint32_t node = place == SIZE_MAX ? UINT32_MAX : static_cast<uint32_t>(place);
        top_members.push_back({in_window(name), static_cast<uint32_t>(length), 0, 0, node});
    }

    int members(ondemand::object object, size_t place, int depth) {
        for (auto field : object) {
            ondemand::field one;
            if (std::move(field).get(one)) return MEDALLION_RECORD_MALFORMED;
            int state = member(one, place, depth);
            if (state != MEDALLION_RECORD_OK || unseen == 0) return state;
        }
        return MEDALLION_RECORD_OK;
    }

    int elements(ondemand::array array, size_t place, int depth) {
        // A path may name an element by its index, as a JSON pointer does.
        bool is_named = place != SIZE_MAX && !nodes[place].children.empty();
        size_t index = 0;
        for (auto element : array) {
            ondemand::value one;
            if (std::move(element).get(one)) return MEDALLION_RECORD_MALFORMED;
            int state = value(one, is_named ? child(place, std::to_string(index)) : SIZE_MAX, depth);
            index++;
            if (state != MEDALLION_RECORD_OK || unseen == 0) return state;
        }
        return MEDALLION_RECORD_OK;
    }

    int value(ondemand::value value, size_t place, int depth) {
        medallion_cell *target = cell(place);
        if (target && target->kind != MEDALLION_MISSING) return MEDALLION_RECORD_DUPLICATE;
        std::string_view token = value.raw_json_token();
        if (token.empty()) return MEDALLION_RECORD_MALFORMED;
        if (token.front() != '{' && token.front() != '[') {
            int state = scalar(token, target);
            if (target) unseen--;
            if (depth == 1 && unseen < 0) note_value(trimmed(token));
            return state;
        }
        if (depth >= 128) return MEDALLION_RECORD_TOO_DEEP;
        int state;
        if (token.front() == '{') {
            ondemand::object object;
            if (value.get_object().get(object)) return MEDALLION_RECORD_MALFORMED;
            state = members(object, place, depth + 1);
        } else {
            ondemand::array array;
            if (value.get_array().get(array)) return MEDALLION_RECORD_MALFORMED;
            state = elements(array, place, depth + 1);
        }
        bool is_top = depth == 1 && unseen < 0;
        if (state != MEDALLION_RECORD_OK || unseen == 0 || (!target && !is_top)) return state;
        // The value ends before the next token.
        const char *next;
        if (document.current_location().get(next)) return MEDALLION_RECORD_MALFORMED;
        std::string_view text(token.data(), static_cast<size_t>(next - token.data()));
        while (!text.empty() && text.back() != '}' && text.back() != ']') text.remove_suffix(1);
        uint8_t kind = token.front() == '{' ? MEDALLION_OBJECT : MEDALLION_ARRAY;
        if (is_top) note_value(text);
        if (!target) return MEDALLION_RECORD_OK;
        unseen--;
        *target = {in_window(token.data()), static_cast<uint32_t>(text.size()), kind, 0};
        return MEDALLION_RECORD_OK;
    }

    void note_value(std::string_view text) {
        top_members.back().value = in_window(text.data());
        top_members.back().value_length = static_cast<uint32_t>(text.size());
    }

    int record(const medallion_record &place, size_t readable, bool stops_early) {
        unseen = stops_early ? distinct : -1;
        const char *start = reinterpret_cast<const char *>(window + place.start);
        if (place.length == 0) return MEDALLION_RECORD_MALFORMED;
        if (*start != '{') return MEDALLION_RECORD_NOT_AN_OBJECT;
        this->readable = readable;
        has_escapes = memchr(start, '\\', place.length) != nullptr;
        auto error = parser.iterate(padded_string_view(start, place.length, readable - place.start)).get(document);
        if (error) return error == UTF8_ERROR ? MEDALLION_RECORD_UTF8 : MEDALLION_RECORD_MALFORMED;
        ondemand::object object;
        if (document.get_object().get(object)) return MEDALLION_RECORD_MALFORMED;
        int state = members(object, 0, 1);
        if (state != MEDALLION_RECORD_OK || unseen == 0) return state;
        const char *rest;
        return document.current_location().get(rest) == OUT_OF_BOUNDS ? MEDALLION_RECORD_OK : MEDALLION_RECORD_MALFORMED;
    }
};

extern "C" medallion_extractor *medallion_extractor_new(void) { return new medallion_extractor(); }
extern "C" void medallion_extractor_free(medallion_extractor *extractor) { delete extractor; }

extern "C" void medallion_extractor_add(
    medallion_extractor *extractor, const char *const *tokens, const size_t *lengths, size_t count) {
    size_t place = 0;
    for (size_t index = 0; index < count; index++) {
        std::string name(tokens[index], lengths[index]);
        size_t next = extractor->child(place, name);
        if (next == SIZE_MAX) {
            next = extractor->nodes.size();
            extractor->nodes.emplace_back();
            bool is_plain = name.find_first_of("\"\\") == std::string::npos;
            extractor->nodes[place].children.push_back({name, next, is_plain});
        }
        place = next;
    }
    // Two columns of one path share its cell's column; the caller maps them.
    if (extractor->nodes[place].column < 0) {
        extractor->nodes[place].column = extractor->columns;
        extractor->distinct++;
    }
    extractor->columns++;
}

extern "C" void medallion_extract(
    medallion_extractor *extractor, const uint8_t *window, size_t readable, const medallion_record *records,
    size_t count, const uint8_t *wanted, int stops_early, medallion_cell *cells, uint8_t *states) {
    auto &e = *extractor;
    size_t columns = static_cast<size_t>(e.columns);
    e.arena.clear();
    e.window = window;
    e.top_members.clear();
    e.first_members.assign(count + 1, 0);
    for (size_t index = 0; index < count; index++) {
        e.first_members[index + 1] = e.first_members[index];
        if (wanted && !wanted[index]) continue;
        e.has_escaped_name = false;
        e.has_odd_number = false;
        e.cells = cells + index * columns;
        memset(e.cells, 0, columns * sizeof(medallion_cell));
        states[index] = static_cast<uint8_t>(e.record(records[index], readable, stops_early != 0));
        if (e.has_escaped_name || states[index] != MEDALLION_RECORD_OK) e.top_members.resize(e.first_members[index]);
        e.first_members[index + 1] = e.top_members.size();
        if (e.has_odd_number) states[index] |= MEDALLION_RECORD_ODD_NUMBER;
    }
}

namespace {
/// The places of a record's members in jsonb's order. Equal names keep their order: of two, jsonb takes the last.
void sort_members(medallion_extractor &e, const uint8_t *window, const top_member *members, size_t count) {
    bool is_alike = e.last_places.size() == count;
    for (size_t index = 0; index < count && is_alike; index++)
        is_alike = members[index].place != UINT32_MAX && members[index].place == e.last_places[index];
    if (is_alike) return;
    e.last_places.resize(count);
    e.last_order.resize(count);
    for (size_t index = 0; index < count; index++) {
        e.last_places[index] = members[index].place;
        e.last_order[index] = static_cast<uint32_t>(index);
    }
    std::sort(e.last_order.begin(), e.last_order.end(), [&](uint32_t left, uint32_t right) {
        const top_member &a = members[left], &b = members[right];
        if (a.name_length != b.name_length) return a.name_length < b.name_length;
        int order = memcmp(window + a.name, window + b.name, a.name_length);
        return order != 0 ? order < 0 : left < right;
    });
}
} // namespace

extern "C" const uint8_t *medallion_sorted_record(
    medallion_extractor *extractor, const uint8_t *window, size_t record, size_t *length) {
    auto &e = *extractor;
    if (record + 1 >= e.first_members.size() || e.first_members[record] == e.first_members[record + 1]) return nullptr;
    const top_member *members = e.top_members.data() + e.first_members[record];
    size_t count = e.first_members[record + 1] - e.first_members[record];
    sort_members(e, window, members, count);
    size_t size = 2;
    for (size_t index = 0; index < count; index++) size += members[index].name_length + members[index].value_length + 4;
    if (e.sorted.size() < size) e.sorted.resize(size * 2);
    char *out = e.sorted.data();
    for (size_t index = 0; index < count; index++) {
        const top_member &member = members[e.last_order[index]];
        *out++ = index == 0 ? '{' : ',';
        // The quotes stand around the name.
        size_t name = member.name_length + 2;
        if (member.value == member.name - 1 + name + 1) {
            memcpy(out, window + member.name - 1, name + 1 + member.value_length);
            out += name + 1 + member.value_length;
            continue;
        }
        memcpy(out, window + member.name - 1, name);
        out += name;
        *out++ = ':';
        memcpy(out, window + member.value, member.value_length);
        out += member.value_length;
    }
    *out++ = '}';
    *length = static_cast<size_t>(out - e.sorted.data());
    return reinterpret_cast<const uint8_t *>(e.sorted.data());
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
