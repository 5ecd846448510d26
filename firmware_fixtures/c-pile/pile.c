/* The whole pile; see pile.h. */
#include "pile.h"

#include <stdio.h>
#include <string.h>

#define FIRMWARE "C1.0.0"

enum {
    TIME_PATIENCE_MS = 10000, /* a question for the time is asked again after so long */
    TIME_PERIOD_MS = DAY_MS / 2,
    WHOLE_PILE_GUN = 1, /* what concerns the whole pile carries gun 1 */
};

/* ---- the line ---- */

static void ask_time(struct pile *pile)
{
    struct cabinet *cabinet = &pile->cabinet;
    put_time(uplink_body(&cabinet->uplink), clock_moment(&cabinet->clock, cabinet->now_ms));
    uplink_tell(&cabinet->uplink, WHOLE_PILE_GUN, TIME_REQUEST);
    pile->time_asked_ms = cabinet->now_ms;
    pile->ask_time_ms = cabinet->now_ms + TIME_PATIENCE_MS;
}

static void connect_up(struct pile *pile)
{
    struct cabinet *cabinet = &pile->cabinet;
    write_version(uplink_body(&cabinet->uplink), FIRMWARE);
    uplink_tell(&cabinet->uplink, WHOLE_PILE_GUN, VERSION);
    ask_time(pile);
    for (int i = 0; i < pile->gun_count; i++)
        gun_line_up(&pile->guns[i]);
    bills_line_up(&cabinet->bills);
    bills_send(&cabinet->bills, &cabinet->uplink, cabinet->now_ms);
}

static void take_time_reply(struct pile *pile, const struct frame *frame)
{
    struct cabinet *cabinet = &pile->cabinet;
    const bool was_set = cabinet->clock.set;
    int64_t asked_ms;
    int64_t world_ms;
    if (!read_time_reply(frame, &asked_ms, &world_ms) || world_ms == 0 || pile->time_asked_ms == INT64_MIN)
        return;
    pile->time_asked_ms = INT64_MIN;
    pile->ask_time_ms = cabinet->now_ms + TIME_PERIOD_MS;
    const int64_t step_ms = clock_set(&cabinet->clock, cabinet->now_ms, world_ms);
    if (was_set)
        return;
    bills_correct(&cabinet->bills, step_ms);
    for (int i = 0; i < pile->gun_count; i++)
        gun_correct(&pile->guns[i], step_ms);
}

static void take_frame(struct pile *pile, const struct frame *frame)
{
    struct gun *gun = &pile->guns[frame->gun - 1];
    char number[ORDER_SIZE];
    switch (frame->command) {
    case TIME_REPLY:
        take_time_reply(pile, frame);
        break;
    case BILL_REPLY:
        if (read_order_number(frame, number))
            bills_acknowledge(&pile->cabinet.bills, number);
        break;
    case AUTHORISE:
        gun_authorise(gun, frame);
        break;
    case START:
        gun_start(gun, frame);
        break;
    case STOP:
        gun_stop(gun, frame);
        break;
    default: /* replies that change nothing, and what this pile never asks for */
        break;
    }
}

static void settle(struct pile *pile)
{
    for (int i = 0; i < pile->gun_count && pile->cabinet.uplink.powered; i++)
        gun_settle(&pile->guns[i]);
    bills_send(&pile->cabinet.bills, &pile->cabinet.uplink, pile->cabinet.now_ms);
}

void pile_read(struct pile *pile)
{
    struct frame frame;
    bool back;
    uplink_read(&pile->cabinet.uplink);
    while (uplink_next(&pile->cabinet.uplink, &frame, &back)) {
        /* A time that is told is known by the time the pile asks anew; all else comes after what waited to be sent. */
        const bool told = frame.command == TIME_REPLY;
        if (back && !told)
            connect_up(pile);
        take_frame(pile, &frame);
        if (back && told)
            connect_up(pile);
        settle(pile);
    }
}

/* ---- power and time ---- */

static void boot(struct pile *pile)
{
    struct cabinet *cabinet = &pile->cabinet;
    clock_boot(&cabinet->clock);
    uplink_power(&cabinet->uplink, true);
    pile->time_asked_ms = INT64_MIN;
    pile->ask_time_ms = INT64_MAX;
    bills_boot(&cabinet->bills, clock_moment(&cabinet->clock, cabinet->now_ms));
    for (int i = 0; i < pile->gun_count; i++)
        gun_boot(&pile->guns[i]);
}

void pile_init(struct pile *pile, int gun_count, const char number[NUMBER_SIZE], const struct line *line)
{
    *pile = (struct pile){.gun_count = gun_count};
    pile->cabinet.uplink.line = *line;
    pile->cabinet.uplink.gun_count = gun_count;
    memcpy(pile->cabinet.uplink.number, number, NUMBER_SIZE);
    for (int i = 0; i < gun_count; i++) {
        pile->guns[i].number = i + 1;
        pile->guns[i].cabinet = &pile->cabinet;
        pile->guns[i].parking = BAY_UNKNOWN;
    }
    boot(pile);
}

void pile_advance(struct pile *pile, int64_t now_ms)
{
    struct cabinet *cabinet = &pile->cabinet;
    cabinet->now_ms = now_ms;
    cabinet->uplink.now_ms = now_ms;
    if (!cabinet->uplink.powered)
        return;
    if (uplink_advance(&cabinet->uplink, now_ms))
        connect_up(pile);
    if (cabinet->uplink.line.state == LINE_OPEN && now_ms >= pile->ask_time_ms)
        ask_time(pile);
    for (int i = 0; i < pile->gun_count; i++)
        gun_advance(&pile->guns[i]);
    settle(pile);
}

int64_t pile_next_wakeup_ms(const struct pile *pile)
{
    const struct cabinet *cabinet = &pile->cabinet;
    if (!cabinet->uplink.powered)
        return INT64_MAX;
    int64_t wakeup_ms = uplink_next_wakeup_ms(&cabinet->uplink);
    if (cabinet->uplink.line.state == LINE_OPEN) {
        const int64_t bills_ms = bills_next_wakeup_ms(&cabinet->bills);
        if (pile->ask_time_ms < wakeup_ms)
            wakeup_ms = pile->ask_time_ms;
        if (bills_ms < wakeup_ms)
            wakeup_ms = bills_ms;
    }
    for (int i = 0; i < pile->gun_count; i++) {
        const int64_t gun_ms = gun_next_wakeup_ms(&pile->guns[i]);
        if (gun_ms < wakeup_ms)
            wakeup_ms = gun_ms;
    }
    return wakeup_ms;
}

/* ---- acts ---- */

static const char *const FAULT_NAMES[] = {
    "other", /* 255 on the line */
    "emergency-stop",
    "meter",
    "contactor",
    "card-reader",
    "inside-hot",
    "connector",
    "insulation",
    "charger-hot",
    "ac-over-voltage",
    "ac-under-voltage",
    "dc-over-voltage",
    "dc-under-voltage",
    "dc-over-current",
    "dc-short-circuit",
    "module",
    "fire",
    "ground-lock",
    "cabinet-door",
    "executor-communication",
    "module-start",
    "dc-contactor",
    "discharge-contactor",
    "electronic-lock",
    "insulation-test",
    "battery-reversed",
    "control-pilot",
    "pile-hot",
    "gun-hot",
    "bms-communication",
    "pile-door",
    "internal-communication",
    "fan",
};

/* Whether `lacks=` names one of `words`, which stand between spaces; refuses what is no word of a BMS. */
static bool lacks(struct act *act, const char *words)
{
    static const char WORDS[] = " none bhm brm bcp bro bcs bcl bsm bst bsd ";
    bool found = false;
    for (const char *at = act_text(act, "lacks"); at != NULL && *at != '\0';) {
        const size_t size = strcspn(at, ",");
        char word[8];
        if (snprintf(word, sizeof word, " %.*s ", (int)size, at) != (int)size + 2 || strstr(WORDS, word) == NULL)
            return act_refuse(act, "%s: lacks: expected words of a BMS, found %s", act->words[0], at);
        found = found || strstr(words, word) != NULL;
        at += size + (at[size] == ',');
    }
    return found;
}

static const char OF_A_START[] = " bhm brm bcp bro ";
static const char OF_A_CHARGE[] = " bcs bcl bsm ";

static bool bms(struct pile *pile, struct gun *gun, struct act *act)
{
    (void)pile;
    const bool withholds = lacks(act, OF_A_START), silent = lacks(act, OF_A_CHARGE);
    if (act_text(act, "lacks") == NULL || !gun->cable)
        return act_refuse(act, "bms: expected lacks= and a car at gun %d", gun->number);
    if (act->refusal[0] == '\0')
        gun_bms(gun, withholds, silent);
    return true;
}

static bool plug(struct pile *pile, struct gun *gun, struct act *act)
{
    (void)pile;
    const int64_t capacity_mj = act_number(act, "capacity_dwh", 600000, 1, 100000000) * 360000;
    const struct car car = {
        .capacity_mj = capacity_mj,
        .stored_mj = capacity_mj / 1000 * act_number(act, "soc_permille", 350, 0, 1000),
        .full_mj = capacity_mj / 1000 * act_number(act, "full_permille", 1000, 0, 1000),
        .most_w = act_number(act, "max_w", 120000, 1, 10000000),
        .handshake = act_flag(act, "handshake", true),
        .insulation = act_flag(act, "insulation", true),
        .withholds = lacks(act, OF_A_START),
        .silent = lacks(act, OF_A_CHARGE),
    };
    if (gun->cable)
        return act_refuse(act, "plug: expected the cable of gun %d out, found it in a car", gun->number);
    if (act->refusal[0] == '\0')
        gun_plug(gun, &car);
    return true;
}

static bool unplug(struct pile *pile, struct gun *gun, struct act *act)
{
    (void)pile;
    if (!gun->cable)
        return act_refuse(act, "unplug: expected the cable of gun %d in a car, found it out", gun->number);
    gun_unplug(gun);
    return true;
}

static bool tap(struct pile *pile, struct gun *gun, struct act *act)
{
    (void)pile, (void)gun, (void)act;
    return true; /* the page with the code comes and goes; an order is none of the screen's business */
}

static bool card(struct pile *pile, struct gun *gun, struct act *act)
{
    (void)pile;
    const char *text = act_text(act, "account");
    char account[ACCOUNT_SIZE] = {0};
    if (text == NULL || *text == '\0' || strlen(text) > ACCOUNT_SIZE)
        return act_refuse(act, "card: expected account= and 1 to %d characters, found %s", ACCOUNT_SIZE,
            text == NULL ? "none" : text);
    memcpy(account, text, strlen(text));
    gun_card(gun, account);
    return true;
}

static bool stop_button(struct pile *pile, struct gun *gun, struct act *act)
{
    (void)pile, (void)act;
    gun_stop_button(gun);
    return true;
}

static bool emergency_stop(struct pile *pile, struct gun *gun, struct act *act)
{
    (void)gun, (void)act;
    pile->cabinet.emergency = true;
    return true;
}

static bool emergency_release(struct pile *pile, struct gun *gun, struct act *act)
{
    (void)gun, (void)act;
    pile->cabinet.emergency = false;
    return true;
}

static bool power_off(struct pile *pile, struct gun *gun, struct act *act)
{
    (void)gun;
    if (!pile->cabinet.uplink.powered)
        return act_refuse(act, "power-off: expected a pile with power, found one without");
    uplink_power(&pile->cabinet.uplink, false);
    return true;
}

static bool power_on(struct pile *pile, struct gun *gun, struct act *act)
{
    (void)gun;
    if (pile->cabinet.uplink.powered)
        return act_refuse(act, "power-on: expected a pile without power, found one with it");
    boot(pile);
    return true;
}

static bool insulation(struct pile *pile, struct gun *gun, struct act *act)
{
    (void)pile;
    const bool ok = act_flag(act, "ok", true);
    if (act_text(act, "ok") == NULL)
        return act_refuse(act, "insulation: expected ok=true or ok=false, found neither");
    if (act->refusal[0] == '\0')
        gun_insulation(gun, ok);
    return true;
}

/* The bit of the fault that an act names; refuses a name that is none. */
static uint64_t fault_bit(struct act *act)
{
    const char *name = act_text(act, "fault");
    for (size_t i = 0; name != NULL && i < sizeof FAULT_NAMES / sizeof FAULT_NAMES[0]; i++)
        if (strcmp(name, FAULT_NAMES[i]) == 0)
            return (uint64_t)1 << i;
    act_refuse(act, "%s: expected fault= and a fault's name, found %s", act->words[0], name == NULL ? "none" : name);
    return 0;
}

static bool fault(struct pile *pile, struct gun *gun, struct act *act)
{
    (void)pile;
    gun->fault_causes |= fault_bit(act);
    return true;
}

static bool fault_cleared(struct pile *pile, struct gun *gun, struct act *act)
{
    (void)pile;
    gun->fault_causes &= ~fault_bit(act);
    return true;
}

static bool parking(struct pile *pile, struct gun *gun, struct act *act)
{
    (void)pile;
    const bool taken = act_flag(act, "taken", false);
    if (act_text(act, "taken") == NULL)
        return act_refuse(act, "parking: expected taken=true or taken=false, found neither");
    if (act->refusal[0] == '\0')
        gun->parking = taken ? BAY_TAKEN : BAY_FREE;
    return true;
}

static bool maintenance(struct pile *pile, struct gun *gun, struct act *act)
{
    (void)pile;
    const bool on = act_flag(act, "on", false);
    if (act_text(act, "on") == NULL)
        return act_refuse(act, "maintenance: expected on=true or on=false, found neither");
    if (act->refusal[0] == '\0' && !gun_maintenance(gun, on))
        return act_refuse(act, "maintenance: expected gun %d idle, found it in use or at fault", gun->number);
    return true;
}

static const struct act_kind {
    const char *name;
    bool of_gun;      /* else of the whole pile */
    bool needs_power; /* a dead screen takes no taps */
    const char *keys; /* each with a space behind it */
    bool (*act)(struct pile *pile, struct gun *gun, struct act *act);
} KINDS[] = {
    {"plug", true, false, "capacity_dwh soc_permille max_w full_permille handshake insulation lacks ", plug},
    {"unplug", true, false, "", unplug},
    {"tap", true, true, "", tap},
    {"card", true, true, "account ", card},
    {"stop-button", true, true, "", stop_button},
    {"emergency-stop", false, false, "", emergency_stop},
    {"emergency-release", false, false, "", emergency_release},
    {"power-off", false, false, "", power_off},
    {"power-on", false, false, "", power_on},
    {"insulation", true, false, "ok ", insulation},
    {"bms", true, false, "lacks ", bms},
    {"fault", true, false, "fault ", fault},
    {"fault-cleared", true, false, "fault ", fault_cleared},
    {"maintenance", true, true, "on ", maintenance},
    {"parking", true, false, "taken ", parking},
};

static bool are_keys_known(const struct act_kind *kind, struct act *act)
{
    for (int i = 2; i < act->word_count; i++) {
        const size_t size = strcspn(act->words[i], "=");
        const char *found = kind->keys;
        while (*found != '\0' && !(strncmp(found, act->words[i], size) == 0 && found[size] == ' '))
            found = strchr(found, ' ') + 1;
        if (*found == '\0' || act->words[i][size] != '=')
            return act_refuse(act, "%s: expected KEY=VALUE with one of: %s, found %s", kind->name, kind->keys,
                act->words[i]);
    }
    return true;
}

static const struct act_kind *kind_of(struct act *act)
{
    for (size_t i = 0; act->word_count > 0 && i < sizeof KINDS / sizeof KINDS[0]; i++)
        if (strcmp(KINDS[i].name, act->words[0]) == 0)
            return &KINDS[i];
    act_refuse(act, "expected an act, found %s", act->word_count > 0 ? act->words[0] : "nothing");
    return NULL;
}

static struct gun *gun_of(struct pile *pile, struct act *act)
{
    const char *word = act->word_count > 1 ? act->words[1] : "nothing";
    for (int i = 0; i < pile->gun_count; i++)
        if (word[0] == '1' + i && word[1] == '\0')
            return &pile->guns[i];
    act_refuse(act, "%s: expected a gun from 1 to %d, found %s", act->words[0], pile->gun_count, word);
    return NULL;
}

bool pile_act(struct pile *pile, struct act *act)
{
    if (act->refusal[0] != '\0')
        return false;
    const struct act_kind *kind = kind_of(act);
    if (kind == NULL || !are_keys_known(kind, act))
        return false;
    struct gun *gun = kind->of_gun ? gun_of(pile, act) : NULL;
    if (kind->of_gun && gun == NULL)
        return false;
    if (kind->needs_power && !pile->cabinet.uplink.powered)
        return act_refuse(act, "%s: expected a pile with power, found one without", kind->name);
    if (!kind->act(pile, gun, act) || act->refusal[0] != '\0')
        return false;
    settle(pile);
    return true;
}
