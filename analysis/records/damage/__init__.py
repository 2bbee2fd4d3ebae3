"""What cannot stand in a study's files, whatever happened while it ran.

complaints.py  names, phases, looks, features, data; and all rules together
trials.py      records that are missing, copied or of another study; seconds that nobody can have worked
evaluated.py   predictions that the records say were evaluated: whole, or named
sums.py        SHA256SUMS: what the last report was made from
"""
