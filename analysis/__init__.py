"""Reads what a study left, or a table of predictions, and says what it means.

Knows numpy, scipy and pandas; neither torch nor Ray. Data flows one way, down this list:

    errors.py          what can be wrong with what a study left
    storage.py         whole files on a disk, on NFS or in an object store
    records.py         the files of a study: schema, write, read, check
    table.py           a table of predictions made elsewhere: read, check
    outcomes.py        test predictions as seeds x images
  the statistics, on plain arrays
    wilson.py          the interval of a proportion
    crossed.py         the variance of a mean when seeds and images are both random
    paired.py          accuracies, other means, and their paired differences
    omnibus.py         are the approaches different at all?
    equivalence.py     are two approaches equally good within a margin?
    verdicts.py        Holm's correction, the verdict on a pair
    power.py           the smallest difference a design can find, and what it takes to find a smaller one
    mcnemar.py  bayes.py  superiority.py  agreement.py      secondary views
    losses.py          log-loss, Brier score, hard decisions scored by convention
    calibration.py     is an approach as often right as it is sure?
    per_class.py       class by class; balanced accuracy
    margins.py  published.py                                what a published table alone can say
  the search
    ledger.py          what each approach spent, and what it had found by then
    best_of_budget.py  what is to be expected of a budget, and who overtakes whom
    delivery.py        from which budget on a test accuracy is to be had
    attribution.py     how much is the learning rate, how much the approach
    learning_rate.py   in which part of its learning rates an approach did best
  the report
    comparison.py      all of it for test predictions, in frozen dataclasses
    summary.py         all of it for a study
    wording.py         the sentences that may be said
    figures/           the figures, as SVG, with their data
    report.py          report.html and report.md, from templates/
    report_json.py     report.json
"""
