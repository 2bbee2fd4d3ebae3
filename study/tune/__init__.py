"""All that bends Ray Tune.

searcher.py    between turns and Ray Tune, and into the records
scheduler.py   which trial gets the process of one that has ended
failures.py    why a trial's process died
"""
