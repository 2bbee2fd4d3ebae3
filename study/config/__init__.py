"""The study file.

study_file.py   reading one: YAML in, one frozen model out
models.py       that model, and its sections
space.py        where the search draws a hyperparameter from
messages.py     what is wrong with a study file, in one line
"""
