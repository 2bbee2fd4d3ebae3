"""The statistics, on plain arrays: (S, N) seeds x images. Each file has its formula, its source and its letters.

wilson.py          the interval of a proportion
crossed.py         the variance of a mean when seeds and images are both random
reference.py       what a difference over its standard error is compared with
paired.py          accuracies, other means; the p-value and interval of a paired difference
sources.py         where the uncertainty of a difference comes from: search, seed, images
omnibus.py         are the approaches different at all?
closed_testing.py  which pairs differ, with one chance of error for all of them
equivalence.py     are two approaches equally good within a margin?
verdicts.py        Holm's correction of equivalence, and which of better, equivalent, undecided a pair is
looks.py           what one look may use of alpha, where a study goes on after it was looked at
power.py           the smallest difference a design can find, and what it takes to find a smaller one
losses.py          log-loss, Brier score, hard decisions scored by convention
calibration.py     is an approach as often right as it is sure?
per_class.py       class by class; balanced accuracy
several/           the joint tests of several approaches, and their power
secondary/         what the field also computes: beside the verdict, never its basis
"""
