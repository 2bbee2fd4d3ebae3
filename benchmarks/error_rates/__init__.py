"""How often the significance tests are right where the truth is known, beside the tests that are usual in the field.

__main__.py   the command: measures cells, prints and writes their rates
cell.py       what a cell is; its studies in chunks, its rates
limits.py     what is required of each rate
table.py      CSV, terminal and Markdown
pairs.py      two approaches: false positives, coverage, equivalence
habits.py     what the field's usual tests say of the same studies
families.py   three to six approaches: is any of all verdicts wrong?
groups.py     few groups of images, groups of very different sizes
balanced.py   balanced accuracy on classes of very different sizes
one_run.py    one final run each; few images on which they differ
power.py      the chance of a verdict where the report and `plan` promise 80 %
looks.py      a study that is extended and looked at again
luck.py       searches of one approach against each other, on real data
bank.py       those searches
"""

from __future__ import annotations

from benchmarks.error_rates import balanced, families, groups, looks, luck, one_run, pairs, power
from benchmarks.error_rates.cell import Cell

CELLS: list[Cell] = [
    *pairs.CELLS,
    *families.CELLS,
    *groups.CELLS,
    *balanced.CELLS,
    *one_run.CELLS,
    *power.CELLS,
    *looks.CELLS,
    *luck.CELLS,
]
