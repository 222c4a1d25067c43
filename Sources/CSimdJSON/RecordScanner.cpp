#include "CSimdJSON.h"
#include "RecordBlock.h"

#include <cstring>
#include <string>
#include <vector>

// A pushdown automaton over bytes that may stop at any byte and go on in the next window. Outside of records it
// checks the grammar; inside it only counts brackets and strings, 64 bytes at a time where there are so many: whole
// records are validated by the extractor.
namespace {
enum class Expect { value, value_or_end, key, key_or_end, colon, comma_or_end, nothing };
enum class Inside { structure, key, string, scalar, record, record_string, record_scalar };
constexpr size_t max_depth = 1024;

bool is_space(uint8_t byte) { return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t'; }
} // namespace

struct medallion_scanner {
    bool lines;
    std::vector<std::string> path;

    size_t record_start = SIZE_MAX; // in the window
    int bom = 0;                    // bytes of a byte order mark seen at the very start
    bool at_start = true;
    bool line_has_content = false; // counting only

    Expect expect = Expect::value;
    Inside inside = Inside::structure;
    bool escaped = false;
    std::vector<uint8_t> containers; // '{' or '['
    size_t matched = 0;              // reference tokens matched by the open containers
    bool next_matches = false;       // the key just read continues the path
    bool found = false;              // the value at the path was seen
    size_t records_depth = 0;        // containers.size() inside the array of records; 0 = not inside
    bool single = false;             // the record at hand is the object at the path itself
    size_t record_depth = 0;         // brackets open inside the record
    std::string key;

    void reset() {
        record_start = SIZE_MAX;
        bom = 0;
        at_start = true;
        line_has_content = false;
        expect = Expect::value;
        inside = Inside::structure;
        escaped = false;
        containers.clear();
        matched = 0;
        next_matches = path.empty();
        found = false;
        records_depth = 0;
        single = false;
        record_depth = 0;
        key.clear();
    }

    void value_ended() {
        expect = containers.empty() ? Expect::nothing : Expect::comma_or_end;
        inside = Inside::structure;
    }

    /// A value begins with `byte` at `at`. Returns an error code.
    int begin_value(uint8_t byte, size_t at) {
        bool is_record = records_depth != 0 && containers.size() == records_depth;
        bool is_target = false;
        if (!is_record && next_matches && !found && matched == path.size()) is_target = true;
        if (is_target && byte == '{') { is_record = true; single = true; found = true; }
        if (is_record) {
            if (byte == ',' || byte == ':' || byte == ']' || byte == '}') return MEDALLION_SCAN_UNEXPECTED;
            record_start = at;
            if (byte == '{' || byte == '[') { inside = Inside::record; record_depth = 1; }
            else if (byte == '"') { inside = Inside::record_string; record_depth = 0; }
            else { inside = Inside::record_scalar; }
            return MEDALLION_SCAN_OK;
        }
        if (is_target && byte != '[') return MEDALLION_SCAN_NOT_AN_ARRAY;
        switch (byte) {
        case '{':
        case '[':
            if (containers.size() >= max_depth) return MEDALLION_SCAN_TOO_DEEP;
            containers.push_back(byte);
            expect = byte == '{' ? Expect::key_or_end : Expect::value_or_end;
            if (is_target) { found = true; records_depth = containers.size(); }
            next_matches = false;
            return MEDALLION_SCAN_OK;
        case '"': inside = Inside::string; break;
        default:
            if (byte != '-' && byte != 't' && byte != 'f' && byte != 'n' && (byte < '0' || byte > '9'))
                return MEDALLION_SCAN_UNEXPECTED;
            inside = Inside::scalar;
        }
        if (next_matches && matched > 0) matched -= 1;
        next_matches = false;
        return MEDALLION_SCAN_OK;
    }

    int end_container(uint8_t byte) {
        if (containers.empty() || containers.back() != (byte == '}' ? '{' : '[')) return MEDALLION_SCAN_UNEXPECTED;
        if (records_depth == containers.size()) records_depth = 0;
        if (matched > 0 && containers.size() == matched + 1) matched -= 1;
        containers.pop_back();
        value_ended();
        return MEDALLION_SCAN_OK;
    }

    void key_ended() {
        // The container on the path is the one at depth matched + 1.
        if (!found && containers.size() == matched + 1 && matched < path.size() && key == path[matched]) {
            matched += 1;
            next_matches = true;
        }
        inside = Inside::structure;
        expect = Expect::colon;
    }

    /// Goes on inside a record by whole blocks; true where it ended before `at`.
    bool skip_blocks(const uint8_t *window, size_t &at, size_t to) {
        bool is_inside = inside == Inside::record || (inside == Inside::record_string && record_depth > 0);
        while (is_inside && !escaped && to - at >= record_block::length) {
            record_block block(window + at, inside == Inside::record_string);
            if (!block.is_plain) break;
            if (size_t end = block.end_of_record(record_depth)) {
                at += end;
                return true;
            }
            at += record_block::length;
            inside = block.ends_in_string ? Inside::record_string : Inside::record;
            escaped = block.ends_escaping;
        }
        return false;
    }

    int structure(uint8_t byte, size_t at) {
        if (is_space(byte)) return MEDALLION_SCAN_OK;
        switch (expect) {
        case Expect::value_or_end:
            if (byte == ']') return end_container(byte);
            [[fallthrough]];
        case Expect::value: return begin_value(byte, at);
        case Expect::key_or_end:
            if (byte == '}') return end_container(byte);
            [[fallthrough]];
        case Expect::key:
            if (byte != '"') return MEDALLION_SCAN_UNEXPECTED;
            inside = Inside::key;
            key.clear();
            return MEDALLION_SCAN_OK;
        case Expect::colon:
            if (byte != ':') return MEDALLION_SCAN_UNEXPECTED;
            expect = Expect::value;
            return MEDALLION_SCAN_OK;
        case Expect::comma_or_end:
            if (byte == ',') {
                expect = containers.back() == '{' ? Expect::key : Expect::value;
                return MEDALLION_SCAN_OK;
            }
            if (byte == '}' || byte == ']') return end_container(byte);
            return MEDALLION_SCAN_UNEXPECTED;
        case Expect::nothing: return MEDALLION_SCAN_UNEXPECTED;
        }
        return MEDALLION_SCAN_UNEXPECTED;
    }
};

extern "C" medallion_scanner *medallion_scanner_new(
    int lines, const char *const *tokens, const size_t *lengths, size_t count) {
    auto *scanner = new medallion_scanner();
    scanner->lines = lines != 0;
    for (size_t index = 0; index < count; index++) scanner->path.emplace_back(tokens[index], lengths[index]);
    scanner->reset();
    return scanner;
}

extern "C" void medallion_scanner_free(medallion_scanner *scanner) { delete scanner; }
extern "C" void medallion_scanner_reset(medallion_scanner *scanner) { scanner->reset(); }

extern "C" size_t medallion_scanner_keep(const medallion_scanner *scanner, size_t to) {
    return scanner->record_start == SIZE_MAX ? to : scanner->record_start;
}

extern "C" void medallion_scanner_shift(medallion_scanner *scanner, size_t distance) {
    if (scanner->record_start != SIZE_MAX) scanner->record_start -= distance;
}

/// Trims white space; false when nothing is left.
static bool trimmed(const uint8_t *window, size_t start, size_t end, medallion_record *record) {
    while (start < end && is_space(window[start])) start++;
    while (end > start && is_space(window[end - 1])) end--;
    *record = {static_cast<uint32_t>(start), static_cast<uint32_t>(end - start)};
    return end > start;
}

static size_t skip_byte_order_mark(medallion_scanner *scanner, const uint8_t *window, size_t from, size_t to) {
    static const uint8_t mark[3] = {0xEF, 0xBB, 0xBF};
    while (scanner->at_start && from < to) {
        if (scanner->bom < 3 && window[from] == mark[scanner->bom]) {
            scanner->bom++;
            from++;
        } else {
            scanner->at_start = false;
        }
    }
    return from;
}

static size_t scan_lines(
    medallion_scanner *scanner, const uint8_t *window, size_t from, size_t to, medallion_record *records,
    size_t capacity, size_t *scanned) {
    size_t count = 0;
    size_t at = from;
    while (at < to && count < capacity) {
        if (scanner->record_start == SIZE_MAX) scanner->record_start = at;
        auto *newline = static_cast<const uint8_t *>(memchr(window + at, '\n', to - at));
        if (newline == nullptr) { at = to; break; }
        size_t end = static_cast<size_t>(newline - window);
        if (trimmed(window, scanner->record_start, end, &records[count])) count++;
        scanner->record_start = SIZE_MAX;
        at = end + 1;
    }
    *scanned = at;
    return count;
}

extern "C" size_t medallion_scan(
    medallion_scanner *scanner, const uint8_t *window, size_t from, size_t to, medallion_record *records,
    size_t capacity, size_t *scanned, int *error) {
    auto &s = *scanner;
    *error = MEDALLION_SCAN_OK;
    from = skip_byte_order_mark(scanner, window, from, to);
    if (s.lines) return scan_lines(scanner, window, from, to, records, capacity, scanned);
    size_t count = 0;
    size_t at = from;
    auto record_ended = [&](size_t end) {
        records[count++] = {static_cast<uint32_t>(s.record_start), static_cast<uint32_t>(end - s.record_start)};
        s.record_start = SIZE_MAX;
        s.single = false;
        s.value_ended();
    };
    while (at < to && count < capacity) {
        if (s.skip_blocks(window, at, to)) { record_ended(at); continue; }
        if (at == to) break;
        uint8_t byte = window[at];
        switch (s.inside) {
        case Inside::structure:
            *error = s.structure(byte, at);
            if (*error != MEDALLION_SCAN_OK) { *scanned = at; return count; }
            at++;
            break;
        case Inside::key:
        case Inside::string:
        case Inside::record_string: {
            if (s.escaped) {
                if (s.inside == Inside::key) s.key.push_back(static_cast<char>(byte));
                s.escaped = false;
                at++;
                break;
            }
            size_t start = at;
            while (at < to && window[at] != '"' && window[at] != '\\') at++;
            if (s.inside == Inside::key) s.key.append(reinterpret_cast<const char *>(window + start), at - start);
            if (at == to) break;
            if (window[at] == '\\') {
                if (s.inside == Inside::key) s.key.push_back('\\');
                s.escaped = true;
                at++;
                break;
            }
            at++;
            if (s.inside == Inside::key) s.key_ended();
            else if (s.inside == Inside::string) s.value_ended();
            else if (s.record_depth == 0) record_ended(at);
            else s.inside = Inside::record;
            break;
        }
        case Inside::scalar:
            if (is_space(byte) || byte == ',' || byte == '}' || byte == ']') s.value_ended();
            else if (byte == '"' || byte == '{' || byte == '[' || byte == ':') {
                *error = MEDALLION_SCAN_UNEXPECTED;
                *scanned = at;
                return count;
            } else at++;
            break;
        case Inside::record_scalar:
            if (is_space(byte) || byte == ',' || byte == '}' || byte == ']') record_ended(at);
            else at++;
            break;
        case Inside::record: {
            while (at < to) {
                byte = window[at++];
                if (byte == '"') { s.inside = Inside::record_string; break; }
                if (byte == '{' || byte == '[') s.record_depth++;
                else if ((byte == '}' || byte == ']') && --s.record_depth == 0) { record_ended(at); break; }
            }
            break;
        }
        }
    }
    *scanned = at;
    return count;
}

extern "C" size_t medallion_scan_finish(
    medallion_scanner *scanner, const uint8_t *window, size_t to, medallion_record *record, int *error) {
    auto &s = *scanner;
    *error = MEDALLION_SCAN_OK;
    if (s.lines) {
        if (s.record_start == SIZE_MAX) return 0;
        size_t start = s.record_start;
        s.record_start = SIZE_MAX;
        return trimmed(window, start, to, record) ? 1 : 0;
    }
    if (s.inside == Inside::scalar && s.containers.empty()) s.value_ended();
    if (s.expect == Expect::nothing && s.inside == Inside::structure) {
        if (!s.found) *error = MEDALLION_SCAN_NO_RECORDS;
    } else if (s.containers.empty() && s.inside == Inside::structure) {
        *error = MEDALLION_SCAN_EMPTY;
    } else {
        *error = MEDALLION_SCAN_TRUNCATED;
    }
    return 0;
}

extern "C" size_t medallion_count_lines(medallion_scanner *scanner, const uint8_t *window, size_t to) {
    size_t count = 0;
    size_t from = skip_byte_order_mark(scanner, window, 0, to);
    while (from < to) {
        auto *newline = static_cast<const uint8_t *>(memchr(window + from, '\n', to - from));
        size_t end = newline == nullptr ? to : static_cast<size_t>(newline - window);
        while (!scanner->line_has_content && from < end) scanner->line_has_content = !is_space(window[from++]);
        if (newline == nullptr) break;
        count += scanner->line_has_content ? 1 : 0;
        scanner->line_has_content = false;
        from = end + 1;
    }
    return count;
}

extern "C" size_t medallion_count_last_line(medallion_scanner *scanner) { return scanner->line_has_content ? 1 : 0; }

extern "C" size_t medallion_container_end(const uint8_t *text, size_t length, size_t at) {
    size_t depth = 0;
    bool is_in_string = false;
    while (at < length) {
        if (length - at >= record_block::length) {
            record_block block(text + at, is_in_string);
            if (block.is_plain) {
                if (size_t end = block.end_of_record(depth)) return at + end;
                is_in_string = block.ends_in_string;
                at += record_block::length + (block.ends_escaping ? 1 : 0);
                continue;
            }
        }
        uint8_t byte = text[at++];
        if (is_in_string) {
            if (byte == '\\') at++;
            else if (byte == '"') is_in_string = false;
        } else if (byte == '"') {
            is_in_string = true;
        } else if (byte == '{' || byte == '[') {
            depth++;
        } else if ((byte == '}' || byte == ']') && --depth == 0) {
            return at;
        }
    }
    return length;
}
