"""The ground: the files that a study leaves, and how they are read and written. Imports nothing of the project.

errors.py      what can be wrong with what a study left, and how messages show it
storage.py     whole files on a disk, on NFS or in an object store
files.py       which files are a study's own, by their names
whole_files.py the same on a disk: several writers at once, and what killed ones left
slugs.py       names that data give, in paths and in terminals
cells.py       the same in the cells of CSV files
yaml_text.py   YAML as study files have it
seconds.py     seconds as study files give them
schema.py      what stands in the records, field by field
parsing.py     one file, from its bytes
store.py       the files of a study: write, read
reading.py     a study read into memory
damage/        what cannot be in them, whatever happened while the study ran
predictions.py the predictions of final runs, and their files
trials.py      one row a trial, from its events
"""
