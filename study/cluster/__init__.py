"""Where a study runs.

nodes.py      Ray on this machine or a cluster, and the slots it has
sharing.py    how images and features reach the nodes
code.py       code of approaches from outside: how it travels, and a study's copy of it
arrival.py    whether the workers can import that code
jobs.py       a cluster's job server
"""
