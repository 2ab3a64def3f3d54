/*
 * Buffers that are given their own bytes, all of them or some: each copy is taken before the buffer changes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "subvm_host.h"

#define CHECK(holds) ((holds) ? (void)0 : (fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #holds), exit(1)))

enum { BYTES = 1 << 20 };

static uint8_t byte_at(size_t index)
{
    return (uint8_t)(index * 31 + index / 256);
}

/* A buffer whose bytes can be told apart. */
static subvm_buffer_t *made(size_t len)
{
    subvm_buffer_t *buffer = subvm_buffer_new();
    uint8_t *bytes = malloc(len);
    CHECK(bytes);
    for (size_t i = 0; i < len; i++)
        bytes[i] = byte_at(i);
    CHECK(subvm_buffer_set(buffer, bytes, len));
    free(bytes);
    return buffer;
}

/* Appending makes room elsewhere, and frees where the bytes were. */
static void append(void)
{
    subvm_buffer_t *buffer = made(16);
    for (size_t len = 16; len < BYTES; len *= 2) {
        subvm_bytes_t own = subvm_buffer_bytes(buffer);
        CHECK(own.len == len && subvm_buffer_append(buffer, own.data, own.len));
    }
    subvm_bytes_t all = subvm_buffer_bytes(buffer);
    CHECK(all.len == BYTES);
    for (size_t i = 0; i < all.len; i++)
        CHECK(all.data[i] == byte_at(i % 16));
    subvm_buffer_free(buffer);
}

/* Setting writes where the bytes are read from. */
static void set(size_t start, size_t len)
{
    subvm_buffer_t *buffer = made(BYTES);
    CHECK(subvm_buffer_set(buffer, subvm_buffer_bytes(buffer).data + start, len));
    subvm_bytes_t left = subvm_buffer_bytes(buffer);
    CHECK(left.len == len);
    for (size_t i = 0; i < len; i++)
        CHECK(left.data[i] == byte_at(start + i));
    subvm_buffer_free(buffer);
}

/* Results of functions replace what they were made of. */
static void results(void)
{
    static const char text[] = "{\"a\":[1,2]}";
    subvm_buffer_t *buffer = subvm_buffer_new();
    CHECK(subvm_buffer_set(buffer, (const uint8_t *)text, strlen(text)));
    CHECK(!subvm_calldata_from_text(subvm_buffer_bytes(buffer), buffer));
    CHECK(!subvm_calldata_to_text(subvm_buffer_bytes(buffer), buffer));
    subvm_bytes_t again = subvm_buffer_bytes(buffer);
    CHECK(again.len == strlen(text) && memcmp(again.data, text, again.len) == 0);
    subvm_buffer_free(buffer);
}

int main(void)
{
    append();
    set(0, BYTES);
    set(1, BYTES - 1);
    set(7, 1000);
    set(BYTES, 0);
    results();
    return 0;
}
