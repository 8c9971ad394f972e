"""Made-up transcripts with every trap known, the same for the same seed; it never says what the right totals are."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from random import Random

from .records import Maker, Session, growing, make_usage
from .traps import ALL

TRAPS: tuple[str, ...] = tuple(ALL)
"""The names of all traps."""

SESSIONS_PER_ROUND = 25


def roots_of(root: Path) -> tuple[Path, ...]:
    """Return the configuration directories a corpus consists of."""
    return tuple(path for path in (root, root / "second-root") if (path / "projects").is_dir())


def write_plain_session(maker: Maker) -> None:
    """Write a session in which nothing is unusual."""
    session = maker.session()
    for _ in range(maker.rng.randrange(2, 9)):
        session.turn()
    if maker.rng.random() < 0.3:
        write_plain_agent(session.agent())
    session.save()


def write_plain_agent(agent: Session) -> None:
    """Write a sub-agent's file: growing counts, final at the end."""
    agent.ask()
    for _ in range(3):
        usage = make_usage(agent.maker.rng)
        agent.answer(usage=usage, outputs=growing(agent.maker.rng, usage))
        agent.tool_result()
    agent.save()


def write_corpus(root: Path, *, seed: int, sessions: int, traps: Collection[str] | None = None) -> None:
    """Write plain sessions and the named traps (all when None) below a new configuration directory."""
    chosen = TRAPS if traps is None else tuple(traps)
    (root / "projects").mkdir(parents=True, exist_ok=True)
    for index in range(sessions):
        rng = Random(f"{seed}:plain:{index}")
        write_plain_session(Maker(root, rng, f"plain-{index % 7}"))
    for name in chosen:
        for turn in range(1 + sessions // SESSIONS_PER_ROUND):
            rng = Random(f"{seed}:{name}:{turn}")
            ALL[name](Maker(root, rng, name.replace("_", "-")))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write a corpus from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--traps", nargs="*", choices=TRAPS, help="all when not given, none when empty")
    chosen = parser.parse_args(arguments)
    write_corpus(chosen.directory, seed=chosen.seed, sessions=chosen.sessions, traps=chosen.traps)
    sys.stdout.write(f"{','.join(map(str, roots_of(chosen.directory)))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
