/* The arithmetic of money; see tariff.h. */
#include "tariff.h"

enum { MJ_PER_UNIT = 36000000 }; /* 0.01 kWh in millijoule */

uint32_t energy_of(int64_t energy_mj)
{
    return (uint32_t)((energy_mj + MJ_PER_UNIT / 2) / MJ_PER_UNIT);
}

void stages_add(struct stages *stages, struct moment moment, int64_t energy_mj)
{
    const int64_t half_hour = moment.world_ms / HALF_HOUR_MS;
    if (stages->count == 0) {
        stages->first_half_hour = half_hour;
        stages->count = 1;
    }
    /* A clock that is set back by the platform cannot take a stage away again; and a bill has room for 255. */
    while (stages->first_half_hour + stages->count <= half_hour && stages->count < STAGES_MOST)
        stages->energy_mj[stages->count++] = 0;
    stages->energy_mj[stages->count - 1] += energy_mj;
}

uint32_t stages_energy(const struct stages *stages)
{
    uint32_t energy = 0;
    for (int i = 0; i < stages->count; i++)
        energy += energy_of(stages->energy_mj[i]);
    return energy;
}

static uint32_t fee_fen(const uint32_t *prices, const struct stages *stages)
{
    /* 0.01 kWh times 1e-5 yuan is 1e-7 yuan, a hundred-thousandth of 0.01 yuan. */
    uint64_t sum = 0;
    for (int i = 0; i < stages->count; i++)
        sum += (uint64_t)energy_of(stages->energy_mj[i]) * prices[(stages->first_half_hour + i) % HALF_HOURS];
    return (uint32_t)((sum + 50000) / 100000);
}

struct fees tariff_fees(const struct tariff *tariff, const struct stages *stages)
{
    return (struct fees){
        .charge_fen = fee_fen(tariff->energy_price, stages),
        .service_fen = fee_fen(tariff->service_price, stages),
    };
}

uint32_t tariff_occupancy_rate(const struct tariff *tariff, struct moment moment)
{
    const int32_t second = (int32_t)(moment.world_ms % DAY_MS / 1000);
    for (int i = 0; i < OCCUPANCY_SLOTS; i++) {
        const struct occupancy_slot *slot = &tariff->slots[i];
        const bool over_midnight = slot->end_s < slot->start_s;
        const bool begun = second >= slot->start_s;
        const bool open = second < slot->end_s;
        if (over_midnight ? begun || open : begun && open)
            return slot->rate;
    }
    return 0;
}

uint32_t occupancy_fee_fen(uint32_t minutes, uint32_t free_minutes, uint32_t rate)
{
    const uint64_t charged_minutes = minutes > free_minutes ? minutes - free_minutes : 0;
    return (uint32_t)((charged_minutes * rate + 500) / 1000); /* 1e-5 yuan to 0.01 yuan */
}
