/* Walks over compact JSON without making anything of it; it never reads past the end it is given and never allocates.
 *
 * Every function takes what it accepts and answers true, or answers false at the first byte that is not plainly
 * canonical. False does not mean "invalid": it means "let the reader in Python decide". So each function may be
 * stricter than JSON, and none may be laxer.
 */

#ifndef CCLEDGER_JSON_H
#define CCLEDGER_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#define BLOCK 16
#else
#define BLOCK 8
#endif

/* Deeper values are left to Python, which has a limit of its own and says what happens there. */
#define DEEPEST 64
/* A number that is passed over may have as many digits, so that no reader can find it too large. */
#define MOST_DIGITS 15

typedef struct {
    const char *at;
    const char *end;
} Cursor;

/* Bytes inside the buffer; `at` is NULL where there is no text. */
typedef struct {
    const char *at;
    size_t size;
} Text;

#define IS(text, word) ((text).size == sizeof(word) - 1 && memcmp((text).at, word, sizeof(word) - 1) == 0)

static inline bool same_text(Text a, Text b) {
    return a.size == b.size && (a.at == NULL) == (b.at == NULL) && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}

static inline bool take(Cursor *cursor, char wanted) {
    if (cursor->at == cursor->end || *cursor->at != wanted) {
        return false;
    }
    cursor->at++;
    return true;
}

static inline bool peek(const Cursor *cursor, char wanted) {
    return cursor->at < cursor->end && *cursor->at == wanted;
}

static inline bool is_special(unsigned char byte, bool ascii_only) {
    return byte == '"' || byte == '\\' || byte < 0x20 || (ascii_only && byte >= 0x80);
}

/* -- Blocks: how many bytes at the start of a block have nothing special. The two versions answer the same. */

#if BLOCK == 16

static inline int plain_bytes(const char *at, bool ascii_only) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)at);
    __m128i special = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    special = _mm_or_si128(special, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')));
    special = _mm_or_si128(special, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
    int bits = _mm_movemask_epi8(ascii_only ? _mm_or_si128(special, bytes) : special);
    return bits == 0 ? BLOCK : __builtin_ctz((unsigned)bits);
}

#else

static inline int plain_bytes(const char *at, bool ascii_only) {
    int count = 0;
    while (count < BLOCK && !is_special((unsigned char)at[count], ascii_only)) {
        count++;
    }
    return count;
}

#endif

/* Moves to the next byte of a string that is special, which may be its end. */
static inline bool to_special(Cursor *cursor, bool ascii_only) {
    while (cursor->end - cursor->at >= BLOCK) {
        int count = plain_bytes(cursor->at, ascii_only);
        cursor->at += count;
        if (count < BLOCK) {
            return true;
        }
    }
    for (; cursor->at < cursor->end; cursor->at++) {
        if (is_special((unsigned char)*cursor->at, ascii_only)) {
            return true;
        }
    }
    return false;
}

/* -- Strings */

static inline int hex_value(char byte) {
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* The four digits of an escaped character. Halves of a pair are left to Python: they may lack the other half. */
static inline bool skip_code_point(Cursor *cursor) {
    if (cursor->end - cursor->at < 4) {
        return false;
    }
    int code = 0;
    for (int digit = 0; digit < 4; digit++) {
        int value = hex_value(*cursor->at++);
        if (value < 0) {
            return false;
        }
        code = code << 4 | value;
    }
    return code < 0xd800 || code > 0xdfff;
}

static inline bool skip_escape(Cursor *cursor) {
    if (cursor->end - cursor->at < 2) {
        return false;
    }
    char kind = cursor->at[1];
    cursor->at += 2;
    switch (kind) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return true;
    case 'u':
        return skip_code_point(cursor);
    default:
        return false;
    }
}

/* A string that nobody asks for: any text, as long as its escapes are sound. */
static inline bool skip_string(Cursor *cursor) {
    if (!take(cursor, '"')) {
        return false;
    }
    while (to_special(cursor, false)) {
        if (*cursor->at == '"') {
            cursor->at++;
            return true;
        }
        if (*cursor->at != '\\' || !skip_escape(cursor)) {
            return false;
        }
    }
    return false;
}

/* A string that is kept: ASCII without escapes, so that its bytes are its text. */
static inline bool read_text(Cursor *cursor, Text *text) {
    if (!take(cursor, '"')) {
        return false;
    }
    text->at = cursor->at;
    if (!to_special(cursor, true) || *cursor->at != '"') {
        return false;
    }
    text->size = (size_t)(cursor->at - text->at);
    cursor->at++;
    return true;
}

/* -- Numbers and words */

static inline bool skip_word(Cursor *cursor, const char *word, size_t size) {
    if ((size_t)(cursor->end - cursor->at) < size || memcmp(cursor->at, word, size) != 0) {
        return false;
    }
    cursor->at += size;
    return true;
}

#define SKIP_WORD(cursor, word) skip_word(cursor, word, sizeof(word) - 1)

static inline int skip_digits(Cursor *cursor) {
    const char *start = cursor->at;
    while (cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9') {
        cursor->at++;
    }
    return cursor->at - start > MOST_DIGITS ? 0 : (int)(cursor->at - start);
}

static inline bool skip_number(Cursor *cursor) {
    if (peek(cursor, '-')) {
        cursor->at++;
    }
    bool zero = peek(cursor, '0');
    int digits = skip_digits(cursor);
    if (digits == 0 || (zero && digits > 1)) {
        return false;
    }
    if (peek(cursor, '.')) {
        cursor->at++;
        return skip_digits(cursor) > 0;
    }
    return true;
}

/* A whole number from 0 to `limit`, or null, which leaves the number as it is. */
static inline bool read_count(Cursor *cursor, int64_t limit, int64_t *number) {
    if (peek(cursor, 'n')) {
        return SKIP_WORD(cursor, "null");
    }
    bool zero = peek(cursor, '0');
    const char *start = cursor->at;
    int digits = skip_digits(cursor);
    if (digits == 0 || (zero && digits > 1)) {
        return false;
    }
    int64_t value = 0;
    for (; start < cursor->at; start++) {
        value = value * 10 + (*start - '0');
    }
    *number = value;
    return value <= limit;
}

static inline bool read_text_or_null(Cursor *cursor, Text *text) {
    return peek(cursor, 'n') ? SKIP_WORD(cursor, "null") : read_text(cursor, text);
}

/* -- Values */

static bool skip_value(Cursor *cursor, int depth);

static bool skip_list(Cursor *cursor, int depth) {
    if (!take(cursor, '[') || depth == DEEPEST) {
        return false;
    }
    if (take(cursor, ']')) {
        return true;
    }
    do {
        if (!skip_value(cursor, depth + 1)) {
            return false;
        }
    } while (take(cursor, ','));
    return take(cursor, ']');
}

static bool skip_object(Cursor *cursor, int depth) {
    if (!take(cursor, '{') || depth == DEEPEST) {
        return false;
    }
    if (take(cursor, '}')) {
        return true;
    }
    do {
        if (!skip_string(cursor) || !take(cursor, ':') || !skip_value(cursor, depth + 1)) {
            return false;
        }
    } while (take(cursor, ','));
    return take(cursor, '}');
}

static bool skip_value(Cursor *cursor, int depth) {
    if (cursor->at == cursor->end) {
        return false;
    }
    switch (*cursor->at) {
    case '"':
        return skip_string(cursor);
    case '{':
        return skip_object(cursor, depth);
    case '[':
        return skip_list(cursor, depth);
    case 't':
        return SKIP_WORD(cursor, "true");
    case 'f':
        return SKIP_WORD(cursor, "false");
    case 'n':
        return SKIP_WORD(cursor, "null");
    default:
        return skip_number(cursor);
    }
}

/* Reads the value of one field, having been told the field's name. */
typedef bool (*Field)(Cursor *cursor, Text name, void *into);

/* An object whose names are plain text. A name that is not could still spell one that is asked for. */
static inline bool read_object(Cursor *cursor, Field field, void *into) {
    if (!take(cursor, '{')) {
        return false;
    }
    if (take(cursor, '}')) {
        return true;
    }
    do {
        Text name;
        if (!read_text(cursor, &name) || !take(cursor, ':') || !field(cursor, name, into)) {
            return false;
        }
    } while (take(cursor, ','));
    return take(cursor, '}');
}

/* -- Searching */

static inline const char *last_newline(const char *start, const char *end) {
#if BLOCK == 16
    for (; end - start >= BLOCK; end -= BLOCK) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(end - BLOCK));
        int bits = _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n')));
        if (bits != 0) {
            return end - BLOCK + (31 - __builtin_clz((unsigned)bits));
        }
    }
#endif
    while (end > start) {
        if (*--end == '\n') {
            return end;
        }
    }
    return NULL;
}

#define MARKER "\"usage\""
#define MARKER_SIZE (sizeof(MARKER) - 1)
/* Where in the marker two bytes stand that are rarely at this distance in other text (measured). */
#define RARE 4
#define RARER 6

enum { STRIDE = 128 };

/* Compiled twice where the loader can choose: for any processor, and for one with wider registers. */
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__)
#define WIDE __attribute__((target_clones("avx2", "default"), optimize("O3")))
#else
#define WIDE
#endif

/* Passes over strides in which no marker begins: a loop so plain that compilers turn it into wide comparisons. */
WIDE static const char *skip_strides(const char *at, const char *end) {
    for (; end - at >= STRIDE + (int)MARKER_SIZE; at += STRIDE) {
        char found = 0;
        for (int place = 0; place < STRIDE; place++) {
            found |= (at[place + RARE] == MARKER[RARE]) & (at[place + RARER] == MARKER[RARER]);
        }
        if (found) {
            break;
        }
    }
    return at;
}

/* A marker that begins in a whole stride. */
static inline const char *find_in_stride(const char *at) {
    const char *stop = at + STRIDE;
#if BLOCK == 16
    for (; at < stop; at += BLOCK) {
        __m128i rare = _mm_loadu_si128((const __m128i *)(at + RARE));
        __m128i rarer = _mm_loadu_si128((const __m128i *)(at + RARER));
        __m128i both = _mm_and_si128(_mm_cmpeq_epi8(rare, _mm_set1_epi8(MARKER[RARE])),
                                     _mm_cmpeq_epi8(rarer, _mm_set1_epi8(MARKER[RARER])));
        for (int bits = _mm_movemask_epi8(both); bits != 0; bits &= bits - 1) {
            const char *found = at + __builtin_ctz((unsigned)bits);
            if (memcmp(found, MARKER, MARKER_SIZE) == 0) {
                return found;
            }
        }
    }
#endif
    for (; at < stop; at++) {
        if (at[RARE] == MARKER[RARE] && memcmp(at, MARKER, MARKER_SIZE) == 0) {
            return at;
        }
    }
    return NULL;
}

static inline const char *find_marker(const char *at, const char *end) {
    for (at = skip_strides(at, end); end - at >= STRIDE + (int)MARKER_SIZE; at = skip_strides(at + STRIDE, end)) {
        const char *found = find_in_stride(at);
        if (found != NULL) {
            return found;
        }
    }
    for (; end - at >= (int)MARKER_SIZE; at++) {
        if (memcmp(at, MARKER, MARKER_SIZE) == 0) {
            return at;
        }
    }
    return NULL;
}

#endif
