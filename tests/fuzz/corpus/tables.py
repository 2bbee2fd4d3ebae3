"""Tables of predictions that broke the program once."""

from __future__ import annotations

from functools import partial

from tests.fuzz.corpus import known

refused, either = partial(known.refused, "tables"), partial(known.either, "tables")
CORPUS = (
    refused("probabilities of a class that is not there", "probabilities x.parquet", ("rename", "p_2", "p_99")),
    refused("probabilities of 2", "probabilities comma.csv", ("all", "p_0", "2.0")),
    refused("a column of lists", "numbers x.parquet", ("type", "label", "list")),
    either("approaches that are not UTF-8", "numbers x.parquet", ("type", "approach", "bytes")),
    *(
        either(f"labels {numbers}", "numbers comma.csv", ("classes", numbers))
        for numbers in ("500000 700000 900000", "0 10000 20000", "0 1 10000000000000000000", "0 1 inf")
    ),
    *(
        either(f"a {what} called {name}", "numbers comma.csv", edit)
        for name in ("None", "NA", "null", "nan", "n/a")
        for what, edit in (("class", ("class", "0", name)), ("approach", ("approach", name)))
    ),
    either("an approach that leads elsewhere", "probabilities comma.csv", ("approach", "x/../../../victim")),
    either(
        "labels that begin with 0",
        "probabilities comma.csv",
        *(("class", str(number), f"0{number}") for number in range(3)),
    ),
    refused("predictions in capitals", "names comma.csv", ("written", "b", "prediction", "upper")),
    refused("predictions with a blank behind", "names comma.csv", ("written", "b", "prediction", "blank behind")),
    refused("predictions counted from 1", "numbers comma.csv", ("written", "b", "prediction", "from one")),
    refused("matched seeds that are others", "numbers comma.csv", ("matched", "b")),
)
