"""How much is enough: all where there is time for many seeds, as in CI; a part of it for a change.

Owns who has time, and how many examples a property is tried with. Which they are hypothesis draws anew each time, so
that all come up; it prints what repeats one that fails.
"""

from __future__ import annotations

import pytest
from hypothesis import settings

SEEDS_OF_CI = 20
SHARES = {"all": 100, "a tenth": 10}
"""Of a hundred examples, by profile."""

# No test asserts on time, and a busy machine takes as long as it takes.
for name, share in SHARES.items():
    settings.register_profile(name, deadline=None, max_examples=share, print_blob=True)


def has_time(config: pytest.Config) -> bool:
    """Whether there is time for many seeds, and then for what takes long too."""
    return bool(config.getoption("--seeds") >= SEEDS_OF_CI)


def profile_of(config: pytest.Config) -> str:
    return "all" if has_time(config) else "a tenth"


def examples(most: int) -> settings:
    """`most` examples, or the share of them that there is time for."""
    return settings(max_examples=max(1, most * SHARES[settings.get_current_profile_name()] // 100))
