/*
 * The bill store: what has been charged and is not yet in the platform's books.
 *
 * Owns each bill from the moment in which the cable is out until its acknowledgement, across losses of line and
 * power. Must not know how a bill comes about.
 */
#ifndef BILLS_H
#define BILLS_H

#include "message.h"
#include "uplink.h"

enum { BILLS_MOST = 64 };

struct stored_bill {
    struct bill bill;
    int64_t due_ms;  /* not before */
    int64_t sent_ms; /* the last time */
    bool left;       /* since the line came up */
};

struct bill_store {
    struct stored_bill bills[BILLS_MOST]; /* oldest first */
    int count;
};

/* Keeps a bill; the store must have room. */
void bills_put(struct bill_store *store, const struct bill *bill, int64_t now_ms);

/* Whether as many more bills can be kept. */
bool bills_have_room(const struct bill_store *store, int more);

/* Sends what is due, oldest first, and again what was not acknowledged. */
void bills_send(struct bill_store *store, struct uplink *uplink, int64_t now_ms);

void bills_acknowledge(struct bill_store *store, const char number[ORDER_SIZE]);

/* The line came up: every bill has to leave once more. */
void bills_line_up(struct bill_store *store);

/* As after a power loss; `now` is the boot's guess of the time. */
void bills_boot(struct bill_store *store, struct moment now);

/* The step of the first 0x04. */
void bills_correct(struct bill_store *store, int64_t step_ms);

/* An order has ended that never started: there is nothing to bill. */
void bills_order_never_started(struct bill_store *store, int gun, const char number[ORDER_SIZE], int64_t now_ms);

int64_t bills_next_wakeup_ms(const struct bill_store *store);

#endif
