#pragma once
#include <string>
#include <string_view>

// What a record's scalars may be, beyond what their first bytes say. Each returns one of MEDALLION_RECORD_*.

/// The text without white space behind it.
std::string_view trimmed(std::string_view text);

/// Appends the unescaped content of a string token without its quotes.
int unescape(std::string_view raw, std::string &out);

/// The grammar of RFC 8259, section 6, and the range of a double. `is_odd`: jsonb would show it in another notation.
int check_number(std::string_view text, bool &is_odd);
