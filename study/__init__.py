"""Runs a study: prepare, search at equal time, final runs, report.

cli.py          the command line
config/         the study file; presets/ are those that come with the program
plan.py         what a study would do
runner.py       the phases of a study, and resuming one
prepare.py      data, frozen features and a rehearsal, before the search
search/         who gets the next trial, and with which hyperparameters; knows no Ray
tune/           between those turns and Ray Tune: all that bends it
cluster/        where a study runs: Ray's nodes, what they share, a job server
show/           what people see: screens, progress, curves
export/         a study for other tools: Optuna, tables, MLflow
phases.py       when each phase began and ended, and its slots meanwhile
lease.py        one study, one driver
provenance.py   what the results depend on
"""
