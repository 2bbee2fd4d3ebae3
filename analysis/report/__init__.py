"""The report of a study, or of a table of predictions: computed first, then written.

comparison.py   all that is compared on test predictions, in frozen dataclasses
table_comparison.py   the same of a table of predictions that were made elsewhere
summary.py      all of a study
wording.py      the sentences that may be said
figures/        the figures, as SVG, with their data
templates/      the pages
write.py        report.html, report.md and the figures' data
json.py         report.json
"""
