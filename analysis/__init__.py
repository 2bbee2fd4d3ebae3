"""Reads what a study left and says what it means.

Knows numpy, scipy and pandas; neither torch nor Ray. Data flows one way, down this list:

    errors.py       what can be wrong with what a study left
    storage.py      whole files on a disk, on NFS or in an object store
    records.py      the files of a study: schema, write, read, check
    outcomes.py     test predictions as seeds x images, and the scores of each run
    ledger.py       what each approach spent in the search, and what it had found by then
    paired.py       accuracies and their paired differences over seeds x images
    verdicts.py     Holm's correction, equivalence, the verdict on a pair
    power.py        the smallest difference a design can find, after a study or before it
    mcnemar.py      McNemar's test of two single runs, the secondary view
    summary.py      all of it for one study, in frozen dataclasses
    wording.py      the sentences that may be said about it
    figures.py      the figures, as SVG
    report.py       report.html and report.md, from templates/
    report_json.py  report.json
"""
