"""This beside other engines of a search: seconds to the first result, and trials a minute from then on.

__main__.py        the command: runs each engine for some seconds, prints the table
work.py            the trial that all of them run, and how the others say that one has ended
ours.py            this: a study file, and what its records tell
ray_function.py    Ray Tune, a function, OptunaSearch, everything else as it comes
ray_class.py       Ray Tune, a class, processes reused
optuna_threads.py  Optuna with two threads in one process
"""
