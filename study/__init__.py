"""Runs a study: prepare, search at equal time, final runs, report.

cli.py          the command line; screens.py and progress.py are what it shows
config.py       the study file; presets/ are those that come with the program
plan.py         what a study would do
runner.py       the phases of a study, and resuming one
phases.py       when each of them began and ended, and its slots meanwhile
lease.py        one study, one driver
prepare.py      data, frozen features and a rehearsal, before the search
sharing.py      how images and features reach the nodes
budget.py       the ledger of charged seconds
search.py       who gets the next trial, and with which hyperparameters
dispatch.py     between those turns and Ray Tune, and into the records
handover.py     which trial gets the process of one that has ended
final.py        the runs that are scored on the test split
cluster.py      Ray, and the slots it has
jobs.py         a cluster's job server; remote.py is the dialogue while a job does the work there
tensorboard.py  curves as event files; event_files.py keeps them in a folder or an object store
provenance.py   what the results depend on
"""
