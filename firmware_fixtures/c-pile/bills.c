/* The bill store; see bills.h. */
#include "bills.h"

enum { RESEND_MS = 30000 };

#ifdef FAULT_UNPLUG_LAG
/* The field's firmware of March 2020: the bill leaves minutes, or most of an hour, after the unplug. */
enum { LAG_MS = FAULT_UNPLUG_LAG * 1000 };
#else
enum { LAG_MS = 0 };
#endif

void bills_put(struct bill_store *store, const struct bill *bill, int64_t now_ms)
{
    store->bills[store->count++] = (struct stored_bill){.bill = *bill, .due_ms = now_ms + LAG_MS};
}

bool bills_have_room(const struct bill_store *store, int more)
{
    return store->count + more <= BILLS_MOST;
}

static bool is_sendable(const struct stored_bill *stored)
{
    /* A bill says the same each time, so it waits until its times are known. Only leave can be a guess: no charge
     * starts before the clock is set. */
    return !stored->bill.leave.guessed;
}

static int64_t next_sending_ms(const struct stored_bill *stored)
{
    return stored->left ? stored->sent_ms + RESEND_MS : stored->due_ms;
}

void bills_send(struct bill_store *store, struct uplink *uplink, int64_t now_ms)
{
    if (!uplink->powered || uplink->line.state != LINE_OPEN)
        return;
    for (int i = 0; i < store->count; i++) {
        struct stored_bill *stored = &store->bills[i];
        if (!is_sendable(stored) || now_ms < next_sending_ms(stored))
            continue;
        write_bill(uplink_body(uplink), &stored->bill);
        uplink_tell(uplink, stored->bill.gun, BILL);
        stored->left = true;
        stored->sent_ms = now_ms;
    }
}

void bills_acknowledge(struct bill_store *store, const char number[ORDER_SIZE])
{
    for (int i = 0; i < store->count; i++) {
        if (memcmp(store->bills[i].bill.number, number, ORDER_SIZE) != 0)
            continue;
        store->count--;
        memmove(&store->bills[i], &store->bills[i + 1], (size_t)(store->count - i) * sizeof store->bills[0]);
        return;
    }
}

void bills_line_up(struct bill_store *store)
{
    for (int i = 0; i < store->count; i++)
        store->bills[i].left = false;
}

void bills_boot(struct bill_store *store, struct moment now)
{
    bills_line_up(store);
    for (int i = 0; i < store->count; i++)
        moment_reboot(&store->bills[i].bill.leave, now);
}

void bills_correct(struct bill_store *store, int64_t step_ms)
{
    for (int i = 0; i < store->count; i++)
        moment_correct(&store->bills[i].bill.leave, step_ms);
}

void bills_order_never_started(struct bill_store *store, int gun, const char number[ORDER_SIZE], int64_t now_ms)
{
#ifdef FAULT_RECORD_BUFFER
    /* szds-16a: there is one record, zero since boot; the end of an order sends it whether it was filled or not. */
    struct bill record = {.gun = (uint8_t)gun};
    memcpy(record.number, number, ORDER_SIZE);
    if (bills_have_room(store, 1))
        bills_put(store, &record, now_ms);
#else
    (void)store, (void)gun, (void)number, (void)now_ms;
#endif
}

int64_t bills_next_wakeup_ms(const struct bill_store *store)
{
    int64_t wakeup_ms = INT64_MAX;
    for (int i = 0; i < store->count; i++)
        if (is_sendable(&store->bills[i]) && next_sending_ms(&store->bills[i]) < wakeup_ms)
            wakeup_ms = next_sending_ms(&store->bills[i]);
    return wakeup_ms;
}
