"""Promise: over ten million calls, a click, drag or key on the Usage page shows its figures at once; nothing is mocked.

Each repetition asks what the page has not asked before: it is a visit of its own that ends on another day. A time runs
from the event that the browser reports (button released, key down) to the frame that shows the new figures:

- "figures": those that the interaction is about: the row of large figures and the chart with its table, no panel of
  them marked as waiting; or the rows of the calls drawer. This is what is promised.
- "all": the last change of anything on the page, tables and heat map below the window's edge included.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote

from playwright.sync_api import BrowserContext, Page

from bench.ledger import LAST_DAY, MODELS, ZONE, Plan, ensure_ledger
from bench.measure import judge, machine
from tests import browser as web
from tests.journeys.server import Server, serving

LIMIT_MS = 100
DAYS = 30
PATIENCE_MS = 30_000
FIGURES = "[data-testid^=usage-]"
CALLS = "[data-testid=calls] tbody"
WATCH = """
(() => {
  const native = window.fetch
  const state = { open: 0, began: 0, shown: 0, changed: 0, at: 0, watched: '', before: '' }
  window.bench = state
  window.fetch = async (...request) => {
    state.open += 1
    try { return await native(...request) } finally { setTimeout(() => { state.open -= 1 }) }
  }
  const texts = () => [...document.querySelectorAll(state.watched)].map((one) => one.textContent).join('|')
  const waiting = () => [...document.querySelectorAll(state.watched)].some((one) =>
    one.closest('[aria-busy=true]') || one.closest('table.opacity-60'))
  // The task after the next animation frame runs when the frame is drawn.
  const drawn = (note) => requestAnimationFrame(() => setTimeout(() => note(performance.now())))
  const look = () => {
    state.at = performance.now()
    if (!state.began) return
    drawn((now) => { state.changed = now })
    const text = state.shown || waiting() ? '' : texts()
    if (text && text !== state.before) {
      state.shown = -1
      drawn((now) => { state.shown = now })
    }
  }
  new MutationObserver(look).observe(document, {
    attributes: true, characterData: true, childList: true, subtree: true,
  })
  const begin = (event) => { if (state.watched && !state.began) state.began = event.timeStamp }
  window.addEventListener('pointerup', begin, true)
  window.addEventListener('keydown', begin, true)
  state.arm = (watched) => {
    Object.assign(state, { watched, began: 0, shown: 0, changed: 0 })
    state.before = texts()
  }
  // Nothing asked, nothing changed for a while: the page is at rest.
  state.quiet = () => state.open === 0 && performance.now() - state.at > 300
})()
"""


@dataclass(frozen=True)
class Interaction:
    """Something a person does on the Usage page."""

    name: str
    do: Callable[[Page], None]
    search: str = ""
    """What the page's address asks for beside the range."""
    watched: str = FIGURES
    first: Callable[[Page], None] | None = None
    """What has to be done before, unmeasured."""


@dataclass(frozen=True)
class Times:
    """How long one kind of interaction took until its figures and until everything was shown, in milliseconds."""

    interaction: Interaction
    figures: list[float]
    all: list[float]

    def __str__(self) -> str:
        """Write a row of the table."""
        numbers = (statistics.median(self.figures), max(self.figures), statistics.median(self.all), max(self.all))
        return f"{self.interaction.name:<40}" + "".join(f"{number:>9.0f}" for number in numbers)


def press(key: str) -> Callable[[Page], None]:
    """Press a key."""
    return lambda page: page.keyboard.press(key)


def choose(label: str) -> Callable[[Page], None]:
    """Click on one of several choices above the chart."""
    return lambda page: page.locator("fieldset label").get_by_text(label, exact=True).click()


def click_row(field: str) -> Callable[[Page], None]:
    """Click on the second row of a table."""
    return lambda page: page.locator(f"[data-testid=by-{field}] tbody button[aria-pressed]").nth(1).click()


def drag(page: Page) -> None:
    """Drag over a third of the chart."""
    box = page.locator("[data-testid=usage-chart] .u-over").bounding_box()
    if box is None:
        raise RuntimeError("the chart is not on the screen")
    height = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.4, height)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, height, steps=4)
    page.mouse.up()


def open_calls(page: Page) -> None:
    """Open the drawer with the calls behind the large figure."""
    page.locator("[data-testid=usage-calls] button").click()


def older_calls(page: Page) -> None:
    """Go to the next page in the drawer."""
    page.get_by_role("button", name="Older calls").click()


def remove_chip(page: Page) -> None:
    """Take a filter away."""
    page.get_by_role("button", name="Remove: ").first.click()


PROJECT = f"&f={quote('project:/home/app/project-3')}"
MODEL = f"&f={quote(f'model:{MODELS[1][0]}')}"
INTERACTIONS = (
    Interaction("range: the 30 days before, by key", press("[")),
    Interaction("range: drag over the chart", drag),
    Interaction("grain: days to weeks", choose("Week")),
    Interaction("metric: cost to tokens", choose("Tokens")),
    Interaction("filter: click on a project", click_row("project")),
    Interaction("filter: click on a model", click_row("model")),
    Interaction("chip of a project removed", remove_chip, PROJECT),
    Interaction("chip of a model removed", remove_chip, MODEL),
    Interaction("compare off, by key", press("x")),
    Interaction("compare on, by key", press("x"), "&compare=0"),
    Interaction("calls: drawer opened", open_calls, watched=CALLS),
    Interaction("calls: next page", older_calls, watched=CALLS, first=open_calls),
)


def measure(context: BrowserContext, server: Server, interaction: Interaction, times: int) -> Times:
    """Do something so many times, each time on a page that was just opened."""
    found = [visit(context, server, interaction, number) for number in range(times + 1)]
    # The first visit loads what server and browser have not needed yet.
    return Times(interaction, *([one[at] for one in found[1:]] for at in range(2)))


def visit(context: BrowserContext, server: Server, interaction: Interaction, number: int) -> tuple[float, float]:
    """Open the page with a range of its own, do it, and return the milliseconds until figures and all were shown."""
    last = LAST_DAY.date() - timedelta(days=1 + 3 * number)
    first = last - timedelta(days=DAYS - 1)
    page = context.new_page()
    page.goto(f"{server.address}/usage?range={first}..{last}{interaction.search}")
    page.locator("[data-testid=heat-map]").wait_for()
    rest(page)
    if interaction.first:
        interaction.first(page)
        page.locator(interaction.watched).wait_for()
        rest(page)
    page.evaluate("watched => bench.arm(watched)", interaction.watched)
    interaction.do(page)
    page.wait_for_function("() => bench.shown > 0", timeout=PATIENCE_MS)
    rest(page)
    took = page.evaluate("() => [bench.shown - bench.began, bench.changed - bench.began]")
    page.close()
    return float(took[0]), float(took[1])


def rest(page: Page) -> None:
    """Wait until the page neither asks nor changes."""
    page.wait_for_function("() => bench.quiet()", timeout=PATIENCE_MS)


def measure_all(server: Server, times: int) -> Iterator[Times]:
    """Measure every interaction in a window of usual size."""
    with web.chromium() as browser:
        context = browser.new_context(
            viewport={"width": 1440, "height": web.WIDTHS[1440]}, timezone_id=ZONE, locale="en-GB"
        )
        context.add_init_script(WATCH)
        for interaction in INTERACTIONS:
            found = measure(context, server, interaction, times)
            sys.stdout.write(f"{found}\n")
            sys.stdout.flush()
            yield found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 when the promise is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=Plan.calls)
    parser.add_argument("--times", type=int, default=12)
    chosen = parser.parse_args(arguments)
    if missing := web.what_is_missing():
        sys.stderr.write(f"{missing}\n")
        return 1
    plan = Plan(calls=chosen.calls, sessions=max(100, chosen.calls * 3 // 1000))
    data = ensure_ledger(plan)
    sys.stdout.write(f"{machine()} · {web.version()}\n{plan.calls:,} calls; {DAYS} days on the screen, by day\n")
    sys.stdout.write(f"milliseconds from the event to the frame that shows its answer, {chosen.times} visits each\n")
    sys.stdout.write("figures: large figures and chart, or the drawer's rows; all: every panel of the page\n")
    heads = ("figures", "worst", "all", "worst")
    sys.stdout.write(f"{'':<40}{''.join(f'{head:>9}' for head in heads)}\n")
    with tempfile.TemporaryDirectory(prefix="nobody-") as home:
        environment = {"CLAUDE_CONFIG_DIR": home, "CCLEDGER_DATA_DIR": str(data), "CCLEDGER_TIMEZONE": ZONE}
        with serving(environment) as server:
            found = list(measure_all(server, chosen.times))
    slowest = max(found, key=lambda one: statistics.median(one.figures))
    figure = statistics.median(slowest.figures)
    said = f"slowest median {figure:.0f} ms ({slowest.interaction.name})"
    return 0 if judge("page-interactions", said, f"{LIMIT_MS} ms", kept=figure <= LIMIT_MS) else 1


if __name__ == "__main__":
    sys.exit(main())
