/*
 * One gun: its cable and car, its order, its charge.
 *
 * Owns the life of an order on a gun, from the scan to the bill, and what the gun shows of it. Must not know frames'
 * envelopes, how bills reach the platform, or the other gun. What the guns of a pile share is the cabinet.
 */
#ifndef GUN_H
#define GUN_H

#include "bills.h"
#include "clock.h"
#include "message.h"
#include "uplink.h"

struct cabinet {
    int64_t now_ms;
    struct world_clock clock;
    struct uplink uplink;
    struct bill_store bills;
    bool emergency;
};

struct car {
    int64_t capacity_mj;
    int64_t stored_mj;
    int64_t full_mj; /* where its battery says that it is full */
    int64_t most_w;
    bool handshake;  /* its BMS answers */
    bool insulation; /* its battery is not tied to earth */
    bool withholds;  /* its BMS answers, and keeps back what a start needs */
    bool silent;     /* its BMS keeps back what a charge needs all the time */
};

enum phase { AT_REST, STARTING, CHARGING, OCCUPIED };

/* An order that is authorised and has not been charged on. */
struct authorisation {
    bool valid;
    struct order order;
    int64_t since_ms;
};

struct charge {
    bool open; /* not billed yet */
    struct order order;
    struct moment arrive;
    struct moment start;
    struct moment end; /* while it charges: the last stored instant */
    enum stop_reason reason;
    struct stages stages;
};

/* A question to the platform that waits for its answer. */
struct question {
    bool asked;
    struct identity identity;
    int64_t until_ms;
};

struct logout {
    bool due;
    struct identity identity;
    enum logout_reason reason;
};

struct gun {
    int number;
    struct cabinet *cabinet;

    /* The world, which goes on without power. */
    bool cable;
    struct car car;
    enum parking parking; /* unknown until its sensor has seen something */
    bool insulation_broken; /* the pile's own measurement */
    bool maintenance;       /* a technician has taken it out of service */
    uint64_t fault_causes;  /* bit n: the cause of fault n stands; bit 0: of "other" */

    /* The flash memory, which keeps what it holds. */
    struct charge charge;
    struct moment arrive; /* no time while the cable is out */
    int64_t meter_mj;

    /* Lost with the power. */
    enum phase phase;
    struct authorisation authorisation;
    int64_t started_ms;
    int64_t metered_ms;
    int64_t silent_since_ms;
    uint8_t found_fault; /* by a measurement; stands until it is well again or the cable is out */
    struct question stop_question;
    struct question card_question;
    struct logout logout;
    struct view told;
    int64_t told_ms;
};

/* The pile has power again: what the flash memory says, and how the cable is found. */
void gun_boot(struct gun *gun);

/* Lets time pass. */
void gun_advance(struct gun *gun);

/* Ends what a fault forbids, and tells the platform of a change. To be called after whatever may have changed. */
void gun_settle(struct gun *gun);

/* The line came up: what the platform must hear first. */
void gun_line_up(struct gun *gun);

/* The step of the first 0x04. */
void gun_correct(struct gun *gun, int64_t step_ms);

int64_t gun_next_wakeup_ms(const struct gun *gun);

/* What the platform says to this gun. */
void gun_authorise(struct gun *gun, const struct frame *frame);
void gun_start(struct gun *gun, const struct frame *frame);
void gun_stop(struct gun *gun, const struct frame *frame);

/* What people and things do to it; plug and unplug need no power. */
void gun_plug(struct gun *gun, const struct car *car);
void gun_unplug(struct gun *gun);
void gun_card(struct gun *gun, const char account[ACCOUNT_SIZE]);
void gun_stop_button(struct gun *gun);
void gun_insulation(struct gun *gun, bool ok);
void gun_bms(struct gun *gun, bool withholds, bool silent);

/* False where the gun is not idle: only an idle gun can be taken out of service. */
bool gun_maintenance(struct gun *gun, bool on);

#endif
