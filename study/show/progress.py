"""What the user sees while a study runs: a live table in a terminal, plain lines elsewhere.

A listener to the events of trials and phases. Computes nothing that the ledger does not know.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from analysis.records.schema import ENDINGS, Phase, PhaseEvent, TrialEvent
from study.show.busy import Busy
from study.show.doing import Doing
from study.show.terminal import Screen, as_is

if TYPE_CHECKING:
    from study.search.ledger import Account, Ledger
    from study.show.watch import Watch

PHASES = {
    "prepare": "Preparing",
    "search": "Searching",
    "final": "Final runs on the test split",
    "report": "Writing the report",
}
LINE_EVERY_S = 15.0  # between plain lines, where there is no terminal
DRAW_EVERY_S = 0.25  # at most, in a terminal: hundreds of trials report a hundred times a second
FIRST = "starting processes"  # what a phase of trials begins with


class Progress:
    """Follows one study. Use as a context manager around it.

    Args:
        console: where to write; without a terminal behind it, plain lines are written.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._parts: tuple[Table | Text, ...] = ()  # of the screen; another thread draws them
        self._doing: Doing | None = None
        # It draws itself once a second too, so that the seconds pass while a library works and nothing is told.
        self._live = Screen(console, self._screen) if console.is_terminal else None
        self._began, self._last_told = time.monotonic(), 0.0
        self._ledger: Ledger | None = None
        self._exhausted: Mapping[Account, str] = {}
        self._watch: Watch | None = None
        self._said: set[tuple[str, str]] = set()  # by the watch, of every search so far
        self._unsaid: list[str] = []  # what an earlier session's trials show, until the search goes on
        self._busy = Busy()
        self._trials: Counter[Account] = Counter()
        self._best: dict[Account, float] = {}
        self._charging: dict[str, tuple[Account, float]] = {}  # seconds charged by trials still running
        self._slots = 1
        self._runs, self._runs_done = 0, 0
        self._phase = ""
        self._last_shown = 0.0

    def __enter__(self) -> Progress:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def phase(self, phase: Phase, slots: int) -> None:
        """A phase begins."""
        self._phase, self._slots, self._doing = phase, slots, None
        if self._live:
            self._draw()
        else:
            self._console.print(PHASES[phase])
        if phase in ("search", "final"):
            self.doing(FIRST)

    def doing(self, what: str, done: int = 0, among: int = 0) -> None:
        """This is being done, and so many of so many are done; called for each of thousands, perhaps."""
        now, known = time.monotonic(), self._doing
        new = known is None or known.what != what
        doing = self._doing = Doing(what) if known is None or new else known
        doing.count(done, among)
        if self._live:
            if new:
                self._live.refresh()
        elif new or now - self._last_told >= LINE_EVERY_S:
            self._last_told = now
            self._console.print(f"  {duration(now - self._began)}: {doing.progress}", markup=False, highlight=False)

    def say(self, line: str) -> None:
        """A line that stays on the screen."""
        if self._live:
            self._live.print(line)
        else:
            self._console.print(line, markup=False, soft_wrap=True)

    def search(self, ledger: Ledger, exhausted: Mapping[Account, str], earlier: list[TrialEvent]) -> None:
        """The search begins, or goes on after these events; whoever is `exhausted` will spend no more."""
        from study.show.watch import Watch

        goes_on = self._ledger is not None  # by itself, with more replicates: its events so far have been shown
        self._ledger, self._exhausted, self._watch = ledger, exhausted, Watch(ledger, self._said)
        self._trials, self._best, self._charging = Counter(), {}, {}
        for event in earlier:
            if not goes_on:
                self._busy.see(event)
            self._count(event)
            self._unsaid += self._look(event)
        if not goes_on and (line := self._busy.line):
            self._unsaid.append(line)

    def final(self, runs: int) -> None:
        """So many final runs are to be done."""
        self._runs, self._runs_done = runs, 0

    def __call__(self, event: TrialEvent | PhaseEvent) -> None:
        """Take note of an event, and show it."""
        if isinstance(event, PhaseEvent):
            self._note(event)
            return
        if event.event != "started":
            self._doing = None
        self._count(event)
        self._say_all(self._look(event))
        if line := self._busy.see(event):
            self.say(line)
        now = time.monotonic()
        if now - self._last_shown < (DRAW_EVERY_S if self._live else LINE_EVERY_S):
            return
        self._last_shown = now
        if self._live:
            self._draw()
        else:
            for line in self._lines():
                self._console.print(line, markup=False, highlight=False)

    def _say_all(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.say(line)

    def _look(self, event: TrialEvent) -> list[str]:
        """What an event of the search makes evident."""
        return self._watch.see(event) if self._watch and event.phase == "search" else []

    def _note(self, event: PhaseEvent) -> None:
        if event.phase == "search" and event.event == "started":
            self._say_all(self._unsaid)
            self._unsaid = []
        if event.phase == "search" and event.event == "finished" and self._watch:
            self._say_all(self._watch.end(self._exhausted))
        if event.slots is None:
            return
        if event.event == "started":
            self.phase(event.phase, event.slots)
        else:  # the cluster has grown or shrunk
            self._slots = event.slots

    def _count(self, event: TrialEvent) -> None:
        from study.search.ledger import Account

        account = Account(event.approach, event.replicate)
        if event.phase == "final":
            self._runs_done += event.event in ENDINGS
            return
        if event.event in ENDINGS:
            self._charging.pop(event.trial, None)
            self._trials[account] += 1
        else:
            self._charging[event.trial] = (account, event.charged_s)
        if event.best_accuracy is not None:
            self._best[account] = max(event.best_accuracy, self._best.get(account, 0.0))

    def _lines(self) -> list[str]:
        if self._phase == "final":
            return [f"  final runs {self._runs_done}/{self._runs}"]
        rows = [f"  {name}: {charged}, {trials} trials, best {best}" for name, charged, trials, best in self._rows()]
        return [*rows, f"  about {self._left()} left in the search"] if rows else []

    def _rows(self) -> list[tuple[str, str, str, str]]:
        """Of each approach: what all its searches were charged and tried, and the best that any of them has found."""
        if self._ledger is None:
            return []
        rows = []
        for name in dict.fromkeys(account.approach for account in self._ledger.accounts):
            own = [account for account in self._ledger.accounts if account.approach == name]
            best = max((self._best[account] for account in own if account in self._best), default=None)
            rows.append(
                (
                    name,
                    f"{sum(map(self._charged_s, own)):.0f} / {len(own) * self._ledger.budget_s:.0f} s",
                    str(sum(self._trials[account] for account in own)),
                    "-" if best is None else f"{best:.3f}",
                )
            )
        return rows

    def _charged_s(self, account: Account) -> float:
        assert self._ledger is not None
        running = sum(seconds for owner, seconds in self._charging.values() if owner == account)
        return self._ledger.charged_s(account) + running

    def _left(self) -> str:
        assert self._ledger is not None
        spending = [account for account in self._ledger.accounts if account not in self._exhausted]
        left = sum(self._ledger.budget_s - self._charged_s(account) for account in spending)
        return duration(max(0.0, left) / max(1, self._slots))  # without any, it waits for one

    def _draw(self) -> None:
        assert self._live is not None
        parts: list[Table | Text] = [Text(PHASES[self._phase], style="bold")]
        if self._ledger is not None:
            table = Table(box=None, padding=(0, 2, 0, 0))
            for heading in ("approach", "charged", "trials", "best validation accuracy"):
                table.add_column(heading, justify="left" if heading == "approach" else "right")
            for row in self._rows():
                table.add_row(*map(as_is, row))
            parts.append(table)
        if self._phase == "search" and self._ledger is not None:
            parts.append(Text(f"about {self._left()} left in the search, then the final runs"))
        if self._phase == "final":
            parts.append(Text(f"{self._runs_done} of {self._runs} final runs done"))
        self._parts = tuple(parts)
        self._live.refresh()

    def _screen(self) -> Group:
        """What is drawn: nothing here is changed by whoever draws, and nothing read that changes while it is read."""
        parts, doing = self._parts, self._doing
        if doing is None:
            return Group(*parts)
        return Group(*parts, Text(f"{doing.progress}, {duration(doing.elapsed_s)}"))


def duration(seconds: float) -> str:
    """Seconds as people say them: `45 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
