"""Runs a study: prepare, search at equal time, final runs, report.

config.py       the study file
budget.py       the ledger of charged seconds
search.py       who gets the next trial, and with which hyperparameters
runner.py       the phases of a study, and resuming one
tensorboard.py  curves as event files
provenance.py   what the results depend on
cli.py          the command line
"""
