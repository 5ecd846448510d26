/*
 * Prices, and what energy and standing about cost by them.
 *
 * Owns the tariff that comes with an order and the arithmetic of money. Must not know where it comes from.
 * Prices are 1e-5 yuan per kWh (occupancy: per minute), energy is 0.01 kWh, money is 0.01 yuan.
 */
#ifndef TARIFF_H
#define TARIFF_H

#include "clock.h"

enum { HALF_HOURS = 48, OCCUPANCY_SLOTS = 12, STAGES_MOST = 255 };

struct occupancy_slot {
    int32_t start_s; /* of the day */
    int32_t end_s;
    uint32_t rate;
};

struct tariff {
    uint16_t free_minutes;
    struct occupancy_slot slots[OCCUPANCY_SLOTS];
    uint32_t service_price[HALF_HOURS];
    uint32_t energy_price[HALF_HOURS];
};

/* Energy by half-hours, the first being the one in which the charge began. */
struct stages {
    int64_t first_half_hour; /* since 2000-01-01 00:00 */
    int count;
    int64_t energy_mj[STAGES_MOST]; /* millijoule: watt times millisecond */
};

struct fees {
    uint32_t charge_fen;
    uint32_t service_fen;
};

/* Energy rounded to 0.01 kWh. */
uint32_t energy_of(int64_t energy_mj);

/* Adds energy that flowed at a moment. */
void stages_add(struct stages *stages, struct moment moment, int64_t energy_mj);

/* The sum of the rounded stages, in 0.01 kWh. */
uint32_t stages_energy(const struct stages *stages);

struct fees tariff_fees(const struct tariff *tariff, const struct stages *stages);

/* The occupancy rate in force at a moment; 0 where no slot holds it. */
uint32_t tariff_occupancy_rate(const struct tariff *tariff, struct moment moment);

uint32_t occupancy_fee_fen(uint32_t minutes, uint32_t free_minutes, uint32_t rate);

#endif
