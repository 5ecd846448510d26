/*
 * The whole pile: its guns, its power, its clock, its connection.
 *
 * Owns what concerns more than one gun: connecting, asking the time, handing frames and acts to their guns. Must not
 * know what an order is.
 */
#ifndef PILE_H
#define PILE_H

#include "acts.h"
#include "gun.h"

enum { GUNS_MOST = 2 };

struct pile {
    struct cabinet cabinet;
    struct gun guns[GUNS_MOST];
    int gun_count;
    int64_t time_asked_ms; /* INT64_MIN where the last question was answered */
    int64_t ask_time_ms;   /* when to ask again */
};

/* Makes a pile with power, cables out, on a line that has been named. */
void pile_init(struct pile *pile, int gun_count, const char number[NUMBER_SIZE], const struct line *line);

/* Lets time pass up to `now_ms`. */
void pile_advance(struct pile *pile, int64_t now_ms);

/* Reads the line and does what the platform says. */
void pile_read(struct pile *pile);

/* Does an act; false where it was refused. */
bool pile_act(struct pile *pile, struct act *act);

/* When pile_advance is due next. */
int64_t pile_next_wakeup_ms(const struct pile *pile);

#endif
