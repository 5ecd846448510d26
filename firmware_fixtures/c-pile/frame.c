/* Frames out of bytes and into them; see frame.h. */
#include "frame.h"

enum { START = 0xFE, END = 0x16 };

static uint8_t checksum(const uint8_t *bytes, size_t size)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < size; i++)
        sum ^= bytes[i];
    return sum;
}

size_t frame_write(const struct frame *frame, uint8_t *bytes, size_t room)
{
    struct writer writer = {.at = bytes, .end = bytes + room};
    put_number(&writer, START, 1);
    put_number(&writer, FRAME_LEAST - 3 + frame->body_size, 2);
    put_bytes(&writer, frame->version, 2);
    put_number(&writer, frame->platform_sequence, 2);
    put_number(&writer, frame->pile_sequence, 2);
    put_bytes(&writer, frame->number, NUMBER_SIZE);
    put_number(&writer, frame->pile_type, 1);
    put_number(&writer, frame->gun, 1);
    put_number(&writer, frame->command, 1);
    put_bytes(&writer, frame->body, frame->body_size);
    put_number(&writer, checksum(bytes, (size_t)(writer.at - bytes)), 1);
    put_number(&writer, END, 1);
    return writer.overrun ? 0 : (size_t)(writer.at - bytes);
}

size_t scanner_room(const struct scanner *scanner)
{
    return sizeof scanner->bytes - scanner->size;
}

void scanner_feed(struct scanner *scanner, const uint8_t *bytes, size_t size)
{
    memcpy(scanner->bytes + scanner->size, bytes, size);
    scanner->size += size;
}

static void drop(struct scanner *scanner, size_t size)
{
    memmove(scanner->bytes, scanner->bytes + size, scanner->size - size);
    scanner->size -= size;
}

enum candidate { NO_FRAME, UNFINISHED, WHOLE };

/* What begins at `bytes`, of which `size` have come; `total` is set where a length was believed. */
static enum candidate judge(const uint8_t *bytes, size_t size, size_t *total)
{
    if (bytes[0] != START)
        return NO_FRAME;
    if (size < 3)
        return UNFINISHED;
    *total = 3 + (size_t)(bytes[1] | bytes[2] << 8);
    if (*total < FRAME_LEAST || *total > FRAME_MOST)
        return NO_FRAME;
    if (size < *total)
        return UNFINISHED;
    if (bytes[*total - 1] != END || bytes[*total - 2] != checksum(bytes, *total - 2))
        return NO_FRAME;
    for (size_t i = 9; i < 9 + NUMBER_SIZE; i++)
        if (bytes[i] < '0' || bytes[i] > '9')
            return NO_FRAME;
    return WHOLE;
}

static void read_frame(const uint8_t *bytes, size_t total, struct frame *frame)
{
    struct reader reader = {.at = bytes + 3, .end = bytes + total};
    take_bytes(&reader, frame->version, 2);
    frame->platform_sequence = (uint16_t)take_number(&reader, 2);
    frame->pile_sequence = (uint16_t)take_number(&reader, 2);
    take_bytes(&reader, frame->number, NUMBER_SIZE);
    frame->pile_type = (uint8_t)take_number(&reader, 1);
    frame->gun = (uint8_t)take_number(&reader, 1);
    frame->command = (uint8_t)take_number(&reader, 1);
    frame->body = reader.at;
    frame->body_size = total - FRAME_LEAST;
}

bool scanner_next(struct scanner *scanner, struct frame *frame)
{
    drop(scanner, scanner->taken);
    scanner->taken = 0;
    size_t first_unfinished = scanner->size;
    for (size_t at = 0; at < scanner->size; at++) {
        size_t total = 0;
        const enum candidate candidate = judge(scanner->bytes + at, scanner->size - at, &total);
        if (candidate == UNFINISHED && at < first_unfinished)
            first_unfinished = at;
        if (candidate == WHOLE) {
            /* A whole frame behind the beginning of another: the other was noise, or was cut off and will never be
             * finished. So a false start holds nothing back and no silence has to be waited for. */
            drop(scanner, at);
            read_frame(scanner->bytes, total, frame);
            scanner->taken = total;
            return true;
        }
    }
    drop(scanner, first_unfinished);
    return false;
}
