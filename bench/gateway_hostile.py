"""Promise: clients and upstreams that mean harm are refused or ended, cost little memory, and stop nobody else."""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

from bench.measure import judge
from bench.storm import Gateway, body, gateway, wait_for
from tests.upstream.answers import event, events, text_block
from tests.upstream.server import Fake, Plan, Seen, upstream
from tests.upstream.sockets import Talk, request

MEGABYTE = 1 << 20
MOST_MEMORY = 160.0
"""Megabytes by which the server may grow: a few bodies of 32 MB at once are allowed ones."""
LONGEST_WAIT = 2.0
"""Seconds that an ordinary call may wait meanwhile, on a machine that does all of this itself."""
STREAM = [("content-type", "text/event-stream")]


@dataclass
class Others:
    """An ordinary client that goes on calling."""

    port: int
    key: str
    waits: list[float] = field(default_factory=list[float])
    failures: int = 0
    _ending: Event = field(default_factory=Event)

    @contextmanager
    def calling(self) -> Generator[None]:
        """Calls all the time."""
        thread = Thread(target=self._call_on)
        thread.start()
        try:
            yield
        finally:
            self._ending.set()
            thread.join()

    def _call_on(self) -> None:
        while not self._ending.is_set():
            began = time.monotonic()
            try:
                with Talk(self.port) as talk:
                    talk.say(post(self.key, body(stream=False)))
                    self.failures += talk.hear().status != 200
            except OSError:
                self.failures += 1
            self.waits.append(time.monotonic() - began)
            time.sleep(0.02)


ATTACK = ("x-attack", "1")
"""Marks the calls that the upstream answers badly."""


def answering(fake: Fake, plans: Sequence[Plan]) -> None:
    """Has the calls of an attack answered by these, one after the other."""
    left = deque(plans)

    def answer(seen: Seen) -> Plan | None:
        return left.popleft() if seen.header("x-attack") and left else None

    fake.always = answer


def post(key: str, given: bytes | None, *headers: tuple[str, str]) -> bytes:
    """The bytes of a call."""
    return request("POST", "/v1/messages", [("x-api-key", key), ("content-type", "application/json"), *headers], given)


def memory(held: Gateway, name: str) -> float:
    """Megabytes: `VmRSS` now, `VmHWM` at most."""
    assert held.process is not None
    lines = Path(f"/proc/{held.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def files_open(held: Gateway) -> int:
    """Sockets and files that the server has open."""
    assert held.process is not None
    return len(os.listdir(f"/proc/{held.process.pid}/fd"))  # noqa: PTH208 - a listing of names


# Attacks: each returns whether it ended as it should


def long_bodies(held: Gateway, key: str, fake: Fake) -> bool:
    """100 MB with and without a length."""
    del fake
    answers: list[int] = []
    for chunked in (False, True) * 3:
        told = ("transfer-encoding", "chunked") if chunked else ("content-length", str(100 * MEGABYTE))
        with Talk(held.port) as talk:
            talk.say(post(key, None, told))
            piece = b"x" * MEGABYTE
            framed = b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece
            for _ in range(100):
                talk.say(framed)
            talk.say(b"0\r\n\r\n" if chunked else b"")
            answers.append(talk.hear().status)
    return answers == [413] * 6


def slow_clients(held: Gateway, key: str, fake: Fake) -> bool:
    """Heads and bodies that never come to an end; a byte now and then."""
    del fake
    whole = post(key, body(stream=False))
    cuts = [10, len(whole) - 5] * 200
    with ExitStack() as stack:
        talks = [stack.enter_context(Talk(held.port)) for _ in cuts]
        for talk, cut in zip(talks, cuts, strict=True):
            talk.say(whole[:cut])
        for number in range(12):
            for talk in talks[::2]:
                talk.say(b"x")
            time.sleep(1 + number % 2)
        return all(talk.hear_all().startswith((b"HTTP/1.1 408 ", b"")) for talk in talks)


def header_floods(held: Gateway, key: str, fake: Fake) -> bool:
    """Many headers, and large ones."""
    del fake
    many = post(key, body(stream=False), *((f"x-{number}", "y") for number in range(100_000)))
    large = post(key, body(stream=False), ("x-large", "y" * 4 * MEGABYTE))
    statuses: list[int] = []
    for data in (many, large) * 20:
        with Talk(held.port) as talk:
            talk.say(data)
            heard = talk.hear_all()
            statuses.append(int(heard.split()[1]) if heard else 400)  # the rest of what was said ends the connection
    return statuses == [400] * 40


def pipelines(held: Gateway, key: str, fake: Fake) -> bool:
    """Thousands of requests at once on one connection."""
    del fake, key
    count = 5_000
    with Talk(held.port) as talk:
        saying = Thread(target=talk.say, args=(request("GET", "/api/hello") * count,))
        saying.start()
        heard = [talk.hear().status for _ in range(count)]
        saying.join()
    return heard == [200] * count


def deaf_clients(held: Gateway, key: str, fake: Fake) -> bool:
    """Clients that never read a stream of 100 MB."""
    delta = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "x" * 50_000})
    answering(fake, [Plan(200, STREAM, _long(delta, 2_000))] * 20)
    with ExitStack() as stack:
        for _ in range(20):
            talk = stack.enter_context(Talk(held.port, receive_buffer=4096))
            talk.say(post(key, body(stream=True), ATTACK))
            talk.hear_until(b"message_start")
        time.sleep(2)
    return True


def _long(piece: bytes, count: int) -> list[bytes | float]:
    first, *_, last = events(1, "claude-opus-4-5", [text_block("Hi")], _COUNTS)
    return [first, *([piece, 0.0] * count), last]


def endless_answers(held: Gateway, key: str, fake: Fake) -> bool:
    """Streams of 100 MB without an event's end, heads without end, and 1 GB of nothing, compressed."""
    squeezed = gzip.compress(bytes(1 << 30), 1)
    plans = [
        Plan(200, STREAM, [b"data: " + b"x" * MEGABYTE, 0.0] * 100),
        Plan(200, STREAM, [b'data: {"type":"message_stop' * 40_000, 0.0] * 100),
        Plan(raw=b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 3_000_000),
        Plan(200, [*STREAM, ("content-encoding", "gzip")], [squeezed]),
    ]
    answering(fake, plans)
    whole: list[bool] = []
    for _ in plans:
        with Talk(held.port) as talk:
            talk.say(post(key, body(stream=True), ATTACK))
            heard = talk.hear_all()
            # What the upstream ended properly, be it nonsense, ends so here, too.
            whole.append(heard.startswith(b"HTTP/1.1 502 ") or heard.endswith(b"\r\n0\r\n\r\n"))
    return all(whole)


ATTACKS: tuple[Callable[[Gateway, str, Fake], bool], ...] = (
    long_bodies,
    header_floods,
    pipelines,
    deaf_clients,
    endless_answers,
    slow_clients,
)
_COUNTS = Fake().counts


def attack(held: Gateway, key: str, fake: Fake, names: Sequence[str]) -> Iterator[tuple[str, bool, Others, float]]:
    """One attack after the other, with an ordinary client beside each; how it went, and the memory then."""
    for one in ATTACKS:
        name = one.__name__.replace("_", " ")
        if names and name not in names:
            continue
        others = Others(held.port, key)
        with others.calling():
            ended = one(held, key, fake)
        yield name, ended, others, memory(held, "VmHWM:")


def main(arguments: Sequence[str] | None = None) -> int:
    """Attack, and return 1 when somebody else was stopped or something is kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="attacks; all when none is named")
    chosen = parser.parse_args(arguments)
    with upstream() as fake, gateway(CCLEDGER_ADMIN_KEY="hostile-admin-key") as held:
        key = held.key()
        held.account(fake.url)
        held.start()
        with Talk(held.port) as talk:
            talk.say(post(key, body(stream=False)))
            talk.hear()
        before, opened = memory(held, "VmRSS:"), files_open(held)
        kept, longest, failures = True, 0.0, 0
        for name, ended, others, peak in attack(held, key, fake, chosen.names):
            wait = max(others.waits, default=0.0)
            longest, failures = max(longest, wait), failures + others.failures
            kept = kept and ended
            how = "ended as it should" if ended else "DID NOT END AS IT SHOULD"
            served = (
                f"{len(others.waits)} calls of others, {others.failures} failed, the longest took {wait * 1000:.0f} ms"
            )
            sys.stdout.write(f"{name}: {how}; {served}; peak memory +{peak - before:.0f} MB\n")
            sys.stdout.flush()
        calm = wait_for(lambda: files_open(held) <= opened + 4 and _lent(held) == 0, 60)
        grown, left = memory(held, "VmHWM:") - before, files_open(held) - opened
        code = held.stop()
    sys.stdout.write(f"afterwards {left} files more are open, accounts are lent: {not calm}; exit code {code}\n")
    one = judge(
        "gateway-hostile", f"peak memory +{grown:.0f} MB", f"{MOST_MEMORY:.0f}", kept=kept and grown <= MOST_MEMORY
    )
    figure = f"others' longest call {longest:.2f} s, {failures} failed, {left} files left open"
    two = judge(
        "gateway-others", figure, f"{LONGEST_WAIT:g} s, 0", kept=calm and not failures and longest <= LONGEST_WAIT
    )
    return 0 if one and two and code == 0 else 1


def _lent(held: Gateway) -> int:
    with Talk(held.port) as talk:
        talk.say(request("GET", "/api/v1/account/list", [("x-admin-key", "hostile-admin-key")]))
        return sum(account["state"]["in_flight"] for account in json.loads(talk.hear("GET").body))


if __name__ == "__main__":
    sys.exit(main())
