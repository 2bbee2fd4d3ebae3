"""A study in other tools' formats, read from its records alone.

write.py           all targets of one call: checked first, then written
searches.py        what is exported: the trials and final runs of each search
optuna_studies.py  an Optuna study for each search
optuna_storages.py where Optuna keeps them: a database or a journal file
table.py           one table of all trials, Parquet or CSV
mlflow_runs.py     a run for each trial, in MLflow's file format
"""
