/* The clocks and the calendar; see clock.h. */
#define _POSIX_C_SOURCE 200809L
#include "clock.h"

#include <time.h>

#ifndef CLOCK_RATE
#define CLOCK_RATE 1
#endif

int64_t monotonic_ms(void)
{
    static struct timespec start;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (start.tv_sec == 0 && start.tv_nsec == 0)
        start = now;
    const int64_t passed_ns = (int64_t)(now.tv_sec - start.tv_sec) * 1000000000 + (now.tv_nsec - start.tv_nsec);
    return (int64_t)(passed_ns / 1000 * CLOCK_RATE) / 1000;
}

int outside_ms(int64_t pile_ms)
{
    if (pile_ms <= 0)
        return 0;
    return (int)(pile_ms / CLOCK_RATE) + 1;
}

void clock_boot(struct world_clock *clock)
{
    /* One millisecond, for a moment of 0 is no time at all. */
    *clock = (struct world_clock){.offset_ms = 1, .set = false};
}

int64_t clock_set(struct world_clock *clock, int64_t now_ms, int64_t world_ms)
{
    const int64_t step_ms = world_ms - now_ms - clock->offset_ms;
    clock->offset_ms += step_ms;
    clock->set = true;
    return step_ms;
}

struct moment clock_moment(const struct world_clock *clock, int64_t now_ms)
{
    return (struct moment){.world_ms = now_ms + clock->offset_ms, .guessed = !clock->set};
}

void moment_correct(struct moment *moment, int64_t step_ms)
{
    if (moment->guessed)
        *moment = (struct moment){.world_ms = moment->world_ms + step_ms, .guessed = false};
}

void moment_reboot(struct moment *moment, struct moment now)
{
    if (moment->guessed)
        *moment = now;
}

static bool is_leap(int year)
{
    /* 2000 to 2127 is all that seven bits of year can say, and 2100 is no leap year. */
    return year % 4 == 0 && year != 100;
}

static int days_of_month(int year, int month)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

void put_time(struct writer *writer, struct moment moment)
{
    static const uint8_t no_time[7] = {0};
    if (moment.world_ms <= 0 || moment.guessed) {
        put_bytes(writer, no_time, sizeof no_time);
        return;
    }
    const int64_t of_day_ms = moment.world_ms % DAY_MS;
    int day = (int)(moment.world_ms / DAY_MS);
    int year = 0;
    int month = 1;
    for (; day >= 365 + is_leap(year); year++)
        day -= 365 + is_leap(year);
    for (; day >= days_of_month(year, month); month++)
        day -= days_of_month(year, month);
    put_number(writer, (uint64_t)(of_day_ms % MINUTE_MS), 2);
    put_number(writer, (uint64_t)(of_day_ms / MINUTE_MS % 60), 1);
    put_number(writer, (uint64_t)(of_day_ms / MINUTE_MS / 60), 1);
    put_number(writer, (uint64_t)(day + 1), 1);
    put_number(writer, (uint64_t)month, 1);
    put_number(writer, (uint64_t)year, 1);
}

int64_t take_time(struct reader *reader)
{
    const int millisecond = (int)take_number(reader, 2);
    const int minute = (int)take_number(reader, 1) & 0x3F;
    const int hour = (int)take_number(reader, 1) & 0x1F;
    const int day = (int)take_number(reader, 1) & 0x1F; /* the upper bits may hold the weekday */
    const int month = (int)take_number(reader, 1) & 0x0F;
    const int year = (int)take_number(reader, 1) & 0x7F;
    if (millisecond >= MINUTE_MS || minute > 59 || hour > 23 || month < 1 || month > 12)
        return 0;
    if (day < 1 || day > days_of_month(year, month))
        return 0;
    int64_t days = day - 1;
    for (int earlier = 0; earlier < year; earlier++)
        days += 365 + is_leap(earlier);
    for (int earlier = 1; earlier < month; earlier++)
        days += days_of_month(year, earlier);
    return days * DAY_MS + (int64_t)(hour * 60 + minute) * MINUTE_MS + millisecond;
}
