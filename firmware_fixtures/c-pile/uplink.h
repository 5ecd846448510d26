/*
 * The uplink: frames to and from the platform.
 *
 * Owns the pile's number, its sequence, which frames are for it, and how long the platform has been silent. Must not
 * know what is said.
 */
#ifndef UPLINK_H
#define UPLINK_H

#include "frame.h"
#include "line.h"

struct uplink {
    struct line line;
    struct scanner scanner;
    char number[NUMBER_SIZE];
    int gun_count;
    uint16_t sequence;
    int64_t heard_ms;
    int64_t now_ms;
    bool powered;
    bool was_open;
    uint8_t body[BODY_MOST];
    struct writer writer;
};

/* Begins the body of the next message: write into it, then tell or reply. */
struct writer *uplink_body(struct uplink *uplink);

/* Sends the body that was begun, as a message that answers nothing. */
void uplink_tell(struct uplink *uplink, int gun, uint8_t command);

/* Sends the body that was begun, as the reply to a frame. */
void uplink_reply(struct uplink *uplink, const struct frame *request, uint8_t command);

/* Without power a TCP line hangs up and a tty falls silent. */
void uplink_power(struct uplink *uplink, bool on);

/* Dials, and gives a TCP line up that has been silent for too long. True where the line has just come up. */
bool uplink_advance(struct uplink *uplink, int64_t now_ms);

int64_t uplink_next_wakeup_ms(const struct uplink *uplink);

/* Reads what has come. */
void uplink_read(struct uplink *uplink);

/* The next frame that is for this pile. `back` is set where it is the first after a long silence on a tty, which is
 * the only sign that a cut wire gives when it is mended. */
bool uplink_next(struct uplink *uplink, struct frame *frame, bool *back);

/* Whether the platform is believed to hear. */
bool uplink_is_heard(const struct uplink *uplink);

#endif
