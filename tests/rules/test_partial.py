"""Messages of which a log tells only a part: no rule breaks over them, and none fails for what is not told."""

from __future__ import annotations

import random
from typing import Any

import pytest
import stories_bills  # noqa: F401 (importing it tells its stories)
import stories_conduct  # noqa: F401 (importing it tells its stories)
import stories_merged  # noqa: F401 (importing it tells its stories)
from enough import has_time
from msgspec import structs
from stories import STORIES, Story

from pilesim.rules import judge as judging
from pilesim.rules.verdict import Verdict
from pilesim.trace.decoder import Decoder, Noise, Seen
from pilesim.trace.events import AnyEvent
from pilesim.wire.protocol import Protocol

SEED = 0
SHARES = (0.02, 0.3)
"""Little and much that is left out; of each story one of them by turns, where there is no time for many seeds."""
TOLD_ONCE = {(story.tells): story for story in STORIES}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "share" in metafunc.fixturenames:
        each = 1 if not has_time(metafunc.config) else len(SHARES)
        rows = [
            pytest.param(story, share, id=f"{story.name}-{share}")
            for at, story in enumerate(TOLD_ONCE.values())
            for share in (SHARES * 2)[at % len(SHARES) :][:each]
        ]
        metafunc.parametrize(("story", "share"), rows)


class Forgetful(Decoder):
    """A decoder of which a share of the fields is untold, by chance."""

    share = 0.0

    def __init__(self, protocol: Protocol, *, lone: bool = False) -> None:
        super().__init__(protocol, lone=lone)
        self._chance = random.Random(f"{SEED}")

    def feed(self, event: AnyEvent) -> list[Seen | Noise]:
        return [self._forgets(item) if isinstance(item, Seen) else item for item in super().feed(event)]

    def _forgets(self, seen: Seen) -> Seen:
        message = seen.decoded.message
        if message is None:
            return seen
        names = [name for name in message.__struct_fields__ if name != "gun"]
        gone = [name for name in names if self._chance.random() < self.share]
        nothing: dict[str, Any] = dict.fromkeys(gone)
        decoded = structs.replace(seen.decoded, message=structs.replace(message, **nothing), untold=frozenset(gone))
        return structs.replace(seen, decoded=decoded)


@pytest.mark.one_in(3)
def test_no_rule_breaks_or_fails_for_what_a_log_does_not_tell(
    story: Story, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = story.tells()
    told = set(world.judged().failed())
    monkeypatch.setattr(judging, "Decoder", type("Seeded", (Forgetful,), {"share": share}))
    judgement = world.judged()
    assert not [(r.id, r.reason) for r in judgement.rules if r.verdict is Verdict.ERROR]
    assert set(judgement.failed()) <= told, [f for r in judgement.rules for f in r.findings]
