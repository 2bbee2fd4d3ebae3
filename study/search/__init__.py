"""Who gets the next trial, and with which hyperparameters. Knows no Ray.

ledger.py     seconds charged and reserved: who has spent least, and how long the next trial may take
turns.py      the next trial, of whoever has spent least
stages.py     search and final runs, one after the other
sampler.py    with which hyperparameters
finals.py     the runs that are scored on the test split
seeds.py      seeds for everything that draws
"""
