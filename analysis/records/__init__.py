"""The ground: the files that a study leaves, and how they are read and written. Imports nothing of the project.

errors.py      what can be wrong with what a study left
storage.py     whole files on a disk, on NFS or in an object store
files.py       which files are a study's own, by their names
schema.py      what stands in the records, field by field
parsing.py     one file, from its bytes
store.py       the files of a study: write, read
damage.py      what cannot be in them, whatever happened; of trials: trial_damage.py
trial_damage.py  records that are missing, copied or of another study; seconds that nobody can have worked
predictions.py the predictions of final runs, and their files
evaluated.py   those that the records say were evaluated: whole, or named
sums.py        SHA256SUMS: what the last report was made from
trials.py      one row a trial, from its events
"""
