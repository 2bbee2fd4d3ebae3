"""Who gets the next trial, and with which hyperparameters. Knows no Ray.

ledger.py     charged seconds: reserve, charge, refund
turns.py      whose trial is next
sampler.py    with which hyperparameters
finals.py     the runs that are scored on the test split
seeds.py      seeds for everything that draws
"""
