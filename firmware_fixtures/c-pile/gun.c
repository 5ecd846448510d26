/* The life of an order on a gun; see gun.h. */
#include "gun.h"

enum {
    IDLE_PERIOD_MS = 30000,
    CHARGING_PERIOD_MS = 15000,
    AUTHORISATION_MS = 350000,     /* 5 min 50 s, a little after the platform's own 5 min 41.6 s */
    HANDSHAKE_MS = 10000,          /* a car that answers has answered by then */
    HANDSHAKE_PATIENCE_MS = 30000, /* and one that has not by now never will */
    INSULATION_TEST_MS = 8000,     /* after the handshake */
    BMS_PATIENCE_MS = 5000,
    QUESTION_MS = 8000,
    METER_STEP_MS = 500,           /* how often energy is counted, and stored */
    PILE_MOST_W = 120000,
};

/* A card has no password on this line; the MD5 of nothing says so. */
static const char NO_PASSWORD[PASSWORD_SIZE + 1] = "D41D8CD98F00B204E9800998ECF8427E";

static struct moment moment_of(const struct gun *gun)
{
    return clock_moment(&gun->cabinet->clock, gun->cabinet->now_ms);
}

static bool is_account(const struct identity *left, const struct identity *right)
{
    return memcmp(left->account, right->account, ACCOUNT_SIZE) == 0;
}

static bool is_busy(const struct gun *gun)
{
    return gun->phase == STARTING || gun->phase == CHARGING;
}

/* ---- what it shows ---- */

static uint8_t shown_fault(const struct gun *gun)
{
    if (gun->cabinet->emergency)
        return EMERGENCY_STOP;
    if (gun->found_fault != NO_FAULT)
        return gun->found_fault;
    for (int fault = 1; fault < 64; fault++)
        if ((gun->fault_causes >> fault & 1) != 0)
            return (uint8_t)fault;
    return (gun->fault_causes & 1) != 0 ? OTHER_FAULT : NO_FAULT;
}

static enum state shown_state(const struct gun *gun)
{
    if (gun->maintenance)
        return MAINTENANCE_STATE;
    if (shown_fault(gun) != NO_FAULT)
        return FAULT_STATE;
    if (gun->phase == CHARGING)
        return CHARGING_STATE;
    if (gun->phase == OCCUPIED)
        return gun->charge.reason == BATTERY_FULL ? FULL_STATE : NOT_FULL_STATE;
    return IDLE_STATE; /* also while a start is under way: it charges only once current flows */
}

static struct view view_of(const struct gun *gun)
{
    return (struct view){
        .state = shown_state(gun),
        .cable = gun->cable,
        .parking = gun->parking,
        .fault = shown_fault(gun),
    };
}

static void tell_heartbeat(struct gun *gun)
{
    const struct view view = view_of(gun);
    const struct fees fees = tariff_fees(&gun->charge.order.tariff, &gun->charge.stages);
    struct progress progress = {
        .shown = gun->phase == CHARGING || gun->phase == OCCUPIED,
        .start = gun->charge.start,
        .energy = stages_energy(&gun->charge.stages),
        .amount_fen = fees.charge_fen + fees.service_fen,
    };
    memcpy(progress.number, gun->charge.order.number, ORDER_SIZE);
    write_heartbeat(uplink_body(&gun->cabinet->uplink), &view, energy_of(gun->meter_mj), &progress);
    uplink_tell(&gun->cabinet->uplink, gun->number, HEARTBEAT);
    gun->told = view;
    gun->told_ms = gun->cabinet->now_ms;
}

static void tell_state_change(struct gun *gun)
{
    const struct view view = view_of(gun);
    write_state_change(uplink_body(&gun->cabinet->uplink), &view, moment_of(gun));
    uplink_tell(&gun->cabinet->uplink, gun->number, STATE_CHANGE);
}

static int64_t next_heartbeat_ms(const struct gun *gun)
{
    return gun->told_ms + (gun->phase == CHARGING ? CHARGING_PERIOD_MS : IDLE_PERIOD_MS);
}

/* ---- how orders end ---- */

static void tell_logout(struct gun *gun)
{
    struct uplink *uplink = &gun->cabinet->uplink;
    if (!gun->logout.due || uplink->line.state != LINE_OPEN)
        return; /* it is told when the line is back */
    write_logout(uplink_body(uplink), &gun->logout.identity, gun->logout.reason);
    uplink_tell(uplink, gun->number, LOGOUT);
    gun->logout.due = false;
}

static void log_out(struct gun *gun, const struct identity *identity, enum logout_reason reason)
{
    gun->logout = (struct logout){.due = true, .identity = *identity, .reason = reason};
    tell_logout(gun);
}

/* The authorised order is over before anything was charged on it. */
static void drop_authorisation(struct gun *gun)
{
    if (gun->phase == STARTING)
        gun->phase = AT_REST;
    gun->authorisation.valid = false;
    bills_order_never_started(
        &gun->cabinet->bills, gun->number, gun->authorisation.order.number, gun->cabinet->now_ms);
}

static void give_up(struct gun *gun, enum logout_reason reason)
{
    const struct identity identity = gun->authorisation.order.identity;
    drop_authorisation(gun);
    log_out(gun, &identity, reason);
}

static void end_charge(struct gun *gun, enum stop_reason reason)
{
    gun->charge.end = moment_of(gun);
    gun->charge.reason = reason;
    gun->phase = OCCUPIED;
    gun->stop_question.asked = false;
}

/* The cable is out, or the next start has come: the occupancy is over and there is a bill. */
static void leave(struct gun *gun)
{
    const struct charge *charge = &gun->charge;
    struct bill bill = {
        .gun = (uint8_t)gun->number,
        .arrive = charge->arrive,
        .start = charge->start,
        .end = charge->end,
        .leave = moment_of(gun),
        .stop_reason = (uint8_t)charge->reason,
        .stage_count = (uint8_t)charge->stages.count,
        .fees = tariff_fees(&charge->order.tariff, &charge->stages),
        .free_minutes = charge->order.tariff.free_minutes,
        .occupancy_rate = tariff_occupancy_rate(&charge->order.tariff, charge->end),
    };
    memcpy(bill.number, charge->order.number, ORDER_SIZE);
    for (int i = 0; i < charge->stages.count; i++)
        bill.stage_energy[i] = (uint16_t)energy_of(charge->stages.energy_mj[i]);
    bills_put(&gun->cabinet->bills, &bill, gun->cabinet->now_ms);
    gun->charge.open = false;
    gun->phase = AT_REST;
}

/* ---- how a charge begins and goes on ---- */

static bool can_start(const struct gun *gun, const struct identity *identity)
{
    const struct authorisation *authorisation = &gun->authorisation;
    /* Two bills: of an order that may still occupy the gun, and of this one; so much for the other gun, too. */
    return authorisation->valid && is_account(&authorisation->order.identity, identity) && gun->cable
        && shown_fault(gun) == NO_FAULT && !gun->maintenance && authorisation->order.balance_fen > 0
        && gun->cabinet->clock.set /* who does not know the hour does not know its price */
        && bills_have_room(&gun->cabinet->bills, 4);
}

static void begin_start(struct gun *gun)
{
    gun->phase = STARTING;
    gun->started_ms = gun->cabinet->now_ms;
}

static void energise(struct gun *gun)
{
    const struct moment now = moment_of(gun);
    gun->charge = (struct charge){
        .open = true,
        .order = gun->authorisation.order,
        .arrive = gun->arrive,
        .start = now,
        .end = now,
        .reason = BY_FAULT, /* what a power cut is, and what would be found in the flash memory after one */
    };
    stages_add(&gun->charge.stages, now, 0);
    gun->authorisation.valid = false;
    gun->phase = CHARGING;
    gun->metered_ms = gun->cabinet->now_ms;
}

static void advance_start(struct gun *gun)
{
    const int64_t passed_ms = gun->cabinet->now_ms - gun->started_ms;
    if (!gun->car.handshake) {
        if (passed_ms >= HANDSHAKE_PATIENCE_MS)
            give_up(gun, BY_PILE_OR_USER);
        return;
    }
    if (passed_ms < HANDSHAKE_MS + INSULATION_TEST_MS)
        return;
    if (!gun->car.insulation || gun->insulation_broken) {
        gun->found_fault = INSULATION_TEST;
        give_up(gun, BY_PILE_OR_USER);
    } else if (gun->car.withholds || gun->car.silent || gun->car.stored_mj >= gun->car.full_mj) {
        give_up(gun, BY_PILE_OR_USER); /* its BMS asks for no current */
    } else {
        energise(gun);
    }
}

static int64_t power_w(const struct car *car)
{
    const int64_t most_w = car->most_w < PILE_MOST_W ? car->most_w : PILE_MOST_W;
    const int64_t permille = car->stored_mj * 1000 / car->capacity_mj;
    /* All of it up to 80 %, then less and less: a tenth is left at 100 %. */
    return permille <= 800 ? most_w : most_w * (1000 - (permille - 800) * 9 / 2) / 1000;
}

static void advance_charge(struct gun *gun)
{
    struct charge *charge = &gun->charge;
    while (gun->phase == CHARGING && gun->metered_ms < gun->cabinet->now_ms) {
        int64_t step_ms = gun->cabinet->now_ms - gun->metered_ms;
        if (step_ms > METER_STEP_MS)
            step_ms = METER_STEP_MS;
        int64_t energy_mj = power_w(&gun->car) * step_ms;
        if (energy_mj > gun->car.full_mj - gun->car.stored_mj)
            energy_mj = gun->car.full_mj - gun->car.stored_mj;
        gun->metered_ms += step_ms;
        gun->car.stored_mj += energy_mj;
        gun->meter_mj += energy_mj;
        charge->end = clock_moment(&gun->cabinet->clock, gun->metered_ms);
        stages_add(&charge->stages, charge->end, energy_mj);
        const struct fees fees = tariff_fees(&charge->order.tariff, &charge->stages);
        if (fees.charge_fen + fees.service_fen >= charge->order.balance_fen)
            end_charge(gun, BALANCE_USED_UP);
        else if (gun->car.stored_mj >= gun->car.full_mj)
            end_charge(gun, BATTERY_FULL);
    }
}

/* ---- time ---- */

void gun_boot(struct gun *gun)
{
    const struct moment now = moment_of(gun);
    const bool was_plugged = gun->arrive.world_ms != 0;
    gun->authorisation.valid = false;
    gun->stop_question.asked = false;
    gun->card_question.asked = false;
    gun->logout.due = false;
    gun->found_fault = NO_FAULT;
    gun->told = (struct view){0};
    gun->phase = gun->charge.open ? OCCUPIED : AT_REST;
    if (gun->charge.open && !gun->cable)
        leave(gun);
    if (!gun->cable)
        gun->arrive = (struct moment){0};
    else if (!was_plugged)
        gun->arrive = now;
    moment_reboot(&gun->arrive, now);
}

void gun_advance(struct gun *gun)
{
    const int64_t now_ms = gun->cabinet->now_ms;
    if (gun->phase == STARTING)
        advance_start(gun);
    else if (gun->phase == CHARGING)
        advance_charge(gun);
    if (gun->phase == CHARGING && gun->car.silent && now_ms - gun->silent_since_ms >= BMS_PATIENCE_MS)
        gun->found_fault = BMS_COMMUNICATION;
    if (gun->authorisation.valid && gun->phase != STARTING && now_ms - gun->authorisation.since_ms >= AUTHORISATION_MS)
        give_up(gun, TIMED_OUT);
    if (gun->stop_question.asked && now_ms >= gun->stop_question.until_ms)
        end_charge(gun, AT_THE_PILE); /* a user gets his car back without the platform's leave */
    if (gun->card_question.asked && now_ms >= gun->card_question.until_ms)
        gun->card_question.asked = false;
    if (now_ms >= next_heartbeat_ms(gun))
        tell_heartbeat(gun);
}

void gun_settle(struct gun *gun)
{
    if (shown_fault(gun) != NO_FAULT && gun->phase == CHARGING)
        end_charge(gun, BY_FAULT);
    if (shown_fault(gun) != NO_FAULT && gun->phase == STARTING)
        give_up(gun, BY_PILE_OR_USER);
    const struct view view = view_of(gun);
    const bool same = view.state == gun->told.state && view.cable == gun->told.cable
        && view.parking == gun->told.parking && view.fault == gun->told.fault;
    if (!same) {
        tell_heartbeat(gun);
        tell_state_change(gun);
    }
}

void gun_line_up(struct gun *gun)
{
    tell_heartbeat(gun);
    tell_logout(gun);
}

void gun_correct(struct gun *gun, int64_t step_ms)
{
    moment_correct(&gun->arrive, step_ms);
}

int64_t gun_next_wakeup_ms(const struct gun *gun)
{
    int64_t wakeup_ms = next_heartbeat_ms(gun);
    const int64_t others_ms[] = {
        gun->phase == STARTING ? gun->started_ms + HANDSHAKE_MS + INSULATION_TEST_MS : INT64_MAX,
        gun->phase == STARTING ? gun->started_ms + HANDSHAKE_PATIENCE_MS : INT64_MAX,
        gun->phase == CHARGING ? gun->metered_ms + METER_STEP_MS : INT64_MAX,
        gun->authorisation.valid ? gun->authorisation.since_ms + AUTHORISATION_MS : INT64_MAX,
        gun->stop_question.asked ? gun->stop_question.until_ms : INT64_MAX,
        gun->card_question.asked ? gun->card_question.until_ms : INT64_MAX,
    };
    for (size_t i = 0; i < sizeof others_ms / sizeof others_ms[0]; i++)
        if (others_ms[i] > gun->cabinet->now_ms && others_ms[i] < wakeup_ms)
            wakeup_ms = others_ms[i];
    return wakeup_ms;
}

/* ---- what the platform says ---- */

static void authorise(struct gun *gun, const struct order *order)
{
    struct authorisation *authorisation = &gun->authorisation;
    const bool again = authorisation->valid && memcmp(authorisation->order.number, order->number, ORDER_SIZE) == 0;
    if (authorisation->valid && !again)
        drop_authorisation(gun);
    if (!again)
        authorisation->since_ms = gun->cabinet->now_ms; /* what the line doubles does not live longer for it */
    authorisation->valid = true;
    authorisation->order = *order;
}

static void start_by_card(struct gun *gun)
{
    struct uplink *uplink = &gun->cabinet->uplink;
    const struct order *order = &gun->authorisation.order;
    if (!can_start(gun, &order->identity)) {
        give_up(gun, BY_PILE_OR_USER);
        return;
    }
    write_start_request(uplink_body(uplink), order);
    uplink_tell(uplink, gun->number, START_REQUEST);
    if (gun->phase == OCCUPIED)
        leave(gun);
    begin_start(gun);
}

void gun_authorise(struct gun *gun, const struct frame *frame)
{
    struct order order;
    if (!read_authorise(frame, &order))
        return;
    /* An order that this gun has charged on cannot be had twice, however late its scan is repeated. */
    const bool charged = memcmp(order.number, gun->charge.order.number, ORDER_SIZE) == 0;
    const bool usable = order.error == 0 && !is_no_order(order.number) && !charged && !is_busy(gun);
    const bool asked = gun->card_question.asked && is_account(&gun->card_question.identity, &order.identity);
    if (asked) {
        gun->card_question.asked = false;
    } else {
        write_identity(uplink_body(&gun->cabinet->uplink), &order.identity);
        uplink_reply(&gun->cabinet->uplink, frame, AUTHORISE_REPLY);
    }
    if (usable)
        authorise(gun, &order);
    if (usable && asked)
        start_by_card(gun);
}

void gun_start(struct gun *gun, const struct frame *frame)
{
    struct cabinet *cabinet = gun->cabinet;
    struct identity identity;
    if (!read_start(frame, &identity))
        return;
    const struct identity *authorised = &gun->authorisation.order.identity;
    const bool known = gun->authorisation.valid && is_account(authorised, &identity);
    const bool again = (gun->phase == STARTING && known)
        || (gun->phase == CHARGING && is_account(&gun->charge.order.identity, &identity));
    const bool starts = !is_busy(gun) && can_start(gun, &identity);
    if (starts && gun->phase == OCCUPIED)
        leave(gun);
    bills_send(&cabinet->bills, &cabinet->uplink, cabinet->now_ms); /* what is owed goes before the answer */
    write_identity(uplink_body(&cabinet->uplink), &identity);
    uplink_reply(&cabinet->uplink, frame, START_REPLY);
    if (starts)
        begin_start(gun);
    else if (!again && known && !is_busy(gun))
        give_up(gun, BY_PILE_OR_USER);
    else if (!again)
        log_out(gun, &identity, BY_PILE_OR_USER);
}

void gun_stop(struct gun *gun, const struct frame *frame)
{
    struct stop stop;
    if (!read_stop(frame, &stop))
        return;
    const bool asked = gun->stop_question.asked && is_account(&gun->stop_question.identity, &stop.identity);
    if (asked) {
        gun->stop_question.asked = false;
        if (stop.agreed && gun->phase == CHARGING)
            end_charge(gun, AT_THE_PILE);
        return;
    }
    write_stop_reply(uplink_body(&gun->cabinet->uplink), &stop.identity);
    uplink_reply(&gun->cabinet->uplink, frame, STOP_REPLY);
    if (!stop.agreed)
        return;
    if (gun->phase == CHARGING && is_account(&gun->charge.order.identity, &stop.identity))
        end_charge(gun, BY_PLATFORM);
    else if (gun->authorisation.valid && is_account(&gun->authorisation.order.identity, &stop.identity))
        drop_authorisation(gun);
}

/* ---- what people and things do ---- */

void gun_plug(struct gun *gun, const struct car *car)
{
    gun->cable = true;
    gun->car = *car;
    if (gun->cabinet->uplink.powered)
        gun->arrive = moment_of(gun);
}

void gun_unplug(struct gun *gun)
{
    gun->cable = false;
    if (!gun->cabinet->uplink.powered)
        return; /* it is found out at the next boot */
    gun->found_fault = NO_FAULT;
    if (gun->phase == STARTING)
        give_up(gun, BY_PILE_OR_USER);
    if (gun->phase == CHARGING)
        end_charge(gun, UNEXPECTED);
    if (gun->phase == OCCUPIED)
        leave(gun);
    gun->arrive = (struct moment){0};
}

static void ask(struct gun *gun, struct question *question, const struct identity *identity, uint8_t command)
{
    struct uplink *uplink = &gun->cabinet->uplink;
    *question = (struct question){
        .asked = true,
        .identity = *identity,
        .until_ms = gun->cabinet->now_ms + QUESTION_MS,
    };
    write_identity(uplink_body(uplink), identity);
    uplink_tell(uplink, gun->number, command);
}

void gun_stop_button(struct gun *gun)
{
    if (gun->phase == CHARGING && !uplink_is_heard(&gun->cabinet->uplink))
        end_charge(gun, AT_THE_PILE); /* there is nobody to ask */
    else if (gun->phase == CHARGING && !gun->stop_question.asked)
        ask(gun, &gun->stop_question, &gun->charge.order.identity, STOP_REQUEST);
    else if (gun->phase != CHARGING && gun->authorisation.valid)
        give_up(gun, BY_PILE_OR_USER);
}

void gun_card(struct gun *gun, const char account[ACCOUNT_SIZE])
{
    struct identity identity = {.login = CARD_LOGIN};
    memcpy(identity.account, account, ACCOUNT_SIZE);
    memcpy(identity.password, NO_PASSWORD, PASSWORD_SIZE);
    const struct order *busy_with = gun->phase == CHARGING ? &gun->charge.order : &gun->authorisation.order;
    if (is_busy(gun)) {
        if (is_account(&busy_with->identity, &identity))
            gun_stop_button(gun); /* the card that started it ends it, any other does nothing */
    } else if (gun->cable && uplink_is_heard(&gun->cabinet->uplink)) {
        ask(gun, &gun->card_question, &identity, AUTHORISE_REQUEST);
    }
}

void gun_insulation(struct gun *gun, bool ok)
{
    gun->insulation_broken = !ok;
    if (ok && (gun->found_fault == INSULATION || gun->found_fault == INSULATION_TEST) && gun->car.insulation)
        gun->found_fault = NO_FAULT;
    if (!ok && gun->phase == CHARGING)
        gun->found_fault = INSULATION; /* it is measured only under voltage */
}

void gun_bms(struct gun *gun, bool withholds, bool silent)
{
    if (silent && !gun->car.silent)
        gun->silent_since_ms = gun->cabinet->now_ms;
    gun->car.withholds = withholds;
    gun->car.silent = silent;
}

bool gun_maintenance(struct gun *gun, bool on)
{
    if (on && !gun->maintenance && (is_busy(gun) || shown_state(gun) != IDLE_STATE))
        return false;
    gun->maintenance = on;
    return true;
}
