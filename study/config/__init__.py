"""The study file.

study_file.py   reading one: YAML in, one frozen model out
presets.py      the studies that are there by name
models.py       that model, and its sections
space.py        where the search draws a hyperparameter from: a range or a choice
json_schema.py  the JSON Schema of the study file, for editors; study-file.schema.json is what it gives
docstrings.py   what the docstrings say, for that schema
kinds.py        refuses a value that a model would take for one of another kind
messages.py     turns what a model refuses into one line; the rules and their words are in models.py and space.py
"""
