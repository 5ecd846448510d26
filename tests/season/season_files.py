"""Seasons for the tests: as the field's in shape, with rates high enough that few charges show every code."""

from __future__ import annotations

from pilesim.season.fixture import Season, load_season
from pilesim.season.play import season_contract

LIKE_ZPD_7 = """\
name: like-zpd-7
title: Bills lost, one way and another
start: "2019-10-11T08:00:00+08:00"
days: 1
charges: 480
sites:
  - name: A
    piles: 2
    firmware: {sinexcel-2090104: 1}
    faults:
      - energy-lost: {rate: 0.2}
      - duration-wrong: {rate: 0.2}
  - name: B
    piles: 1
    firmware: {sinexcel-2090404: 1}
hours: {8: 1, 9: 2, 10: 2, 11: 2, 12: 2, 13: 1}
power-kw: {from: 20, to: 60}
habits:
  - name: tops up
    weight: 6
    charge: {from: 5s, to: 4m}
    parking: {from: 0s, to: 2m}
  - name: waits
    weight: 2
    charge: {from: 6m, to: 10m}
    parking: {from: 10s, to: 3m}
endings: {full: 2, platform: 2, at-pile: 1, unplug: 1, balance: 1}
failed-starts: 0.1
outages: {share: 0.1, lasts: {from: 31m, to: 33m}}
"""

LIKE_ZPD_5 = """\
name: like-zpd-5
title: Parking habits
start: "2019-07-01T08:00:00+08:00"
days: 1
charges: 480
tariff: {occupancy: 0.80, free: 15m}
sites:
  - name: A
    piles: 2
    firmware: {sinexcel-2090404: 1}
hours: {8: 1, 9: 2, 10: 2, 11: 2, 12: 2, 13: 1}
power-kw: {from: 20, to: 60}
habits:
  - name: moves on
    weight: 30
    charge: {from: 70s, to: 4m}
    parking: {from: 0s, to: 3m}
  - name: parks a little over
    weight: 4
    charge: {from: 70s, to: 3m}
    parking: {from: 15m, to: 18m}
  - name: stays
    weight: 4
    charge: {from: 70s, to: 3m}
    parking: {from: 22m, to: 40m}
    endings: {full: 60, platform: 30, balance: 10}
  - name: hardly began and stays
    weight: 3
    charge: {from: 8s, to: 50s}
    parking: {from: 25m, to: 35m}
    endings: {platform: 1, at-pile: 1}
endings: {full: 4, platform: 4, at-pile: 1, unplug: 1, balance: 1}
"""

_ODD = """\
name: {name}
title: Bills that are told by their own log
start: "2020-03-03T08:00:00+08:00"
days: 1
charges: 480
sites:
{sites}
hours: {{8: 1, 9: 2, 10: 2, 11: 2, 12: 2, 13: 1}}
power-kw: {{from: 20, to: 60}}
habits:
  - name: tops up
    weight: 1
    charge: {{from: 1m, to: 4m}}
    parking: {{from: 30s, to: 3m}}
endings: {{full: 2, platform: 2, at-pile: 1, unplug: 1, balance: 1}}
failed-starts: 0.4
failed-stay: {{from: 10s, to: 2m}}
scanned-again: 0.3
lost-bills: 0.2
lost-acknowledgements: 0.2
outages: {{share: 0.1, lasts: {{from: 10s, to: 5m}}}}
power-cuts: {{share: 0.15, lasts: {{from: 10s, to: 5m}}}}
"""


def _site(firmware: str, *faults: str) -> str:
    listed = ", ".join(f"{{{fault}: null}}" for fault in faults)
    return f"  - {{name: {'+'.join((firmware, *faults))}, piles: 1, firmware: {{{firmware}: 1}}, faults: [{listed}]}}"


LIKE_SZDS_26 = _ODD.format(
    name="like-szds-26",
    sites="\n".join(map(_site, ("robinson-gen5-0303", "robinson-gen5-0309", "robinson-gen5-lag"))),
)
LIKE_ZPD_3 = _ODD.format(
    name="like-zpd-3",
    sites="\n".join(
        (
            _site("reference", "bill-empty-order"),
            _site("reference", "bill-not-resent", "bill-changes"),
            _site("reference", "bill-lost-in-power-cut"),
        )
    ),
)


def season(text: str) -> Season:
    return load_season(text, "season.yaml", season_contract())
