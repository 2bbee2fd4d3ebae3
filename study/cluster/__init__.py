"""Where a study runs.

nodes.py      Ray on this machine or a cluster, and the slots it has
sharing.py    how images and features reach the nodes
jobs.py       a cluster's job server
"""
