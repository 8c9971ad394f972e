"""Promise: what a call through the gateway costs in CPU, everything on, beside nginx, LiteLLM and Portkey."""

from __future__ import annotations

import argparse
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial

from bench.gateway.gateways import Ours, Running, Unavailable, ccledger, litellm, nginx, portkey
from bench.gateway.rig import BURST, LOADS, PACED, WHOLE, Load, Rig, fetch, paused, rig
from bench.measure import judge, machine

OF_NGINX, OF_LITELLM = 2.5, 60
CONNECTIONS = 32
Opener = Callable[[Rig], AbstractContextManager[Running]]
PEERS: tuple[Opener, ...] = (nginx, litellm, portkey)


class Figures:
    """CPU per call in microseconds, of each gateway under each load, a figure a round."""

    def __init__(self) -> None:
        self._found: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        self.failed = 0
        self.asked_of_us = 0

    def add(self, rig: Rig, gateway: Running, load: Load, seconds: float) -> None:
        """Measures once."""
        before = gateway.cpu()
        answers = rig.run(gateway.target, load, exact=gateway.exact, connections=CONNECTIONS, seconds=seconds)
        cpu = gateway.cpu() - before
        if answers.failed or not answers.answered:
            sys.stdout.write(f"{gateway.name}, {load.name}: {answers.failed} failed, {answers.failure}\n")
            self.failed += max(1, answers.failed)
            return
        if isinstance(gateway, Ours):
            self.asked_of_us += answers.answered
        self._found[gateway.name, load.name].append(cpu / answers.answered * 1e6)

    def row(self, gateway: str) -> str:
        """One line of the table."""
        cells = (self._found[gateway, load.name] for load in LOADS)
        figures = (f"{min(cell):,.0f} ({statistics.median(cell):,.0f})" if cell else "–" for cell in cells)
        return f"{gateway:<20}" + "".join(f"{figure:>16}" for figure in figures)

    def ratio(self, load: Load, over: str, under: str) -> float | None:
        """How many times one takes what the other takes, in the middle of all rounds: both share what disturbs one."""
        pairs = zip(self._found[over, load.name], self._found[under, load.name], strict=False)
        ratios = [one / other for one, other in pairs]
        return statistics.median(ratios) if ratios else None


def open_all(stack: ExitStack, rig: Rig, program: Sequence[str], peers: Sequence[Opener]) -> list[Running]:
    """Starts what can be had here; what can't is named and left out."""
    found: list[Running] = []
    openers: tuple[Opener, ...] = (partial(ccledger, program=program), *peers)
    for opener in openers:
        try:
            gateway = stack.enter_context(opener(rig))
            for load in LOADS:
                fetch(gateway.target, load)
            found.append(gateway)
        except (Unavailable, RuntimeError) as reason:
            sys.stdout.write(f"left out: {reason}\n")
    return found


def judge_all(figures: Figures, ours: Ours, rows: int, expected: int) -> bool:
    """Prints each promise; one whose peer is not here can't be kept."""
    kept = [
        judge(
            "gateway-complete",
            f"{figures.failed} calls failed, {rows:,} of {expected:,} answered ones on the ledger",
            "0, all",
            kept=not figures.failed and rows == expected,
        )
    ]
    paced = figures.ratio(PACED, ours.name, "nginx")
    kept.append(
        judge(
            "gateway-cpu-paced",
            "no nginx" if paced is None else f"{paced:.2f} × nginx's CPU a call",
            f"{OF_NGINX} ×",
            kept=paced is not None and paced <= OF_NGINX,
        )
    )
    for name, load in (("json", WHOLE), ("burst", BURST)):
        ratio = figures.ratio(load, "LiteLLM", ours.name)
        figure = "no LiteLLM" if ratio is None else f"1/{ratio:.0f} of LiteLLM's CPU a call"
        kept.append(
            judge(f"gateway-cpu-{name}", figure, f"1/{OF_LITELLM}", kept=ratio is not None and ratio >= OF_LITELLM)
        )
    return all(kept)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 when a promise is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--only", nargs="*", help="the peers to measure; all without it")
    parser.add_argument("--ccledger", default=f"{sys.executable} -m ccledger")
    chosen = parser.parse_args(arguments)
    peers = [each for each in PEERS if chosen.only is None or each.__name__ in chosen.only]
    figures = Figures()
    with ExitStack() as stack:
        upstream = stack.enter_context(rig())
        gateways = open_all(stack, upstream, chosen.ccledger.split(), peers)
        ours = next(each for each in gateways if isinstance(each, Ours))
        warm_up(upstream, gateways, figures)
        for _ in range(chosen.rounds):
            for load in LOADS:
                for gateway in gateways:
                    with paused([each.pid for each in gateways if each is not gateway]):
                        figures.add(upstream, gateway, load, chosen.seconds * (3 if load is PACED else 1))
        expected = figures.asked_of_us + len(LOADS)
        rows = ours.ledger.wait_for(expected)
        show(figures, gateways)
        return 0 if judge_all(figures, ours, rows, expected) else 1


def warm_up(rig: Rig, gateways: Sequence[Running], figures: Figures) -> None:
    """Lets each one load what it loads with its first calls."""
    for gateway in gateways:
        for load in LOADS:
            seconds = 1 if gateway.exact else 3
            answers = rig.run(gateway.target, load, exact=gateway.exact, connections=CONNECTIONS, seconds=seconds)
            figures.failed += answers.failed
            if answers.failed:
                sys.stdout.write(f"{gateway.name}, {load.name}: {answers.failed} failed, {answers.failure}\n")
            if isinstance(gateway, Ours):
                figures.asked_of_us += answers.answered


def show(figures: Figures, gateways: Sequence[Running]) -> None:
    """Prints the table."""
    versions = " · ".join(f"{each.name} {each.version}" for each in gateways)
    sys.stdout.write(f"{machine()}\n{versions}\n")
    sys.stdout.write("CPU a call in µs, user and system, of all processes of a gateway on one core: least (median)\n")
    sys.stdout.write(f"{'':<20}" + "".join(f"{load.name:>16}" for load in LOADS) + "\n")
    for gateway in gateways:
        sys.stdout.write(f"{figures.row(gateway.name)}\n")
    for over, under in (("ccledger", "nginx"), ("LiteLLM", "ccledger"), ("Portkey", "ccledger")):
        ratios = (figures.ratio(load, over, under) for load in LOADS)
        cells = "".join(f"{ratio:>16.2f}" if ratio else f"{'–':>16}" for ratio in ratios)
        sys.stdout.write(f"{over + ' ÷ ' + under:<20}{cells}\n")


if __name__ == "__main__":
    sys.exit(main())
