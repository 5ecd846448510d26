"""A site's piles shared out to processes, or to the workers of a cluster: each share is a site by itself.

Owns how piles are shared out, and what comes back of a share. Must not know who does the work. All that a share needs
travels with it: it is played, and judged, where it is, and its verdicts, figures and recordings come back. A share that
is done again is played anew, since its piles are a real platform's, whose time has gone on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

import msgspec

from pilesim.conformance.result import ScenarioResult
from pilesim.link.leash import Leash, on_leash
from pilesim.rig.clock import present_ns
from pilesim.site.figures import Figures
from pilesim.site.play import SiteOptions, play_site
from pilesim.site.verdicts import RED, judge_recording, unkept
from pilesim.spread import hired
from pilesim.wire.dialects import travelling

_LOOK_S = 0.2
"""So often it is asked whether to stop, and listened to how far the shares are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Some of the piles, and what is to be done with them. `number` tells it from the others."""

    number: int
    options: SiteOptions
    strict: bool
    keep_all: bool
    """All recordings come back, and not those alone where something failed."""
    leash: str
    """Where it is heard that the playing is to end, and told how far it is, host:port."""

    def __str__(self) -> str:
        plans = self.options.plans
        return f"piles {plans[0].number} to {plans[-1].number}"


@dataclass(frozen=True, slots=True)
class Shared:
    """What a share has come to; `recordings` by the names of their files."""

    results: tuple[ScenarioResult, ...]
    figures: Figures
    recordings: dict[str, bytes]


class Progress(msgspec.Struct, frozen=True):
    """What a share that is under way says of itself."""

    share: int
    figures: Figures


def _shared_out(options: SiteOptions, hands: int, *, strict: bool, keep_all: bool, leash: str) -> list[Share]:
    """`options` for so many at once: each share has piles of every kind, and its ramp takes as long as the whole's."""
    # A cluster may have no worker yet: one share waits for it.
    many = min(max(1, hands), len(options.plans))
    return [
        Share(
            number=at,
            options=replace(options, plans=plans, watch=False),
            strict=strict,
            keep_all=keep_all,
            leash=leash,
        )
        for at, plans in enumerate(options.plans[at::many] for at in range(many))
    ]


def play_apart(
    options: SiteOptions,
    figures: Figures,
    stop: Callable[[], bool],
    *,
    jobs: int,
    scheduler: str,
    strict: bool,
    keep_all: bool,
) -> Iterator[ScenarioResult]:
    """Play and judge `options` in `jobs` processes, or by the workers of the cluster at `scheduler`: each verdict.

    `stop` is asked now and then, on a thread of its own: it ends the playing, and not the judging. `figures` are the
    sum of what the shares have told so far; the recordings of a share lie where `options` say when it is over. RigError
    names a share that loses two of those who play it.
    """
    over = Event()
    leash = Leash(scheduler)
    told: dict[int, Figures] = {}
    whole: dict[int, Figures] = {}

    def hold() -> None:
        while not over.wait(_LOOK_S):
            for line in leash.heard():
                with suppress(msgspec.DecodeError, RecursionError):  # whoever dials in may say anything
                    heard = decode_progress(line)
                    if 0 <= heard.share < many:
                        # What a share that is done again said the first time is no more.
                        told[heard.share] = heard.figures
            figures.become({**told, **whole}.values())
            if stop():
                leash.let_go()

    with hired(jobs, scheduler, apart=True) as crew:
        shares = _shared_out(options, crew.hands, strict=strict, keep_all=keep_all, leash=leash.address)
        many = len(shares)
        holding = Thread(target=hold, name="leash", daemon=True)
        holding.start()
        try:
            for number, shared in crew.done(travelling(play_share, options.protocol), shares):
                whole[number] = shared.figures
                options.captures.mkdir(parents=True, exist_ok=True)
                for name, recording in shared.recordings.items():
                    (options.captures / name).write_bytes(recording)
                for result in shared.results:
                    back = Path(result.capture).name in shared.recordings
                    yield result if back else unkept(result)
        finally:
            over.set()
            holding.join()
            leash.close()
            figures.become(whole.values())


def encode_progress(told: Progress) -> bytes:
    """A line of the leash's."""
    return msgspec.json.encode(told)


def decode_progress(line: bytes) -> Progress:
    """What a line tells; msgspec.DecodeError where it is none."""
    return msgspec.json.decode(line, type=Progress, dec_hook=_counter)


def _counter(kind: type, found: object) -> Counter[str]:
    return Counter(msgspec.convert(found, dict[str, int]))


def play_share(share: Share) -> Shared:
    """Play one share here and now, and judge it."""
    figures = Figures(piles=len(share.options.plans))
    with TemporaryDirectory(prefix="pilesim-") as folder, on_leash(share.leash) as leash:

        def tell() -> None:
            leash.say(lambda: encode_progress(Progress(share.number, figures)))

        def stop() -> bool:
            tell()
            return leash.let_go()

        options = replace(share.options, captures=Path(folder), world_start_ns=present_ns(1))
        recordings = play_site(options, figures, stop)
        judged = {}
        for pile, path in recordings.items():
            # They are told of by where they will lie when they are back.
            result = judge_recording(pile, path, share.options.captures / path.name, strict=share.strict)
            figures.findings.update({row.id: len(row.findings) for row in result.failed(strict=True)})
            judged[pile] = result
            tell()
        kept = {
            path.name: path.read_bytes()
            for pile, path in recordings.items()
            if share.keep_all or judged[pile].verdict in RED
        }
    return Shared(tuple(judged.values()), figures, kept)
