/*
 * The pile's two clocks.
 *
 * Owns the monotonic time that everything is scheduled by, the world's time that the platform tells, and the calendar
 * between the latter and the seven bytes on the line (CP56Time2a). Must not know messages or guns.
 *
 * The pile has no battery behind its clock: from boot until the first 0x04 the world's time is a guess that counts
 * from a made-up instant. A moment remembers whether it was a guess, so that the step of the first 0x04 can correct it.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include "bytes.h"

/* A moment in the world's local time: milliseconds since 2000-01-01 00:00:00, 0 for no time. */
struct moment {
    int64_t world_ms;
    bool guessed;
};

struct world_clock {
    int64_t offset_ms; /* world's time minus monotonic time */
    bool set;
};

enum { HALF_HOUR_MS = 30 * 60 * 1000, MINUTE_MS = 60 * 1000, DAY_MS = 24 * 60 * 60 * 1000 };

/* Monotonic milliseconds since the program started, CLOCK_RATE times as many as pass outside. */
int64_t monotonic_ms(void);

/* Milliseconds of waiting outside, rounded up, for so many of the pile's own. */
int outside_ms(int64_t pile_ms);

/* As after a power loss: nothing is known of the world's time. */
void clock_boot(struct world_clock *clock);

/* Takes the world's time and returns the step that this was, in milliseconds. */
int64_t clock_set(struct world_clock *clock, int64_t now_ms, int64_t world_ms);

struct moment clock_moment(const struct world_clock *clock, int64_t now_ms);

/* A guess becomes a time by the step that the first 0x04 brought. */
void moment_correct(struct moment *moment, int64_t step_ms);

/* A guess of an earlier boot is worth nothing: it becomes the instant in which this boot finds it. */
void moment_reboot(struct moment *moment, struct moment now);

/* No time, or a guess, is written as seven zero bytes. */
void put_time(struct writer *writer, struct moment moment);

/* Milliseconds since 2000-01-01 00:00:00; 0 where the seven bytes hold no time or an impossible one. */
int64_t take_time(struct reader *reader);

#endif
