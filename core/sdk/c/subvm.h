/*
 * subvm.h: contracts for subvm in C (or C++), in one header. Freestanding: no libc, no allocation.
 *
 *   clang --target=wasm32 -O2 -std=c11 -nostdlib -mbulk-memory -Wl,--no-entry -Wl,--stack-first -Wl,-z,stack-size=16384 \
 *         -Wl,--gc-sections -Wl,--strip-debug -o contract.wasm contract.c
 *
 * (zig cc: --target=wasm32-freestanding, and without --stack-first, which it does anyway.) The stack lies below all data, so that what goes
 * too deep traps; each page of memory that a module declares is paid for, so it is small.
 *
 * A contract is a function `_start`:
 *
 *   #include "subvm.h"
 *   SUBVM_EXPORT("_start") void start(void) {
 *       subvm_message message = subvm_read_message();
 *       subvm_reader call = message.call;                       // {"method": "add", "n": 5}
 *       if (subvm_is_method(&message, "add")) {
 *           subvm_enter(&call);
 *           subvm_skip_field(&call, "method");
 *           uint64_t n = subvm_field_u64(&call, "n");
 *           subvm_end(&call);                                   // whatever was wrong ends the run here, with a text that names it
 *           ...
 *       }
 *   }
 *
 * Parts: calldata is written (subvm_writer) and read (subvm_reader) in order, maps with keys ascending by their bytes; both notice what is
 * wrong and go on harmlessly, so that errors are looked at once, at the end. Calls of the host (genlayer_sdk, and what is needed of WASI)
 * are below them, then storage in the layout of subvm-sdk, then messages, events, other contracts.
 *
 * Specification: docs/spec/calldata.md, docs/spec/sdk.md, docs/spec/gas.md. Layout of storage: core/sdk/src/storage/mod.rs.
 *
 * Everything is `static`: what a contract does not use is not in it. Outside of WebAssembly, calldata and BLAKE3 compile alone.
 */
#ifndef SUBVM_H
#define SUBVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SUBVM_EXPORT(name) __attribute__((export_name(name), visibility("default")))
#define SUBVM_FN static __attribute__((unused))

/* Containers within one another, and bits of an integer: docs/spec/calldata.md. */
#define SUBVM_DEPTH 128
#define SUBVM_INT_BITS 65536

/* ---- bytes ---- */

/* Some bytes of somebody else's. */
typedef struct {
    const uint8_t *at;
    size_t len;
} subvm_bytes;

/* An account or a contract. */
typedef struct {
    uint8_t bytes[20];
} subvm_address;

/* 32 bytes: a slot of storage, a topic, 256 bits with the lowest byte first. */
typedef struct {
    uint8_t bytes[32];
} subvm_word;

SUBVM_FN void subvm_copy(void *to, const void *from, size_t len) {
    for (size_t i = 0; i < len; i++) ((uint8_t *)to)[i] = ((const uint8_t *)from)[i];
}

SUBVM_FN size_t subvm_len(const char *text) {
    size_t len = 0;
    while (text[len]) len++;
    return len;
}

SUBVM_FN subvm_bytes subvm_text(const char *text) {
    subvm_bytes bytes = {(const uint8_t *)text, subvm_len(text)};
    return bytes;
}

/* Below 0, 0 or above 0, as a is before, the same as, or after b, byte by byte. */
SUBVM_FN int subvm_compare(subvm_bytes a, subvm_bytes b) {
    for (size_t i = 0; i < a.len && i < b.len; i++)
        if (a.at[i] != b.at[i]) return a.at[i] < b.at[i] ? -1 : 1;
    return a.len == b.len ? 0 : a.len < b.len ? -1 : 1;
}

/* ---- integers of 128 bits: amounts ---- */

typedef struct {
    uint64_t low, high;
} subvm_u128;

SUBVM_FN subvm_u128 subvm_wide(uint64_t n) {
    subvm_u128 wide = {n, 0};
    return wide;
}

/* Adds; false, and nothing happens, where the sum has more than 128 bits. */
SUBVM_FN bool subvm_add(subvm_u128 *to, subvm_u128 n) {
    uint64_t low = to->low + n.low, carry = low < n.low;
    uint64_t high = to->high + n.high;
    if (high < n.high || high + carry < carry) return false;
    to->low = low;
    to->high = high + carry;
    return true;
}

/* Subtracts; false, and nothing happens, where there is not so much. */
SUBVM_FN bool subvm_sub(subvm_u128 *from, subvm_u128 n) {
    if (from->high < n.high || (from->high == n.high && from->low < n.low)) return false;
    uint64_t borrow = from->low < n.low;
    from->low -= n.low;
    from->high -= n.high + borrow;
    return true;
}

/* ---- calldata, written ---- */

/* Writes to a buffer of the caller's. What has no room is not written, and `full` says so. */
typedef struct {
    uint8_t *at;
    size_t len, cap;
    bool full;
} subvm_writer;

SUBVM_FN subvm_writer subvm_writing(void *buffer, size_t cap) {
    subvm_writer to = {(uint8_t *)buffer, 0, cap, false};
    return to;
}

/* What was written. */
SUBVM_FN subvm_bytes subvm_written(const subvm_writer *to) {
    subvm_bytes bytes = {to->at, to->len};
    return bytes;
}

/* What is encoded already. */
SUBVM_FN void subvm_write_raw(subvm_writer *to, subvm_bytes bytes) {
    if (bytes.len > to->cap - to->len) {
        to->full = true;
        return;
    }
    subvm_copy(to->at + to->len, bytes.at, bytes.len);
    to->len += bytes.len;
}

SUBVM_FN void subvm_write_byte(subvm_writer *to, uint8_t byte) {
    subvm_bytes one = {&byte, 1};
    subvm_write_raw(to, one);
}

/* Groups of seven bits, the lowest first. */
SUBVM_FN void subvm_write_uleb(subvm_writer *to, uint64_t n) {
    for (; n >= 0x80; n >>= 7) subvm_write_byte(to, (uint8_t)(n | 0x80));
    subvm_write_byte(to, (uint8_t)n);
}

/* A payload above the three bits of its kind. */
SUBVM_FN void subvm_write_head(subvm_writer *to, uint8_t kind, subvm_u128 payload) {
    uint8_t group = (uint8_t)((payload.low & 0xf) << 3 | kind);
    payload.low = payload.low >> 4 | payload.high << 60;
    payload.high >>= 4;
    while (payload.low || payload.high) {
        subvm_write_byte(to, group | 0x80);
        group = payload.low & 0x7f;
        payload.low = payload.low >> 7 | payload.high << 57;
        payload.high >>= 7;
    }
    subvm_write_byte(to, group);
}

SUBVM_FN void subvm_write_null(subvm_writer *to) { subvm_write_byte(to, 0); }

SUBVM_FN void subvm_write_bool(subvm_writer *to, bool truth) { subvm_write_byte(to, truth ? 0x10 : 0x08); }

SUBVM_FN void subvm_write_u128(subvm_writer *to, subvm_u128 n) { subvm_write_head(to, 1, n); }

SUBVM_FN void subvm_write_u64(subvm_writer *to, uint64_t n) { subvm_write_u128(to, subvm_wide(n)); }

SUBVM_FN void subvm_write_i64(subvm_writer *to, int64_t n) {
    if (n < 0) subvm_write_head(to, 2, subvm_wide(~(uint64_t)n));
    else subvm_write_u64(to, (uint64_t)n);
}

SUBVM_FN void subvm_write_address(subvm_writer *to, subvm_address address) {
    subvm_bytes bytes = {address.bytes, 20};
    subvm_write_byte(to, 0x18);
    subvm_write_raw(to, bytes);
}

SUBVM_FN void subvm_write_bytes(subvm_writer *to, subvm_bytes bytes) {
    subvm_write_head(to, 3, subvm_wide(bytes.len));
    subvm_write_raw(to, bytes);
}

/* Text: UTF-8, which nothing here checks. */
SUBVM_FN void subvm_write_str(subvm_writer *to, subvm_bytes text) {
    subvm_write_head(to, 4, subvm_wide(text.len));
    subvm_write_raw(to, text);
}

/* An array of so many values, which follow. */
SUBVM_FN void subvm_write_array(subvm_writer *to, size_t len) { subvm_write_head(to, 5, subvm_wide(len)); }

/* A map of so many entries, which follow: keys ascending by their bytes, each with its value. */
SUBVM_FN void subvm_write_map(subvm_writer *to, size_t len) { subvm_write_head(to, 6, subvm_wide(len)); }

SUBVM_FN void subvm_write_key(subvm_writer *to, const char *key) {
    subvm_bytes text = subvm_text(key);
    subvm_write_uleb(to, text.len);
    subvm_write_raw(to, text);
}

/* ---- calldata, read ---- */

/* How something is not what was asked for: the words that stand before `what`. */
typedef enum { SUBVM_FINE, SUBVM_MALFORMED, SUBVM_EXPECTED, SUBVM_MISSING, SUBVM_UNKNOWN, SUBVM_NO_SUCH, SUBVM_NO_VALUE } subvm_problem;

/*
 * Reads from the first byte on, and refuses what is not canonical. The first thing that is wrong stays (`problem`, `what`, `where`); what is
 * read after it is zero and empty.
 */
typedef struct {
    const uint8_t *at, *end;
    /* Containers that may still be entered. */
    uint32_t depth;
    /* Entries that are left of the map that is read field by field. */
    size_t left;
    subvm_problem problem;
    /* What is wrong, in words that stay. */
    const char *what;
    /* The field that it is about; empty where it is the whole. */
    subvm_bytes where;
} subvm_reader;

SUBVM_FN subvm_reader subvm_reading(subvm_bytes bytes) {
    subvm_reader from = {bytes.at, bytes.at + bytes.len, SUBVM_DEPTH, 0, SUBVM_FINE, "", {(const uint8_t *)"", 0}};
    return from;
}

SUBVM_FN void subvm_wrong(subvm_reader *from, subvm_problem problem, const char *what) {
    if (from->problem == SUBVM_FINE) {
        from->problem = problem;
        from->what = what;
    }
    from->at = from->end;
    from->left = 0;
}

/* The three bits of the next value's kind; 8 where there is none. */
SUBVM_FN uint8_t subvm_kind(const subvm_reader *from) { return from->at < from->end ? *from->at & 7 : 8; }

/*
 * A number of which `bits` are in the first byte, above the lowest `7 - bits`; false where it is malformed, or has more than 128 bits (`fits`
 * says which).
 */
SUBVM_FN bool subvm_number(subvm_reader *from, unsigned bits, subvm_u128 *number, bool *fits) {
    number->low = number->high = 0;
    *fits = true;
    if (from->at == from->end) {
        subvm_wrong(from, SUBVM_MALFORMED, "unexpected_end");
        return false;
    }
    uint8_t group = *from->at++;
    number->low = (uint64_t)(group & 0x7f) >> (7 - bits);
    unsigned shift = bits;
    while (group >= 0x80) {
        if (from->at == from->end) {
            subvm_wrong(from, SUBVM_MALFORMED, "unexpected_end");
            return false;
        }
        group = *from->at++;
        if (group == 0) {
            subvm_wrong(from, SUBVM_MALFORMED, "uleb_not_shortest");
            return false;
        }
        uint64_t more = group & 0x7f;
        unsigned used = 7;
        if (group < 0x80)
            for (used = 0; more >> used; used++) {}
        if (shift + used > SUBVM_INT_BITS) {
            subvm_wrong(from, SUBVM_MALFORMED, "int_too_large");
            return false;
        }
        if (shift < 64) {
            number->low |= more << shift;
            if (shift > 57) number->high |= more >> (64 - shift);
        } else if (shift < 128) {
            number->high |= more << (shift - 64);
            if (shift > 121 && more >> (128 - shift)) *fits = false;
        } else if (more) {
            *fits = false;
        }
        shift += 7;
    }
    return true;
}

/* A length or a count, which is at most the number of bytes left. */
SUBVM_FN size_t subvm_length(subvm_reader *from, unsigned bits) {
    subvm_u128 len;
    bool fits;
    if (!subvm_number(from, bits, &len, &fits)) return 0;
    if (!fits || len.high || len.low > (uint64_t)(from->end - from->at)) {
        subvm_wrong(from, SUBVM_MALFORMED, "length_exceeds_input");
        return 0;
    }
    return (size_t)len.low;
}

SUBVM_FN bool subvm_is(subvm_reader *from, uint8_t kind, const char *what) {
    uint8_t next = subvm_kind(from);
    if (next == kind) return true;
    if (next == 8) subvm_wrong(from, SUBVM_MALFORMED, "unexpected_end");
    else subvm_wrong(from, SUBVM_EXPECTED, what);
    return false;
}

SUBVM_FN subvm_bytes subvm_take(subvm_reader *from, size_t len) {
    subvm_bytes bytes = {from->at, len};
    if (len > (size_t)(from->end - from->at)) {
        bytes.len = 0;
        subvm_wrong(from, SUBVM_MALFORMED, "unexpected_end");
    } else {
        from->at += len;
    }
    return bytes;
}

/* 0 null, 1 false, 2 true, 3 address, of which 20 bytes follow; 4 where it is none. */
SUBVM_FN uint64_t subvm_atom(subvm_reader *from, const char *what) {
    subvm_u128 atom;
    bool fits;
    if (!subvm_is(from, 0, what) || !subvm_number(from, 4, &atom, &fits)) return 4;
    if (!fits || atom.high || atom.low > 3) {
        subvm_wrong(from, SUBVM_MALFORMED, "unknown_atom");
        return 4;
    }
    return atom.low;
}

SUBVM_FN bool subvm_is_null(const subvm_reader *from) { return from->at < from->end && *from->at == 0; }

SUBVM_FN void subvm_read_null(subvm_reader *from) {
    if (subvm_atom(from, "null") != 0) subvm_wrong(from, SUBVM_EXPECTED, "null");
}

SUBVM_FN bool subvm_read_bool(subvm_reader *from) {
    uint64_t atom = subvm_atom(from, "a boolean");
    if (atom != 1 && atom != 2) subvm_wrong(from, SUBVM_EXPECTED, "a boolean");
    return atom == 2;
}

SUBVM_FN subvm_address subvm_read_address(subvm_reader *from) {
    subvm_address address = {{0}};
    if (subvm_atom(from, "an address") != 3) subvm_wrong(from, SUBVM_EXPECTED, "an address");
    subvm_bytes bytes = subvm_take(from, 20);
    if (bytes.len == 20) subvm_copy(address.bytes, bytes.at, 20);
    return address;
}

SUBVM_FN subvm_u128 subvm_read_u128(subvm_reader *from) {
    static const char what[] = "an integer of type u128";
    subvm_u128 n = {0, 0};
    bool fits;
    if (!subvm_is(from, 1, what) || !subvm_number(from, 4, &n, &fits)) return subvm_wide(0);
    if (fits) return n;
    subvm_wrong(from, SUBVM_EXPECTED, what);
    return subvm_wide(0);
}

SUBVM_FN uint64_t subvm_read_u64(subvm_reader *from) {
    static const char what[] = "an integer of type u64";
    subvm_u128 n = {0, 0};
    bool fits;
    if (!subvm_is(from, 1, what) || !subvm_number(from, 4, &n, &fits)) return 0;
    if (fits && !n.high) return n.low;
    subvm_wrong(from, SUBVM_EXPECTED, what);
    return 0;
}

SUBVM_FN int64_t subvm_read_i64(subvm_reader *from) {
    static const char what[] = "an integer of type i64";
    subvm_u128 n = {0, 0};
    bool fits, negative = subvm_kind(from) == 2;
    if (!negative && !subvm_is(from, 1, what)) return 0;
    if (!subvm_number(from, 4, &n, &fits)) return 0;
    if (fits && !n.high && n.low >> 63 == 0) return negative ? (int64_t)~n.low : (int64_t)n.low;
    subvm_wrong(from, SUBVM_EXPECTED, what);
    return 0;
}

SUBVM_FN subvm_bytes subvm_read_bytes(subvm_reader *from) {
    return subvm_take(from, subvm_is(from, 3, "bytes") ? subvm_length(from, 4) : 0);
}

/* Whether bytes are UTF-8. */
SUBVM_FN bool subvm_is_utf8(subvm_bytes text) {
    for (size_t i = 0; i < text.len;) {
        uint8_t first = text.at[i++];
        if (first < 0x80) continue;
        unsigned more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
        if (first < 0xc2 || first > 0xf4 || more > text.len - i) return false;
        uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
        uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
        for (; more; more--, low = 0x80, high = 0xbf, i++)
            if (text.at[i] < low || text.at[i] > high) return false;
    }
    return true;
}

SUBVM_FN subvm_bytes subvm_utf8(subvm_reader *from, subvm_bytes text) {
    if (!subvm_is_utf8(text)) {
        subvm_wrong(from, SUBVM_MALFORMED, "invalid_utf8");
        text.len = 0;
    }
    return text;
}

SUBVM_FN subvm_bytes subvm_read_str(subvm_reader *from) {
    return subvm_utf8(from, subvm_take(from, subvm_is(from, 4, "a string") ? subvm_length(from, 4) : 0));
}

SUBVM_FN size_t subvm_container(subvm_reader *from, uint8_t kind, const char *what) {
    size_t len = subvm_is(from, kind, what) ? subvm_length(from, 4) : 0;
    if (from->problem == SUBVM_FINE && from->depth == 0) subvm_wrong(from, SUBVM_MALFORMED, "too_deep");
    if (from->problem != SUBVM_FINE) return 0;
    from->depth--;
    return len;
}

/* Enters an array: so many values follow, and then subvm_leave. */
SUBVM_FN size_t subvm_read_array(subvm_reader *from) { return subvm_container(from, 5, "an array"); }

/* Enters a map: so many entries follow, keys and values, and then subvm_leave. */
SUBVM_FN size_t subvm_read_map(subvm_reader *from) { return subvm_container(from, 6, "a map"); }

SUBVM_FN void subvm_leave(subvm_reader *from) { from->depth++; }

/* A key, of which nothing is checked but that it is there. */
SUBVM_FN subvm_bytes subvm_raw_key(subvm_reader *from) { return subvm_take(from, subvm_length(from, 7)); }

/* A key, above the last one; `last.at` is null for the first. */
SUBVM_FN subvm_bytes subvm_read_key(subvm_reader *from, subvm_bytes last) {
    subvm_bytes key = subvm_utf8(from, subvm_raw_key(from));
    if (from->problem == SUBVM_FINE && last.at) {
        int order = subvm_compare(last, key);
        if (order >= 0) subvm_wrong(from, SUBVM_MALFORMED, order ? "key_order" : "duplicate_key");
    }
    return key;
}

/* Skips a value of any type; gives its encoding. It goes no deeper than SUBVM_DEPTH. */
SUBVM_FN subvm_bytes subvm_read_any(subvm_reader *from) {
    const uint8_t *start = from->at;
    /* What is left of each container that is open, and the last key of those that are maps. */
    size_t left[SUBVM_DEPTH];
    subvm_bytes last[SUBVM_DEPTH];
    bool map[SUBVM_DEPTH];
    unsigned open = 0;
    do {
        if (open && map[open - 1]) last[open - 1] = subvm_read_key(from, last[open - 1]);
        uint8_t kind = subvm_kind(from);
        subvm_u128 number;
        bool fits;
        switch (kind) {
        case 0:
            if (subvm_atom(from, "") == 3) subvm_take(from, 20);
            break;
        case 1:
        case 2: subvm_number(from, 4, &number, &fits); break;
        case 3: subvm_read_bytes(from); break;
        case 4: subvm_read_str(from); break;
        case 5:
        case 6:
            number.low = subvm_container(from, kind, "");
            if (from->problem != SUBVM_FINE) break;
            left[open] = (size_t)number.low;
            map[open] = kind == 6;
            last[open].at = NULL;
            last[open].len = 0;
            open++;
            break;
        case 7: subvm_wrong(from, SUBVM_MALFORMED, "reserved_type"); break;
        default: subvm_wrong(from, SUBVM_MALFORMED, "unexpected_end"); break;
        }
        /* Containers that are done are left, then the next of the innermost is read. */
        while (open && left[open - 1] == 0) {
            open--;
            subvm_leave(from);
        }
        if (open) left[open - 1]--;
    } while (open && from->problem == SUBVM_FINE);
    subvm_bytes any = {start, (size_t)(from->at - start)};
    return any;
}

/* All was read. */
SUBVM_FN void subvm_read_end(subvm_reader *from) {
    if (from->problem == SUBVM_FINE && from->at != from->end) subvm_wrong(from, SUBVM_MALFORMED, "trailing_bytes");
}

/* ---- a map, field by field, in the order of its keys ---- */

SUBVM_FN void subvm_enter(subvm_reader *from) { from->left = subvm_read_map(from); }

SUBVM_FN void subvm_about(subvm_reader *from, subvm_bytes where) {
    if (from->problem == SUBVM_FINE) from->where = where;
}

SUBVM_FN void subvm_not_known(subvm_reader *from, subvm_bytes key) {
    if (subvm_is_utf8(key)) {
        subvm_about(from, key);
        subvm_wrong(from, SUBVM_UNKNOWN, "");
    } else {
        subvm_wrong(from, SUBVM_MALFORMED, "invalid_utf8");
    }
}

/* Steps to the value of a field, which is next; what is wrong with it then, is wrong with this field. */
SUBVM_FN void subvm_field(subvm_reader *from, const char *name) {
    subvm_bytes wanted = subvm_text(name), nothing = {(const uint8_t *)"", 0};
    if (from->problem != SUBVM_FINE) return;
    from->where = nothing;
    int order = 1;
    if (from->left) {
        from->left--;
        subvm_bytes key = subvm_raw_key(from);
        if (from->problem != SUBVM_FINE) return;
        order = subvm_compare(key, wanted);
        if (order < 0) subvm_not_known(from, key);
    }
    subvm_about(from, wanted);
    if (order > 0) subvm_wrong(from, SUBVM_MISSING, "");
}

SUBVM_FN void subvm_skip_field(subvm_reader *from, const char *name) {
    subvm_field(from, name);
    if (from->problem == SUBVM_FINE) subvm_read_any(from);
}

SUBVM_FN uint64_t subvm_field_u64(subvm_reader *from, const char *name) {
    subvm_field(from, name);
    return subvm_read_u64(from);
}

SUBVM_FN subvm_u128 subvm_field_u128(subvm_reader *from, const char *name) {
    subvm_field(from, name);
    return subvm_read_u128(from);
}

SUBVM_FN subvm_address subvm_field_address(subvm_reader *from, const char *name) {
    subvm_field(from, name);
    return subvm_read_address(from);
}

SUBVM_FN subvm_bytes subvm_field_str(subvm_reader *from, const char *name) {
    subvm_field(from, name);
    return subvm_read_str(from);
}

/* No field is left. */
SUBVM_FN void subvm_fields_end(subvm_reader *from) {
    subvm_bytes nothing = {(const uint8_t *)"", 0};
    if (from->problem != SUBVM_FINE) return;
    from->where = nothing;
    if (from->left) {
        subvm_bytes key = subvm_raw_key(from);
        if (from->problem == SUBVM_FINE) subvm_not_known(from, key);
    }
    subvm_leave(from);
}

/* ---- BLAKE3 of at most 1,024 bytes ---- */

SUBVM_FN uint32_t subvm_rotate(uint32_t n, unsigned by) { return n >> by | n << (32 - by); }

SUBVM_FN void subvm_blake3_mix(uint32_t *s, unsigned a, unsigned b, unsigned c, unsigned d, uint32_t x, uint32_t y) {
    s[a] += s[b] + x;
    s[d] = subvm_rotate(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = subvm_rotate(s[b] ^ s[c], 12);
    s[a] += s[b] + y;
    s[d] = subvm_rotate(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = subvm_rotate(s[b] ^ s[c], 7);
}

/* False, and zeros, where there are more bytes. */
static __attribute__((unused, noinline)) bool subvm_blake3(subvm_word *digest, subvm_bytes bytes) {
    static const uint32_t iv[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    static const uint8_t next[16] = {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8};
    uint32_t value[8];
    bool fits = bytes.len <= 1024;
    if (!fits) bytes.len = 0;
    for (int i = 0; i < 8; i++) value[i] = iv[i];
    uint32_t flags = 1;
    do {
        size_t len = bytes.len < 64 ? bytes.len : 64;
        if (bytes.len <= 64) flags |= 2 | 8;
        uint32_t m[16], s[16];
        for (size_t i = 0; i < 16; i++) {
            m[i] = 0;
            for (size_t j = 0; j < 4; j++)
                if (4 * i + j < len) m[i] |= (uint32_t)bytes.at[4 * i + j] << 8 * j;
        }
        for (int i = 0; i < 8; i++) s[i] = value[i];
        for (int i = 0; i < 4; i++) s[8 + i] = iv[i];
        s[12] = s[13] = 0;
        s[14] = (uint32_t)len;
        s[15] = flags;
        for (int round = 0; round < 7; round++) {
            subvm_blake3_mix(s, 0, 4, 8, 12, m[0], m[1]);
            subvm_blake3_mix(s, 1, 5, 9, 13, m[2], m[3]);
            subvm_blake3_mix(s, 2, 6, 10, 14, m[4], m[5]);
            subvm_blake3_mix(s, 3, 7, 11, 15, m[6], m[7]);
            subvm_blake3_mix(s, 0, 5, 10, 15, m[8], m[9]);
            subvm_blake3_mix(s, 1, 6, 11, 12, m[10], m[11]);
            subvm_blake3_mix(s, 2, 7, 8, 13, m[12], m[13]);
            subvm_blake3_mix(s, 3, 4, 9, 14, m[14], m[15]);
            uint32_t moved[16];
            for (int i = 0; i < 16; i++) moved[i] = m[next[i]];
            for (int i = 0; i < 16; i++) m[i] = moved[i];
        }
        for (int i = 0; i < 8; i++) value[i] = s[i] ^ s[i + 8];
        bytes.at += len;
        bytes.len -= len;
        flags = 0;
    } while (bytes.len);
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 4; j++) digest->bytes[4 * i + j] = fits ? (uint8_t)(value[i] >> 8 * j) : 0;
    return fits;
}

/* What is in a place of storage, as subvm-sdk has it: BLAKE3 of the slot, `kind`, and the rest. The contract's own slot is 32 zeros. */
SUBVM_FN bool subvm_slot_in(subvm_word *slot, const subvm_word *parent, uint8_t kind, subvm_bytes rest) {
    uint8_t bytes[1024];
    if (rest.len > sizeof bytes - 33) return false;
    subvm_copy(bytes, parent->bytes, 32);
    bytes[32] = kind;
    subvm_copy(bytes + 33, rest.at, rest.len);
    subvm_bytes all = {bytes, 33 + rest.len};
    return subvm_blake3(slot, all);
}

/* The slot of a struct's field. Names have at most 991 bytes. */
SUBVM_FN bool subvm_slot_field(subvm_word *slot, const subvm_word *parent, const char *name) {
    return subvm_slot_in(slot, parent, 0, subvm_text(name));
}

/* The slot of a map's key: its canonical calldata, at most 991 bytes; false where it has more. */
SUBVM_FN bool subvm_slot_key(subvm_word *slot, const subvm_word *parent, subvm_bytes key) {
    return subvm_slot_in(slot, parent, 1, key);
}

#ifdef __wasm__

/* ---- the host: docs/spec/sdk.md, docs/spec/wasi.md. Each returns an errno, 0 where it succeeds ---- */

#define SUBVM_IMPORT(module, name) __attribute__((import_module(module), import_name(#name)))

enum { SUBVM_INVAL = 2, SUBVM_FORBIDDEN = 6, SUBVM_INBALANCE = 7 };

typedef struct {
    const void *at;
    uint32_t len;
} subvm_iovec;

/* Fills `into` from the slot's bytes at `index`; what was never written is zero. */
SUBVM_IMPORT("genlayer_sdk", storage_read) uint32_t subvm_host_storage_read(const subvm_word *slot, uint32_t index, void *into, uint32_t len);
SUBVM_IMPORT("genlayer_sdk", storage_write) uint32_t subvm_host_storage_write(const subvm_word *slot, uint32_t index, const void *from, uint32_t len);
SUBVM_IMPORT("genlayer_sdk", get_balance) uint32_t subvm_host_get_balance(const subvm_address *of, subvm_word *balance);
SUBVM_IMPORT("genlayer_sdk", get_self_balance) uint32_t subvm_host_get_self_balance(subvm_word *balance);
/* A calldata map with one key. A result is a new descriptor, none is 2^32 - 1. */
SUBVM_IMPORT("genlayer_sdk", gl_call) uint32_t subvm_host_gl_call(const void *request, uint32_t len, uint32_t *result);
SUBVM_IMPORT("wasi_snapshot_preview1", fd_read) uint32_t subvm_host_fd_read(uint32_t fd, const subvm_iovec *into, uint32_t count, uint32_t *read);
SUBVM_IMPORT("wasi_snapshot_preview1", fd_write) uint32_t subvm_host_fd_write(uint32_t fd, const subvm_iovec *from, uint32_t count, uint32_t *written);
SUBVM_IMPORT("wasi_snapshot_preview1", fd_close) uint32_t subvm_host_fd_close(uint32_t fd);
SUBVM_IMPORT("wasi_snapshot_preview1", random_get) uint32_t subvm_host_random_get(void *into, uint32_t len);
SUBVM_IMPORT("wasi_snapshot_preview1", clock_time_get) uint32_t subvm_host_clock_time_get(uint32_t clock, uint64_t precision, uint64_t *nanoseconds);

/* ---- ends ---- */

/* Ends the run with this request: `{name: value}`, encoded. */
SUBVM_FN _Noreturn void subvm_end_with(const subvm_writer *request) {
    uint32_t none;
    if (!request->full) subvm_host_gl_call(request->at, request->len, &none);
    /* It does not return, but where the request is refused: that is a bug of the contract. */
    __builtin_trap();
}

/* The most bytes of a failure's text. */
#define SUBVM_TEXT 512

/* Fails with these texts, one after the other: a user error, and nothing of the run is kept. */
SUBVM_FN _Noreturn void subvm_fail_with(const subvm_bytes *texts, size_t count) {
    uint8_t text[SUBVM_TEXT], request[SUBVM_TEXT + 32];
    subvm_writer words = subvm_writing(text, sizeof text), to = subvm_writing(request, sizeof request);
    for (size_t i = 0; i < count; i++) subvm_write_raw(&words, texts[i]);
    subvm_write_map(&to, 1);
    subvm_write_key(&to, "UserError");
    subvm_write_str(&to, subvm_written(&words));
    subvm_end_with(&to);
}

SUBVM_FN _Noreturn void subvm_fail(const char *why) {
    subvm_bytes text = subvm_text(why);
    subvm_fail_with(&text, 1);
}

/* Fails where something was wrong with what was read of calldata, or of storage: `of` says of which. */
SUBVM_FN void subvm_check(const subvm_reader *from, const char *of) {
    static const char *const words[] = {"", "malformed: ", "expected ", "a field is missing", "an unknown field", "there is no such ", "it takes no value"};
    if (from->problem == SUBVM_FINE) return;
    subvm_bytes texts[] = {
        subvm_text(of), subvm_text(from->where.len ? ", " : ""), from->where, subvm_text(": "), subvm_text(words[from->problem]), subvm_text(from->what),
    };
    subvm_fail_with(texts, 6);
}

/* The end of a call's arguments: no field is left, nothing follows, and nothing was wrong. */
SUBVM_FN void subvm_end(subvm_reader *call) {
    subvm_fields_end(call);
    subvm_read_end(call);
    subvm_check(call, "calldata");
}

/* Returns a value that is encoded. */
SUBVM_FN _Noreturn void subvm_return(subvm_bytes value) {
    uint8_t request[1024];
    subvm_writer to = subvm_writing(request, sizeof request);
    subvm_write_map(&to, 1);
    subvm_write_key(&to, "Return");
    subvm_write_raw(&to, value);
    if (to.full) subvm_fail("subvm_return: the value has more than 1,000 bytes; write the request yourself, for subvm_end_with");
    subvm_end_with(&to);
}

SUBVM_FN _Noreturn void subvm_return_null(void) { subvm_return((subvm_bytes){(const uint8_t *)"\0", 1}); }

SUBVM_FN _Noreturn void subvm_return_u128(subvm_u128 n) {
    uint8_t bytes[24];
    subvm_writer to = subvm_writing(bytes, sizeof bytes);
    subvm_write_u128(&to, n);
    subvm_return(subvm_written(&to));
}

/* Fails where a call of the host did. */
SUBVM_FN void subvm_must(uint32_t errno_, const char *call) {
    if (errno_ == 0) return;
    const char *why = errno_ == SUBVM_INVAL ? "inval" : errno_ == SUBVM_FORBIDDEN ? "forbidden" : errno_ == SUBVM_INBALANCE ? "inbalance" : "errno";
    subvm_bytes texts[] = {subvm_text(call), subvm_text(" was refused: "), subvm_text(why)};
    subvm_fail_with(texts, 3);
}

/* Reads a descriptor to its end; fails where that is more than there is room for. */
SUBVM_FN subvm_bytes subvm_read_fd(uint32_t fd, void *buffer, size_t cap) {
    subvm_bytes all = {(const uint8_t *)buffer, 0};
    for (;;) {
        subvm_iovec into = {(uint8_t *)buffer + all.len, (uint32_t)(cap - all.len)};
        uint32_t read = 0;
        if (into.len == 0) subvm_fail("a message or a result is longer than the contract has room for");
        subvm_must(subvm_host_fd_read(fd, &into, 1, &read), "fd_read");
        if (read == 0) return all;
        all.len += read;
    }
}

/* ---- the message: docs/spec/sub-vm.md, Entry ---- */

/* The most bytes of a message: `#define` another before the header is included. A run pays for it as memory. */
#ifndef SUBVM_MESSAGE
#define SUBVM_MESSAGE 16384
#endif

typedef struct {
    subvm_address contract, sender, origin;
    /* What was sent along: calldata, an integer of at most 256 bits. */
    subvm_bytes value;
    bool is_init;
    /* 0 a call, 1 a sandbox, 2 a non-deterministic block. */
    uint64_t kind;
    /* The call's calldata, or a block's data; an empty map where there was none. */
    subvm_bytes data;
    /* What a validator checks: code and data of what the leader came to; empty at a leader. */
    subvm_bytes leaders;
    /* Reads `data`. */
    subvm_reader call;
    /* The field `method` of `data`; empty where there is none. */
    subvm_bytes method;
} subvm_message;

SUBVM_FN subvm_message subvm_read_message(void) {
    static uint8_t buffer[SUBVM_MESSAGE];
    subvm_message message = {0};
    subvm_reader from = subvm_reading(subvm_read_fd(0, buffer, sizeof buffer));
    size_t len = subvm_read_map(&from);
    for (size_t i = 0; i < len && from.problem == SUBVM_FINE; i++) {
        subvm_bytes key = subvm_raw_key(&from);
        from.where = key;
        if (!subvm_compare(key, subvm_text("contract_address"))) message.contract = subvm_read_address(&from);
        else if (!subvm_compare(key, subvm_text("entry_data"))) message.data = subvm_read_bytes(&from);
        else if (!subvm_compare(key, subvm_text("entry_kind"))) message.kind = subvm_read_u64(&from);
        else if (!subvm_compare(key, subvm_text("entry_stage_data")) && !subvm_is_null(&from)) {
            subvm_enter(&from);
            subvm_field(&from, "leaders_result");
            message.leaders = subvm_read_bytes(&from);
            subvm_fields_end(&from);
        } else if (!subvm_compare(key, subvm_text("is_init"))) message.is_init = subvm_read_bool(&from);
        else if (!subvm_compare(key, subvm_text("origin_address"))) message.origin = subvm_read_address(&from);
        else if (!subvm_compare(key, subvm_text("sender_address"))) message.sender = subvm_read_address(&from);
        else if (!subvm_compare(key, subvm_text("value"))) message.value = subvm_read_any(&from);
        else subvm_read_any(&from);
    }
    subvm_check(&from, "message");
    if (message.data.len == 0) message.data = (subvm_bytes){(const uint8_t *)"\x06", 1};
    message.call = subvm_reading(message.data);
    if (message.kind == 0) {
        subvm_reader call = message.call;
        len = subvm_read_map(&call);
        for (size_t i = 0; i < len && call.problem == SUBVM_FINE; i++) {
            int order = subvm_compare(subvm_raw_key(&call), subvm_text("method"));
            if (order > 0) break;
            if (order == 0) {
                call.where = subvm_text("method");
                message.method = subvm_read_str(&call);
                break;
            }
            subvm_read_any(&call);
        }
        subvm_check(&call, "calldata");
    }
    return message;
}

SUBVM_FN bool subvm_is_method(const subvm_message *message, const char *name) {
    return subvm_compare(message->method, subvm_text(name)) == 0;
}

/* Fails: there is no such method. */
SUBVM_FN _Noreturn void subvm_no_such_method(const subvm_message *message) {
    subvm_reader call = message->call;
    call.where = message->method;
    subvm_wrong(&call, SUBVM_NO_SUCH, "method");
    subvm_check(&call, "calldata");
    __builtin_trap();
}

/* Fails where money was sent along. */
SUBVM_FN void subvm_not_payable(const subvm_message *message) {
    subvm_reader value = subvm_reading(message->value);
    value.where = subvm_text("value");
    /* 0 has one encoding. */
    if (message->value.len != 1 || *message->value.at != 1) subvm_wrong(&value, SUBVM_NO_VALUE, "");
    subvm_check(&value, "calldata");
}

/* ---- storage, in the layout of subvm-sdk ---- */

/* Keeps a value: its length, its calldata. */
SUBVM_FN void subvm_set(const subvm_word *slot, subvm_bytes value) {
    uint8_t bytes[1024];
    subvm_writer to = subvm_writing(bytes, sizeof bytes);
    subvm_write_uleb(&to, value.len);
    subvm_write_raw(&to, value);
    if (to.full) subvm_fail("subvm_set: the value has more than 1,000 bytes");
    subvm_must(subvm_host_storage_write(slot, 0, to.at, to.len), "storage_write");
}

/* Reads a value of at most `cap` bytes with its length into a buffer: a reader of it, empty where none is kept. `name` is for failures. */
SUBVM_FN subvm_reader subvm_get(const subvm_word *slot, const char *name, void *buffer, uint32_t cap) {
    subvm_must(subvm_host_storage_read(slot, 0, buffer, cap), "storage_read");
    subvm_reader from = subvm_reading((subvm_bytes){(const uint8_t *)buffer, cap});
    from.where = subvm_text(name);
    size_t len = subvm_length(&from, 7);
    from.end = from.problem == SUBVM_FINE ? from.at + len : from.at;
    subvm_check(&from, "storage");
    return from;
}

/* An amount; 0 where none is kept. */
SUBVM_FN subvm_u128 subvm_get_u128(const subvm_word *slot, const char *name) {
    uint8_t buffer[32];
    subvm_reader from = subvm_get(slot, name, buffer, sizeof buffer);
    if (from.at == from.end) return subvm_wide(0);
    subvm_u128 n = subvm_read_u128(&from);
    subvm_read_end(&from);
    subvm_check(&from, "storage");
    return n;
}

SUBVM_FN void subvm_set_u128(const subvm_word *slot, subvm_u128 n) {
    uint8_t bytes[24];
    subvm_writer to = subvm_writing(bytes, sizeof bytes);
    subvm_write_u128(&to, n);
    subvm_set(slot, subvm_written(&to));
}

/* ---- requests ---- */

/*
 * Makes a request, `{name: value}`, which the caller wrote, and reads its result into a buffer: empty where it has none. Fails where it is
 * refused. A sub-VM's result is a code (0 returned, 1 user error, 2 VM error) and data; others are calldata.
 */
SUBVM_FN subvm_bytes subvm_request(const subvm_writer *request, const char *name, void *buffer, size_t cap) {
    uint32_t fd = UINT32_MAX;
    if (request->full) subvm_fail("a request is longer than the contract has room for");
    subvm_must(subvm_host_gl_call(request->at, request->len, &fd), name);
    if (fd == UINT32_MAX) return (subvm_bytes){(const uint8_t *)buffer, 0};
    subvm_bytes result = subvm_read_fd(fd, buffer, cap);
    subvm_must(subvm_host_fd_close(fd), "fd_close");
    return result;
}

/* A topic: an encoding, or a name, followed by zeros. What has more than 32 bytes is hashed. */
SUBVM_FN subvm_word subvm_topic(subvm_bytes bytes) {
    subvm_word topic = {{0}};
    if (bytes.len <= 32) subvm_copy(topic.bytes, bytes.at, bytes.len);
    else if (!subvm_blake3(&topic, bytes)) subvm_fail("a topic has at most 1,024 bytes");
    return topic;
}

/* Emits an event: its fields, a map that is encoded, and topics, at most four, the first of which is its name. */
SUBVM_FN void subvm_emit(const subvm_word *topics, size_t count, subvm_bytes fields) {
    uint8_t request[1024], none[1];
    subvm_writer to = subvm_writing(request, sizeof request);
    subvm_write_map(&to, 1);
    subvm_write_key(&to, "EmitEvent");
    subvm_write_map(&to, 2);
    subvm_write_key(&to, "blob");
    subvm_write_raw(&to, fields);
    subvm_write_key(&to, "topics");
    subvm_write_array(&to, count);
    for (size_t i = 0; i < count; i++) subvm_write_bytes(&to, (subvm_bytes){topics[i].bytes, 32});
    subvm_request(&to, "EmitEvent", none, sizeof none);
}

/* Sends a message to a contract: calldata that is encoded, money along, delivered `on` "accepted" or "finalized". */
SUBVM_FN void subvm_post(subvm_address to_contract, subvm_bytes calldata, subvm_u128 value, const char *on) {
    uint8_t request[1024], none[1];
    subvm_writer to = subvm_writing(request, sizeof request);
    subvm_write_map(&to, 1);
    subvm_write_key(&to, "PostMessage");
    subvm_write_map(&to, 4);
    subvm_write_key(&to, "address");
    subvm_write_address(&to, to_contract);
    subvm_write_key(&to, "calldata");
    subvm_write_raw(&to, calldata);
    subvm_write_key(&to, "on");
    subvm_write_str(&to, subvm_text(on));
    subvm_write_key(&to, "value");
    subvm_write_u128(&to, value);
    subvm_request(&to, "PostMessage", none, sizeof none);
}

/* Asks another contract now; it can only read. What it returned, encoded; fails with its text where it failed. */
SUBVM_FN subvm_bytes subvm_ask(subvm_address contract, subvm_bytes calldata, void *buffer, size_t cap) {
    uint8_t request[1024];
    subvm_writer to = subvm_writing(request, sizeof request);
    subvm_write_map(&to, 1);
    subvm_write_key(&to, "CallContract");
    subvm_write_map(&to, 3);
    subvm_write_key(&to, "address");
    subvm_write_address(&to, contract);
    subvm_write_key(&to, "calldata");
    subvm_write_raw(&to, calldata);
    subvm_write_key(&to, "state");
    subvm_write_u64(&to, 0);
    subvm_bytes result = subvm_request(&to, "CallContract", buffer, cap);
    if (result.len == 0) subvm_fail("CallContract has no result");
    subvm_bytes data = {result.at + 1, result.len - 1};
    if (*result.at == 0) return data;
    subvm_bytes texts[] = {subvm_text(*result.at == 1 ? "" : "the sub-VM failed: "), data};
    subvm_fail_with(texts, 2);
}

/* Prints, for people who run a node: no result depends on it. */
SUBVM_FN void subvm_print(const char *text) {
    subvm_iovec from = {text, (uint32_t)subvm_len(text)};
    uint32_t written;
    subvm_must(subvm_host_fd_write(1, &from, 1, &written), "fd_write");
}

/* The transaction's instant, in nanoseconds since 1970. */
SUBVM_FN uint64_t subvm_now(void) {
    uint64_t now = 0;
    subvm_must(subvm_host_clock_time_get(0, 0, &now), "clock_time_get");
    return now;
}

#endif /* __wasm__ */

#ifdef __cplusplus
}
#endif

#endif /* SUBVM_H */
