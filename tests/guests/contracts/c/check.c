/* For a test, natively: what subvm.h reads, written again by what it writes; and its BLAKE3. */
#include <stdio.h>
#include <stdlib.h>

#include "subvm.h"

static void again(subvm_reader *from, subvm_writer *to);

static void integer(subvm_reader *from, subvm_writer *to) {
    subvm_reader wide = *from, small = *from;
    subvm_u128 n = subvm_read_u128(&wide);
    int64_t i = subvm_read_i64(&small);
    if (wide.problem == SUBVM_FINE) {
        *from = wide;
        subvm_write_u128(to, n);
    } else if (small.problem == SUBVM_FINE) {
        *from = small;
        subvm_write_i64(to, i);
    } else {
        subvm_write_raw(to, subvm_read_any(from));
    }
}

static void atom(subvm_reader *from, subvm_writer *to) {
    subvm_reader truth = *from, address = *from;
    bool is = subvm_read_bool(&truth);
    subvm_address at = subvm_read_address(&address);
    if (truth.problem == SUBVM_FINE) {
        *from = truth;
        subvm_write_bool(to, is);
    } else if (address.problem == SUBVM_FINE) {
        *from = address;
        subvm_write_address(to, at);
    } else {
        subvm_read_null(from);
        subvm_write_null(to);
    }
}

static void map(subvm_reader *from, subvm_writer *to) {
    size_t len = subvm_read_map(from);
    subvm_bytes key = {NULL, 0};
    subvm_write_map(to, len);
    for (size_t i = 0; i < len && from->problem == SUBVM_FINE; i++) {
        key = subvm_read_key(from, key);
        subvm_write_uleb(to, key.len);
        subvm_write_raw(to, key);
        again(from, to);
    }
    subvm_leave(from);
}

static void again(subvm_reader *from, subvm_writer *to) {
    switch (subvm_kind(from)) {
    case 0: atom(from, to); break;
    case 1:
    case 2: integer(from, to); break;
    case 3: subvm_write_bytes(to, subvm_read_bytes(from)); break;
    case 4: subvm_write_str(to, subvm_read_str(from)); break;
    case 5: {
        size_t len = subvm_read_array(from);
        subvm_write_array(to, len);
        for (size_t i = 0; i < len && from->problem == SUBVM_FINE; i++) again(from, to);
        subvm_leave(from);
        break;
    }
    case 6: map(from, to); break;
    default: subvm_read_any(from); break;
    }
}

static void answer(subvm_bytes bytes) {
    uint32_t len = (uint32_t)bytes.len;
    fwrite(&len, 4, 1, stdout);
    fwrite(bytes.at, 1, bytes.len, stdout);
}

int main(void) {
    uint32_t len;
    while (fread(&len, 4, 1, stdin) == 1) {
        /* As large as it must be, so that a byte too far is found. */
        uint8_t *in = malloc(len ? len : 1), *out = malloc(len + 16);
        if (!in || !out || fread(in, 1, len, stdin) != len) return 1;
        subvm_bytes bytes = {in, len};
        subvm_reader whole = subvm_reading(bytes), from = whole;
        subvm_writer to = subvm_writing(out, len + 16), none = subvm_writing(out, 0);
        subvm_bytes any = subvm_read_any(&whole);
        subvm_read_end(&whole);
        again(&from, &to);
        subvm_read_end(&from);
        subvm_write_raw(&none, bytes);
        bool fine = from.problem == SUBVM_FINE;
        if (fine != (whole.problem == SUBVM_FINE) || none.full != (len > 0) || to.full) return 2;
        if (fine && (any.at != in || any.len != len)) return 3;
        /* What is wrong, or nothing; what was written; the hash. */
        answer(subvm_text(fine ? "" : whole.what));
        answer(fine ? subvm_written(&to) : subvm_text(""));
        subvm_word digest;
        answer(subvm_blake3(&digest, bytes) ? (subvm_bytes){digest.bytes, 32} : subvm_text(""));
        free(in);
        free(out);
    }
    return 0;
}
