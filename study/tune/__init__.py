"""All that bends Ray Tune.

searcher.py    between turns and Ray Tune, and into the records; what a trial lost when its process died
supply.py      what the trials of each phase need, into their processes; gathered while slots are idle
scheduler.py   which waiting trial gets a process that has become free; none is ended between search and final runs
failures.py    why a trial's process died, in words
averages.py    what Tune may forget of a trial that has ended
deaths.py      deaths of processes that Tune does not expect
keys.py        keys of the driver stay out of what Ray writes
"""
