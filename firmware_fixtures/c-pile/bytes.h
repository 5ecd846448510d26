/*
 * Cursors over bytes, little-endian.
 *
 * Owns how numbers and strings lie in memory. Must not know what any of them means.
 * A writer that is full and a reader that is empty say so in `overrun` and touch nothing, so that a body is written
 * or read in one go and asked once, at its end, whether it fitted.
 */
#ifndef BYTES_H
#define BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct writer {
    uint8_t *at;
    uint8_t *end;
    bool overrun;
};

struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool overrun;
};

static inline void put_bytes(struct writer *writer, const void *bytes, size_t size)
{
    if ((size_t)(writer->end - writer->at) < size) {
        writer->overrun = true;
        return;
    }
    memcpy(writer->at, bytes, size);
    writer->at += size;
}

/* Puts the lowest `size` bytes of a number, the least significant first. */
static inline void put_number(struct writer *writer, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const uint8_t byte = (uint8_t)(number >> (8 * i));
        put_bytes(writer, &byte, 1);
    }
}

static inline void take_bytes(struct reader *reader, void *bytes, size_t size)
{
    if ((size_t)(reader->end - reader->at) < size) {
        reader->overrun = true;
        memset(bytes, 0, size);
        return;
    }
    memcpy(bytes, reader->at, size);
    reader->at += size;
}

static inline uint32_t take_number(struct reader *reader, size_t size)
{
    uint8_t bytes[4] = {0};
    uint32_t number = 0;
    take_bytes(reader, bytes, size);
    for (size_t i = 0; i < size; i++)
        number |= (uint32_t)bytes[i] << (8 * i);
    return number;
}

#endif
