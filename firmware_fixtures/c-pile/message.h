/*
 * Bodies: what is said in a frame, as structures.
 *
 * Owns the field order of every message that this pile sends or understands, protocol `lhc`. Must not know when
 * anything is said.
 */
#ifndef MESSAGE_H
#define MESSAGE_H

#include "frame.h"
#include "tariff.h"

enum command {
    VERSION = 0x01,
    TIME_REQUEST = 0x03,
    TIME_REPLY = 0x04,
    HEARTBEAT = 0x05,
    BILL = 0x09,
    BILL_REPLY = 0x0A,
    STOP_REQUEST = 0x0B,
    STOP = 0x0C,
    STOP_REPLY = 0x0D,
    AUTHORISE_REQUEST = 0x0E,
    AUTHORISE = 0x0F,
    AUTHORISE_REPLY = 0x10,
    LOGOUT = 0x13,
    START = 0x14,
    START_REPLY = 0x15,
    STATE_CHANGE = 0x16,
    START_REQUEST = 0x18,
};

enum { ORDER_SIZE = 32, ACCOUNT_SIZE = 17, PASSWORD_SIZE = 32, FIRMWARE_SIZE = 20 };

enum state { IDLE_STATE = 1, CHARGING_STATE, FAULT_STATE, MAINTENANCE_STATE, FULL_STATE, NOT_FULL_STATE };

enum login { QR_LOGIN = 1, PHONE_LOGIN, CARD_LOGIN, VIN_LOGIN };

enum logout_reason { TIMED_OUT = 1, BY_PILE_OR_USER = 2 };

enum stop_reason {
    BY_PLATFORM = 1,
    BATTERY_FULL = 2,
    BALANCE_USED_UP = 3,
    AT_THE_PILE = 4,
    BY_FAULT = 5,
    UNEXPECTED = 99,
};

enum parking { BAY_FREE = 1, BAY_TAKEN, BAY_UNKNOWN };

enum fault {
    NO_FAULT = 0,
    EMERGENCY_STOP = 1,
    INSULATION = 7,
    INSULATION_TEST = 24,
    BMS_COMMUNICATION = 29,
    OTHER_FAULT = 255,
};

/* Who an order is for. */
struct identity {
    uint8_t login;
    char account[ACCOUNT_SIZE];
    char password[PASSWORD_SIZE];
};

/* An order as it was authorised, with all that 0x0F says about it. */
struct order {
    struct identity identity;
    char number[ORDER_SIZE];
    uint8_t error;
    uint32_t balance_fen;
    struct tariff tariff;
};

struct stop {
    struct identity identity; /* its password stays empty */
    bool agreed;
};

/* What a gun shows of itself, in heartbeats and state changes. */
struct view {
    enum state state;
    bool cable;
    enum parking parking;
    uint8_t fault;
};

struct progress {
    bool shown; /* else number, start, energy and amount are zero */
    char number[ORDER_SIZE];
    struct moment start;
    uint32_t energy;
    uint32_t amount_fen;
};

struct bill {
    char number[ORDER_SIZE];
    uint8_t gun;
    struct moment arrive;
    struct moment start;
    struct moment end;
    struct moment leave;
    uint8_t stop_reason;
    uint8_t stage_count;
    uint16_t stage_energy[STAGES_MOST];
    struct fees fees;
    uint16_t free_minutes;
    uint32_t occupancy_rate;
};

bool read_time_reply(const struct frame *frame, int64_t *asked_ms, int64_t *world_ms);
bool read_order_number(const struct frame *frame, char number[ORDER_SIZE]);
bool read_authorise(const struct frame *frame, struct order *order);
bool read_start(const struct frame *frame, struct identity *identity);
bool read_stop(const struct frame *frame, struct stop *stop);

void write_version(struct writer *writer, const char *version);
void write_identity(struct writer *writer, const struct identity *identity);
void write_stop_reply(struct writer *writer, const struct identity *identity);
void write_logout(struct writer *writer, const struct identity *identity, enum logout_reason reason);
void write_start_request(struct writer *writer, const struct order *order);
void write_heartbeat(struct writer *writer, const struct view *view, uint32_t meter, const struct progress *progress);
void write_state_change(struct writer *writer, const struct view *view, struct moment now);
void write_bill(struct writer *writer, const struct bill *bill);

/* No order is all '0' or NUL. */
bool is_no_order(const char number[ORDER_SIZE]);

#endif
