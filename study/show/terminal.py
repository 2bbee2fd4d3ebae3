"""The terminal: text is shown as it is, whatever names hold.

Nothing is read as markup (`[bold]`, `[/]`, `:boat:`); whoever wants a style makes a Text. What a terminal would obey is
written out.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.live import Live
from rich.segment import Segment
from rich.text import Text

from analysis.records.slugs import visible


class PlainConsole(Console):
    """A console for whatever the program says.

    Args:
        file: where to write; standard output where none is given.
        stderr: standard error in its place.
        soft_wrap: leave long lines to the terminal.
        quiet: show nothing.
        width: characters of a line; those of the terminal where none is given.
    """

    def __init__(
        self,
        *,
        file: IO[str] | None = None,
        stderr: bool = False,
        soft_wrap: bool = False,
        quiet: bool = False,
        width: int | None = None,
    ) -> None:
        super().__init__(
            file=file,
            stderr=stderr,
            soft_wrap=soft_wrap,
            quiet=quiet,
            width=width,
            markup=False,
            highlight=False,
            emoji=False,
        )

    def render_str(self, text: str, **given: Any) -> Text:
        """A text that is printed or stands in a table, written out before it is measured."""
        return super().render_str(visible(text), **given)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """As Rich does it: everything that is printed comes by here, and its own control codes are marked as such."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text))


class Screen(Live):
    """What is drawn again and again, until the terminal has gone: see `Ends`.

    Args:
        console: with a terminal behind it.
        content: makes what is drawn; it is asked once a second too, by another thread.
    """

    def __init__(self, console: Console, content: Callable[[], RenderableType]) -> None:
        super().__init__(console=console, get_renderable=content, refresh_per_second=1, transient=True)
        self._ends = Ends(console.file)

    def refresh(self) -> None:
        with self._ends.noticed():
            super().refresh()

    def stop(self) -> None:
        self._ends.told = True  # whoever ends needs not be told to
        with self._ends.noticed():
            super().stop()

    def print(self, line: str) -> None:
        """A line above it, which stays."""
        with self._ends.noticed():
            self.console.print(line, markup=False, soft_wrap=True)


class Ends:
    """The end of a terminal: this process gets the signal that comes of it.

    The system sends that to those that the terminal started, and not to whoever was given it. Under `nohup`, nothing is
    drawn any more, and the study goes on.

    Args:
        file: what is written to.

    Attributes:
        told: whether the signal was sent. It is, once: whoever ignores it is asked no more.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file, self._was_there, self.told = file, _is_terminal(file), False

    @contextmanager
    def noticed(self) -> Iterator[None]:
        """While something is written: Rich writes nothing, and fails at nothing, where a terminal is none any more."""
        try:
            yield
        except OSError as error:
            if error.errno != errno.EIO:
                raise
        else:
            if not self._was_there or _is_terminal(self._file):
                return
        if not self.told:
            self.told = True
            os.kill(os.getpid(), signal.SIGHUP)


def _is_terminal(file: IO[str]) -> bool:
    return not file.closed and file.isatty()


def as_is(text: str, style: str = "") -> Text:
    """Text in which no console reads markup, and no terminal an order."""
    return Text(visible(text), style=style)


def bold(text: str) -> Text:
    """The same in bold."""
    return as_is(text, "bold")


def warning(text: str) -> Text:
    """The same in the colour of warnings."""
    return as_is(text, "yellow")
