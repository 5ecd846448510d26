/* Frames to and from the platform; see uplink.h. */
#include "uplink.h"

#include <stdio.h>

enum {
    QUIET_MS = 45000,   /* one heartbeat's reply and half a period have not come: nobody hears */
    DEAD_MS = 120000,   /* a connection that nobody hears for so long is hung up */
    PILE_TYPE = 1,
};

static const uint8_t VERSION_2_6[2] = {2, 6};

struct writer *uplink_body(struct uplink *uplink)
{
    uplink->writer = (struct writer){.at = uplink->body, .end = uplink->body + sizeof uplink->body};
    return &uplink->writer;
}

static void send_body(struct uplink *uplink, struct frame *frame)
{
    uint8_t bytes[FRAME_MOST];
    memcpy(frame->version, VERSION_2_6, sizeof frame->version);
    memcpy(frame->number, uplink->number, NUMBER_SIZE);
    frame->pile_type = PILE_TYPE;
    frame->body = uplink->body;
    frame->body_size = (size_t)(uplink->writer.at - uplink->body);
    const size_t size = frame_write(frame, bytes, sizeof bytes);
    if (uplink->powered)
        line_write(&uplink->line, bytes, size, uplink->now_ms);
}

void uplink_tell(struct uplink *uplink, int gun, uint8_t command)
{
    uplink->sequence++;
    if (uplink->sequence == 0)
        uplink->sequence = 1;
    struct frame frame = {.pile_sequence = uplink->sequence, .gun = (uint8_t)gun, .command = command};
    send_body(uplink, &frame);
}

void uplink_reply(struct uplink *uplink, const struct frame *request, uint8_t command)
{
    /* As in the platform's replies, the number is the other side's and the own one stays 0. */
    struct frame frame = {
        .platform_sequence = request->platform_sequence,
        .gun = request->gun,
        .command = command,
    };
    send_body(uplink, &frame);
}

void uplink_power(struct uplink *uplink, bool on)
{
    uplink->powered = on;
    uplink->sequence = 0;
    uplink->was_open = false;
    uplink->scanner.size = 0;
    uplink->scanner.taken = 0;
    uplink->line.waiting_size = 0;
    if (uplink->line.tcp && !on)
        line_close(&uplink->line, uplink->now_ms);
}

bool uplink_advance(struct uplink *uplink, int64_t now_ms)
{
    uplink->now_ms = now_ms;
    if (!uplink->powered)
        return false;
    const bool still_open = uplink->line.state == LINE_OPEN && uplink->was_open;
    if (uplink->line.tcp && still_open && now_ms - uplink->heard_ms >= DEAD_MS) {
        fprintf(stderr, "c-pile: the platform has said nothing for %d s: hung up\n", DEAD_MS / 1000);
        line_close(&uplink->line, now_ms);
    }
    line_advance(&uplink->line, now_ms);
    const bool open = uplink->line.state == LINE_OPEN;
    const bool came_up = open && !uplink->was_open;
    if (came_up) {
        uplink->heard_ms = now_ms;
        uplink->scanner.size = 0;
        uplink->scanner.taken = 0;
    }
    uplink->was_open = open;
    return came_up;
}

int64_t uplink_next_wakeup_ms(const struct uplink *uplink)
{
    if (uplink->line.state == LINE_OPEN && !uplink->was_open)
        return uplink->now_ms; /* a tty has been open all the while that the power was off */
    if (uplink->line.tcp && uplink->line.state == LINE_OPEN)
        return uplink->heard_ms + DEAD_MS;
    return line_next_wakeup_ms(&uplink->line);
}

void uplink_read(struct uplink *uplink)
{
    uint8_t bytes[sizeof uplink->scanner.bytes];
    const size_t size = line_read(&uplink->line, bytes, scanner_room(&uplink->scanner), uplink->now_ms);
    if (uplink->powered)
        scanner_feed(&uplink->scanner, bytes, size);
    if (uplink->line.state == LINE_CLOSED)
        uplink->was_open = false;
}

bool uplink_next(struct uplink *uplink, struct frame *frame, bool *back)
{
    while (scanner_next(&uplink->scanner, frame)) {
        const bool ours = memcmp(frame->number, uplink->number, NUMBER_SIZE) == 0
            && memcmp(frame->version, VERSION_2_6, sizeof frame->version) == 0 && frame->gun >= 1
            && frame->gun <= uplink->gun_count;
        if (!ours)
            continue;
        *back = !uplink->line.tcp && uplink->now_ms - uplink->heard_ms >= QUIET_MS;
        uplink->heard_ms = uplink->now_ms;
        return true;
    }
    return false;
}

bool uplink_is_heard(const struct uplink *uplink)
{
    return uplink->powered && uplink->line.state == LINE_OPEN && uplink->now_ms - uplink->heard_ms < QUIET_MS;
}
