"""One sitting of a study, from wherever its records end to the report.

ready.py        a study that can begin or go on, and what is written of it first
session.py      what is left of search, final runs and report
checkpoints.py  where running trials keep theirs, and nowhere else
received.py     code that came with a study, and whether it may run
inputs.py       what trials are given; the one place that opens the test split
"""
