"""Checks the rig that gateways are measured on, against the upstream itself; it measures nothing worth keeping."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator

import pytest

from bench.gateway.rig import BURST, LOADS, PACED, WHOLE, Load, Rig, Target, cpu_of_family, fetch, rig, rss_of_family

pytestmark = pytest.mark.skipif(
    (os.cpu_count() or 1) < 2 or not all(map(shutil.which, ("cc", "taskset"))),
    reason="needs two cores, a C compiler and taskset",
)


@pytest.fixture(scope="module")
def upstream() -> Generator[Rig]:
    with rig() as running:
        yield running


@pytest.mark.parametrize("load", LOADS, ids=lambda load: load.name)
def test_every_answer_is_counted_and_as_it_should_be(upstream: Rig, load: Load) -> None:
    expected = 1 + 40
    before = upstream.answered()
    answers = upstream.run(upstream.direct, load, exact=True, connections=8, count=40, seconds=20)
    assert (answers.answered, answers.failed, answers.failure) == (40, 0, "")
    assert upstream.answered() - before == expected


def test_no_two_answers_have_one_id(upstream: Rig) -> None:
    bodies = [fetch(upstream.direct, load) for load in (WHOLE, BURST, PACED) for _ in range(3)]
    ids = {body.partition(b'"id":"')[2].partition(b'"')[0] for body in bodies}
    assert len(ids) == len(bodies)
    assert all(one.startswith(b"msg_") for one in ids)


def test_a_stream_has_as_many_events_as_were_asked_for(upstream: Rig) -> None:
    assert fetch(upstream.direct, Load("some", "events=17")).count(b"\n\n") == 17
    assert fetch(upstream.direct, Load("some", "events=23 pace=1")).count(b"\n\n") == 23


def test_an_answer_with_another_byte_in_it_is_seen(upstream: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = upstream.expected(WHOLE).replace(b"dull gateway", b"dumb gateway", 1)

    def expected(_: Load) -> bytes:
        return wrong

    monkeypatch.setattr(upstream, "expected", expected)
    answers = upstream.run(upstream.direct, WHOLE, exact=True, connections=2, count=4, seconds=5)
    assert answers.answered == 0
    assert answers.failed >= 4
    assert "the body is not as expected" in answers.failure


def test_nobody_there_is_a_failure(upstream: Rig) -> None:
    answers = upstream.run(Target(1), WHOLE, exact=False, connections=3, seconds=0.1)
    assert (answers.answered, answers.failed) == (0, 3)


def test_a_rate_is_kept(upstream: Rig) -> None:
    answers = upstream.run(upstream.direct, WHOLE, exact=True, connections=4, seconds=1, rate=50)
    assert answers.failed == 0
    assert answers.answered <= 50


def test_what_processes_use_is_that_of_children_too() -> None:
    assert cpu_of_family(os.getpid()) > 0
    assert rss_of_family(os.getpid()) > 1 << 20
