"""Where a study runs.

nodes.py      Ray on this machine or a cluster, and the slots it has
sharing.py    how images and features reach the nodes
imports.py    where the workers import from
code.py       code of approaches from outside: how it travels, and a study's copy of it
arrival.py    whether the workers can import the program and that code
counts.py     how far tasks are
jobs.py       a cluster's job server
"""
