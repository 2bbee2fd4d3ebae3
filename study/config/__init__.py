"""The study file.

study_file.py   reading one: YAML in, one frozen model out
presets.py      the studies that are there by name
models.py       that model, and its sections
space.py        where the search draws a hyperparameter from: a range or a choice
known.py        the approaches and sources of data that one may name
messages.py     what is wrong with a study file, in one line
"""
