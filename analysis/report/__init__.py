"""The report of a study, or of a table of predictions: computed first, then written.

design.py           what a comparison is to answer, and what a statistic of a pair may rest on
views.py            the secondary views of a pair: one entry each
looks.py            the looks at a study, and putting this one on record
comparison.py       all that is compared on test predictions, in frozen dataclasses
table_comparison.py the same of a table of predictions that were made elsewhere
units.py            what the runs of an approach are counted as: seeds, or replicates
summary.py          all of a study
reservations.py     what changes the meaning of the verdict, collected once
wording/            the sentences: headline, verdict, pairs, what would settle them, the search
table.py            what a table is, and the two ways to write it
tables/             the tables, each defined once
figures/            the figures, as SVG, with their data
templates/          the pages: prose and order
write.py            report.html, report.md and the figures' data
json.py             report.json
"""
