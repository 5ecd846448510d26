"""A site's piles shared out to processes, or to the workers of a cluster: each share is a site by itself.

Owns how piles are shared out, and what comes back of a share. Must not know who does the work. All that a share needs
travels with it: it is played, and judged, where it is, and its verdicts and figures come back, from a cluster its
recordings too. A share that is done again is played anew, since its piles are a real platform's, whose time has gone
on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
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
    """All recordings are kept, and not those alone where something failed."""
    leash: str
    """Where it is heard that the playing is to end, and told how far it is, host:port."""
    elsewhere: bool
    """On another machine perhaps, which has no such folder for the recordings: they come back with the verdicts."""

    def __str__(self) -> str:
        plans = self.options.plans
        return f"piles {plans[0].number} to {plans[-1].number}"


@dataclass(frozen=True, slots=True)
class Shared:
    """What a share has come to; `recordings` by the names of their files, where it was played elsewhere."""

    results: tuple[ScenarioResult, ...]
    figures: Figures
    recordings: dict[str, bytes]


class Progress(msgspec.Struct, frozen=True):
    """What a share that is under way says of itself."""

    share: int
    figures: Figures


def _shared_out(
    options: SiteOptions, hands: int, *, strict: bool, keep_all: bool, leash: str, elsewhere: bool
) -> list[Share]:
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
            elsewhere=elsewhere,
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
    sum of what the shares have told so far; the recordings of a share lie where `options` say, those of the cluster's
    when it is over. RigError names a share that loses two of those who play it.
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
        shares = _shared_out(
            options, crew.hands, strict=strict, keep_all=keep_all, leash=leash.address, elsewhere=bool(scheduler)
        )
        many = len(shares)
        holding = Thread(target=hold, name="leash", daemon=True)
        holding.start()
        try:
            for number, shared in crew.done(travelling(play_share, options.protocol), shares):
                whole[number] = shared.figures
                options.captures.mkdir(parents=True, exist_ok=True)
                for name, recording in shared.recordings.items():
                    (options.captures / name).write_bytes(recording)
                yield from shared.results
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
    home = share.options.captures
    results: list[ScenarioResult] = []
    sent: dict[str, bytes] = {}
    with ExitStack() as stack:
        leash = stack.enter_context(on_leash(share.leash))
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="pilesim-"))) if share.elsewhere else home

        def tell() -> None:
            leash.say(lambda: encode_progress(Progress(share.number, figures)))

        def stop() -> bool:
            tell()
            return leash.let_go()

        options = replace(share.options, captures=folder, world_start_ns=present_ns(1))
        for pile, path in play_site(options, figures, stop).items():
            # It is told of by where it will lie when it is back.
            result = judge_recording(pile, path, home / path.name, strict=share.strict)
            figures.findings.update({row.id: len(row.findings) for row in result.failed(strict=True)})
            if not share.keep_all and result.verdict not in RED:
                path.unlink()
                result = unkept(result)
            elif share.elsewhere:
                sent[path.name] = path.read_bytes()
            results.append(result)
            tell()
    return Shared(tuple(results), figures, sent)
