"""cache and cache drop."""

from __future__ import annotations

from typing import Annotated

import typer

from study.commands.options import console

app = typer.Typer(invoke_without_command=True)


@app.callback()
def cache(context: typer.Context) -> None:
    """List the images and features kept between studies, with what they cost."""
    if context.invoked_subcommand is None:
        from study.show.cache import show_cache
        from trainables.cache import cache_dir, entries

        show_cache(entries(cache_dir()), cache_dir(), console)


@app.command("drop")
def drop_cached(
    key: Annotated[str, typer.Argument(metavar="KEY|all", help="A key that the list shows, or the beginning of one.")],
) -> None:
    """Remove images or features from the cache; they are made anew when a study wants them."""
    from study.show.cache import show_dropped
    from trainables.cache import cache_dir, drop

    show_dropped(drop(key, cache_dir()), cache_dir(), console)
