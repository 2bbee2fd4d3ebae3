"""Where a study runs.

connection.py  the one place where Ray is started or joined, and left again
local.py       Ray on this machine alone: on the loopback, with a token of its own
ray_folder.py  the folder of that, and what is left of the folders of others
entry.py       how Ray is to be started or joined, and what it means where that fails
signals.py     SIGTERM goes the way of Ctrl-C, and waiting for Ray has an end
nodes.py       what the nodes have, and how many slots that makes
first_node.py  waiting for the first node of a cluster that grows by demand
sharing.py     how images and features reach the nodes
imports.py     where the workers import from
code.py        code of approaches from outside: how it travels, and a study's copy of it
arrival.py     whether the workers can import the program and that code
counts.py      how far tasks are
reach.py       whether the workers can write to the study's object store
jobs.py        a cluster's job server
"""
