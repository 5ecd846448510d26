/*
 * Frames: start byte, length, versions, numbers, checksum, end byte.
 *
 * Owns the envelope of the EV-Link family and how a frame is found among other bytes. Must not know what a command
 * means, nor where the bytes come from.
 */
#ifndef FRAME_H
#define FRAME_H

#include "bytes.h"

enum {
    NUMBER_SIZE = 20,       /* ASCII digits of a pile number */
    FRAME_LEAST = 3 + 31,   /* bytes of the shortest frame, an empty body's */
    FRAME_MOST = 3 + 2048,  /* bytes of the longest that is believed */
    BODY_MOST = FRAME_MOST - FRAME_LEAST
};

struct frame {
    uint8_t version[2];
    uint16_t platform_sequence;
    uint16_t pile_sequence;
    char number[NUMBER_SIZE];
    uint8_t pile_type;
    uint8_t gun;
    uint8_t command;
    const uint8_t *body;
    size_t body_size;
};

/* Bytes that came and are not yet known to be a frame or no frame. */
struct scanner {
    uint8_t bytes[2 * FRAME_MOST];
    size_t size;
    size_t taken; /* bytes of the frame that was handed out last and lies at the front */
};

/* Writes a frame and returns its size in bytes; 0 where it does not fit. */
size_t frame_write(const struct frame *frame, uint8_t *bytes, size_t room);

/* How many bytes the scanner can take now; more than 0 once scanner_next has said false. */
size_t scanner_room(const struct scanner *scanner);

void scanner_feed(struct scanner *scanner, const uint8_t *bytes, size_t size);

/* Finds the next whole frame; its body lies in the scanner until the next call. False when more bytes are needed. */
bool scanner_next(struct scanner *scanner, struct frame *frame);

#endif
