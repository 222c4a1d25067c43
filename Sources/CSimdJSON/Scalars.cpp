#include "Scalars.h"

#include "CSimdJSON.h"

#include <cmath>
#include <cstdlib>

namespace {
bool is_space(char byte) { return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t'; }

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
} // namespace

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

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
