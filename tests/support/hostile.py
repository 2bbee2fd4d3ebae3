"""Names as an attacker or bad luck would have them: what paths, terminals, pages, spreadsheets take for their own."""

from __future__ import annotations

PATHS = ("x/../../../victim", "../victim", "/victim", "..", "CON", "a\\..\\b", "C:\\victim", "~/victim", "x" * 300)
MARKUP = (
    "[red]boats",
    "[/]",
    "[bold]",
    "<script>alert(1)</script>",
    "a|b",
    "`code`",
    "[c](javascript:1)",
    "$x^$",
    "&lt;",
    "victim@example.com",
)
FORMULAS = ('=HYPERLINK("http://h")', "+1+1", "-2+3", "@SUM(A1)")
CONTROLS = ("\x1b[2Jgone", "\x1b]0;title\x07", "a\rb", "two\nlines", "\u202edetanimircni", "\x9b31m", "船")
NAMES = (*PATHS, *MARKUP, *FORMULAS, *CONTROLS)
