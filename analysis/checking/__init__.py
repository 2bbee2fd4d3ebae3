"""Whether what a study left fits together: read anew, as plain JSON and tables, by other code than reports use.

reading.py         every file as it stands there, and what cannot be read
findings.py        what a rule says; how text of strangers is shown
check.py           all rules on one study, and the lines to print
files.py           names and digests of files; the study file
trials.py          one start and one end of each trial; records in order; seconds that can be
accounts.py        what each search was charged, and what for features
final_runs.py      predictions against the accuracies on record
configurations.py  hyperparameters within the spaces; those of final runs
order.py           phases and looks
report.py          what report.json says, and whether reports can read the study
"""
