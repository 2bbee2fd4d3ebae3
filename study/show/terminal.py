"""The terminal: text is shown as it is, whatever names hold.

Nothing is read as markup (`[bold]`, `[/]`, `:boat:`); whoever wants a style makes a Text. What a terminal would obey is
written out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO, Any

from rich.console import Console, ConsoleOptions, RenderableType
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


def as_is(text: str, style: str = "") -> Text:
    """Text in which no console reads markup, and no terminal an order."""
    return Text(visible(text), style=style)


def bold(text: str) -> Text:
    """The same in bold."""
    return as_is(text, "bold")


def warning(text: str) -> Text:
    """The same in the colour of warnings."""
    return as_is(text, "yellow")
