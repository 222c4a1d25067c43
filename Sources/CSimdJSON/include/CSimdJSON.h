#pragma once
// The C face of two C++ pieces: a streaming scanner that finds where records begin and end, and an extractor that
// validates whole records with simdjson and reports the wanted values as spans. Nothing here allocates per record.
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A record's place in the window.
typedef struct {
    uint32_t start;
    uint32_t length;
} medallion_record;

// --- Scanner -------------------------------------------------------------------------------------------------

typedef struct medallion_scanner medallion_scanner;

enum {
    MEDALLION_SCAN_OK = 0,
    MEDALLION_SCAN_UNEXPECTED = 1,   // a byte that JSON does not allow there
    MEDALLION_SCAN_TRUNCATED = 2,    // the text ends inside a value
    MEDALLION_SCAN_NO_RECORDS = 3,   // nothing stands at the records path
    MEDALLION_SCAN_NOT_AN_ARRAY = 4, // what stands there is neither an array nor an object
    MEDALLION_SCAN_TOO_DEEP = 5,     // nesting above 1,024 outside of records
    MEDALLION_SCAN_EMPTY = 6,        // no JSON text at all
};

/// `lines` != 0: one record per line; else one JSON text with records at the path of `count` reference tokens.
medallion_scanner *medallion_scanner_new(
    int lines, const char *const *tokens, const size_t *lengths, size_t count);
void medallion_scanner_free(medallion_scanner *scanner);
/// Makes the scanner ready for another text.
void medallion_scanner_reset(medallion_scanner *scanner);
/// Scans window[from..<to]; stores at most `capacity` complete records. Returns how many, and in `scanned` where it
/// stopped: at `to`, or earlier when `records` is full. `error` is one of MEDALLION_SCAN_*.
size_t medallion_scan(
    medallion_scanner *scanner, const uint8_t *window, size_t from, size_t to, medallion_record *records,
    size_t capacity, size_t *scanned, int *error);
/// The text ended at `to`. Returns 1 when that completed a last record (a last line without newline).
size_t medallion_scan_finish(
    medallion_scanner *scanner, const uint8_t *window, size_t to, medallion_record *record, int *error);
/// Counts the lines with content that end in window[0..<to], when nobody wants their places.
size_t medallion_count_lines(medallion_scanner *scanner, const uint8_t *window, size_t to);
/// 1 when a last line with content lacks its newline.
size_t medallion_count_last_line(medallion_scanner *scanner);
/// Where the array or object that begins at `at` ends: behind its last bracket, or `length` where the text is cut.
size_t medallion_container_end(const uint8_t *text, size_t length, size_t at);
/// Where the unfinished record begins in the window; `to` when there is none.
size_t medallion_scanner_keep(const medallion_scanner *scanner, size_t to);
/// The window's bytes moved towards its start by `distance`.
void medallion_scanner_shift(medallion_scanner *scanner, size_t distance);

// --- Extractor -----------------------------------------------------------------------------------------------

typedef struct medallion_extractor medallion_extractor;

enum {
    MEDALLION_MISSING = 0,
    MEDALLION_NULL = 1,
    MEDALLION_FALSE = 2,
    MEDALLION_TRUE = 3,
    MEDALLION_NUMBER = 4,
    MEDALLION_STRING = 5, // unescaped
    MEDALLION_OBJECT = 6, // JSON text
    MEDALLION_ARRAY = 7,  // JSON text
};

/// A wanted value: `length` bytes at `offset` of the window, or of the arena when `in_arena` != 0.
typedef struct {
    uint32_t offset;
    uint32_t length;
    uint8_t kind;
    uint8_t in_arena;
} medallion_cell;

enum {
    MEDALLION_RECORD_OK = 0,
    MEDALLION_RECORD_MALFORMED = 1,      // not a JSON text
    MEDALLION_RECORD_NOT_AN_OBJECT = 2,  // a scalar, null or an array
    MEDALLION_RECORD_NUL = 3,            // U+0000 in a string or name
    MEDALLION_RECORD_LONE_SURROGATE = 4, // half of a surrogate pair
    MEDALLION_RECORD_NUMBER = 5,         // a number beyond the range of a double, or over 100,000 digits
    MEDALLION_RECORD_TOO_DEEP = 6,       // nesting above 128
    MEDALLION_RECORD_UTF8 = 7,           // bytes that are not UTF-8
    MEDALLION_RECORD_DUPLICATE = 8,      // a wanted name occurs twice
    /// Added to any of these: a wanted number is written with an exponent, or begins with -0.
    MEDALLION_RECORD_ODD_NUMBER = 128,
};

medallion_extractor *medallion_extractor_new(void);
void medallion_extractor_free(medallion_extractor *extractor);
/// Adds a wanted path of `count` member names; columns are numbered in the order of calls, from 0.
void medallion_extractor_add(
    medallion_extractor *extractor, const char *const *tokens, const size_t *lengths, size_t count);
/// Extracts `count` records of the window: cells[record * columns + column], states[record].
/// The records lie in the order of the window.
/// `wanted` has a byte for each record: those with 0 are left out, cells and state unset; NULL: all are wanted.
/// With `stops_early` a record is read only until each wanted path was seen; what stands behind is not checked.
void medallion_extract(
    medallion_extractor *extractor, const uint8_t *window, const medallion_record *records, size_t count,
    const uint8_t *wanted, int stops_early, medallion_cell *cells, uint8_t *states);
/// The text of a record of the last extraction (not one that stops early) with its members in the order in which jsonb
/// keeps them: by the length of their names, then bytewise. NULL where a name is escaped or the record was left out.
/// Holds until the next call.
const uint8_t *medallion_sorted_record(
    medallion_extractor *extractor, const uint8_t *window, size_t record, size_t *length);
/// Unescaped strings of the last extraction.
const uint8_t *medallion_arena(const medallion_extractor *extractor, size_t *length);
/// Names of top-level members that no path wants, at most 100, in the order of their first appearance.
size_t medallion_unknown_count(const medallion_extractor *extractor);
const uint8_t *medallion_unknown_name(const medallion_extractor *extractor, size_t index, size_t *length);

#ifdef __cplusplus
}
#endif
