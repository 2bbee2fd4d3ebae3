"""Study files that broke the program once."""

from __future__ import annotations

from functools import partial
from math import inf

from tests.fuzz.corpus import known

refused, either = (partial(known.refused, "study files"), partial(known.either, "study files"))
CROP, EPOCHS, SIZE = "{int: [0, 3]}", "{logint: [8, 40]}", "[32, 32]"  # the first ones of the preset digits
ALIASES = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}' if n else 'lol'] * 9)}]\n" for n in range(8))
MERGES = "m0: &m0 {k: 1}\n" + "".join(f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 12)}]}}\n" for n in range(1, 9))
CORPUS = (
    refused("a list for a backbone", "digits", ("swap", "backbone: glyphs", "backbone: [glyphs]")),
    refused("a mapping for a backbone", "digits", ("swap", "backbone: glyphs", "backbone: {model: resnet50}")),
    refused("an infinite bound", "digits", ("swap", CROP, "{int: [-.inf, 3]}")),
    refused("a bound of 400 digits", "digits", ("swap", CROP, f"{{int: [0, {'9' * 400}]}}")),
    refused("a bound that no sampler has", "digits", ("swap", EPOCHS, "{logint: [10, 1.0e+30]}")),
    refused("images of negative height", "digits", ("swap", SIZE, "[-32, 32]")),
    refused("images of ten thousand million pixels", "digits", ("swap", SIZE, "[100000, 100000]")),
    either("a number for an image size", "digits", ("swap", SIZE, "224")),
    refused("two thousand brackets", "digits", ("whole", "name: " + "[" * 2000)),
    refused("two thousand brackets in an assignment", "digits", ("set", "seed=" + "[" * 2000)),
    refused("an infinite final run", "digits", ("set", "final.trial_seconds=.inf")),
    refused("an infinite heartbeat", "digits", ("set", "pace.heartbeat_seconds=.inf")),
    refused("an infinite seed", "small", ("put", 1, inf)),
    refused("a bomb of aliases", "digits", ("whole", ALIASES)),
    refused("a bomb of aliases for a value", "digits", ("whole", f"{ALIASES}name: *a6\n")),
    refused("a bomb of merge keys", "digits", ("whole", MERGES)),
    either("twenty thousand choices", "digits", ("swap", CROP, f"{{categorical: {[*range(20_000)]}}}")),
    refused("twenty thousand characters", "digits", ("set", f"seed={'x' * 20_000}")),
    refused("an approach twice", "digits", ("swap", "  fine_tune:\n", "  better_cnn:\n")),
    refused("minutes and seconds", "digits", ("set", "budget.search_seconds=1:30")),
    refused("minutes and seconds in the file", "digits", ("swap", "search_seconds: 20", "search_seconds: 1:30")),
    refused("a number that begins with 0", "digits", ("set", "seed=010")),
    refused("a number that begins with 0 in the file", "digits", ("swap", "replicates: 5", "replicates: 010")),
    refused("yes for a number", "digits", ("set", "replicates=yes")),
    refused("yes for a number in the file", "digits", ("swap", "replicates: 5", "replicates: yes")),
    either("ten minutes", "digits", ("set", "budget.search_seconds=10min")),
    refused("an assignment of two lines", "digits", ("set", "one\rtwo")),
    refused("a misspelt section", "digits", ("swap", "budget:", "bugdet:")),
    refused("a byte that is not UTF-8", "digits", ("splice", 300, 1, b"\xff")),
)
