/* Field by field; see message.h. */
#include "message.h"

static struct reader body_of(const struct frame *frame)
{
    return (struct reader){.at = frame->body, .end = frame->body + frame->body_size};
}

static int32_t take_second_of_day(struct reader *reader)
{
    const int32_t hour = (int32_t)take_number(reader, 1);
    const int32_t minute = (int32_t)take_number(reader, 1);
    const int32_t second = (int32_t)take_number(reader, 1);
    return (hour * 60 + minute) * 60 + second;
}

static void skip(struct reader *reader, size_t size)
{
    for (size_t i = 0; i < size; i++)
        take_number(reader, 1);
}

static void take_identity(struct reader *reader, struct identity *identity, bool with_password)
{
    memset(identity, 0, sizeof *identity);
    identity->login = (uint8_t)take_number(reader, 1);
    take_bytes(reader, identity->account, ACCOUNT_SIZE);
    if (with_password)
        take_bytes(reader, identity->password, PASSWORD_SIZE);
}

bool read_time_reply(const struct frame *frame, int64_t *asked_ms, int64_t *world_ms)
{
    struct reader reader = body_of(frame);
    *asked_ms = take_time(&reader);
    *world_ms = take_time(&reader);
    return !reader.overrun;
}

bool read_order_number(const struct frame *frame, char number[ORDER_SIZE])
{
    struct reader reader = body_of(frame);
    take_bytes(&reader, number, ORDER_SIZE);
    return !reader.overrun;
}

bool read_authorise(const struct frame *frame, struct order *order)
{
    struct reader reader = body_of(frame);
    struct tariff *tariff = &order->tariff;
    take_identity(&reader, &order->identity, true);
    tariff->free_minutes = (uint16_t)take_number(&reader, 2);
    skip(&reader, 4); /* version of the occupancy tariff */
    for (int i = 0; i < OCCUPANCY_SLOTS; i++) {
        tariff->slots[i].start_s = take_second_of_day(&reader);
        tariff->slots[i].end_s = take_second_of_day(&reader);
        tariff->slots[i].rate = take_number(&reader, 4);
    }
    skip(&reader, 4); /* version of the service tariff */
    for (int i = 0; i < HALF_HOURS; i++)
        tariff->service_price[i] = take_number(&reader, 4);
    skip(&reader, 4); /* version of the energy tariff */
    for (int i = 0; i < HALF_HOURS; i++)
        tariff->energy_price[i] = take_number(&reader, 4);
    skip(&reader, 1 + 2 + 1); /* result, longest charge, reservation: none says what it means to a pile */
    take_bytes(&reader, order->number, ORDER_SIZE);
    skip(&reader, 7 + 2); /* start and minutes of a reservation */
    order->error = (uint8_t)take_number(&reader, 1);
    order->balance_fen = take_number(&reader, 4);
    return !reader.overrun;
}

bool read_start(const struct frame *frame, struct identity *identity)
{
    struct reader reader = body_of(frame);
    take_identity(&reader, identity, true);
    return !reader.overrun;
}

bool read_stop(const struct frame *frame, struct stop *stop)
{
    struct reader reader = body_of(frame);
    take_identity(&reader, &stop->identity, false);
    stop->agreed = take_number(&reader, 1) == 1;
    return !reader.overrun;
}

void write_version(struct writer *writer, const char *version)
{
    char padded[FIRMWARE_SIZE] = {0};
    for (size_t i = 0; i < sizeof padded && version[i] != '\0'; i++)
        padded[i] = version[i];
    put_bytes(writer, padded, sizeof padded);
}

static void put_account(struct writer *writer, const struct identity *identity)
{
    put_number(writer, identity->login, 1);
    put_bytes(writer, identity->account, ACCOUNT_SIZE);
}

void write_identity(struct writer *writer, const struct identity *identity)
{
    put_account(writer, identity);
    put_bytes(writer, identity->password, PASSWORD_SIZE);
}

void write_stop_reply(struct writer *writer, const struct identity *identity)
{
    put_account(writer, identity);
}

void write_logout(struct writer *writer, const struct identity *identity, enum logout_reason reason)
{
    put_account(writer, identity);
    put_number(writer, reason, 1);
}

void write_start_request(struct writer *writer, const struct order *order)
{
    put_account(writer, &order->identity);
    put_bytes(writer, order->number, ORDER_SIZE);
}

static void put_view(struct writer *writer, const struct view *view)
{
    put_number(writer, view->state, 1);
    put_number(writer, view->cable ? 2 : 1, 1);
    put_number(writer, view->parking, 1);
}

static void put_ground_lock_and_home(struct writer *writer, const struct view *view)
{
    put_number(writer, 0, 1);                    /* there is no ground lock */
    put_number(writer, view->cable ? 0 : 1, 1);  /* a gun that is in no car hangs in its place */
}

void write_heartbeat(struct writer *writer, const struct view *view, uint32_t meter, const struct progress *progress)
{
    static const struct progress none = {0};
    const struct progress *shown = progress->shown ? progress : &none;
    put_view(writer, view);
    put_number(writer, 0, 1); /* reserved */
    put_number(writer, view->fault, 1);
    put_number(writer, meter, 4);
    put_ground_lock_and_home(writer, view);
    put_bytes(writer, shown->number, ORDER_SIZE);
    put_time(writer, shown->start);
    put_number(writer, shown->energy, 4);
    put_number(writer, shown->amount_fen, 4);
}

void write_state_change(struct writer *writer, const struct view *view, struct moment now)
{
    const bool faulty = view->fault != NO_FAULT;
    put_view(writer, view);
    put_number(writer, faulty ? 1 : 0, 1);
    if (faulty)
        put_number(writer, view->fault, 1);
    put_number(writer, view->state == CHARGING_STATE ? 0x80 : 0, 1); /* stop bits: bit 7 is "in use" */
    put_number(writer, view->fault, 1);
    put_time(writer, now);
    put_ground_lock_and_home(writer, view);
}

void write_bill(struct writer *writer, const struct bill *bill)
{
    const int64_t charge_ms = bill->end.world_ms - bill->start.world_ms;
    const int64_t occupancy_ms = bill->leave.world_ms - bill->end.world_ms;
    const uint32_t occupancy_minutes = occupancy_ms > 0 ? (uint32_t)(occupancy_ms / MINUTE_MS) : 0;
    put_bytes(writer, bill->number, ORDER_SIZE);
    put_time(writer, bill->arrive);
    put_time(writer, bill->start);
    put_number(writer, charge_ms > 0 ? (uint64_t)(charge_ms / MINUTE_MS) : 0, 2);
    put_number(writer, occupancy_minutes < 0xFFFF ? occupancy_minutes : 0xFFFF, 2);
    put_number(writer, occupancy_fee_fen(occupancy_minutes, bill->free_minutes, bill->occupancy_rate), 4);
    put_time(writer, bill->leave);
    put_number(writer, bill->stage_count, 1);
    for (int i = 0; i < bill->stage_count; i++)
        put_number(writer, bill->stage_energy[i], 2);
    put_number(writer, bill->fees.charge_fen, 4);
    put_number(writer, bill->fees.service_fen, 4);
    put_time(writer, bill->end);
    put_number(writer, bill->stop_reason, 1);
}

bool is_no_order(const char number[ORDER_SIZE])
{
    for (int i = 0; i < ORDER_SIZE; i++)
        if (number[i] != '0' && number[i] != '\0')
            return false;
    return true;
}
