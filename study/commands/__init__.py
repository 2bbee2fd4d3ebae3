"""The commands of the command line, a function each; cli.py puts them together.

running.py    run, resume, extend, plan
results.py    status, report, export, board, published
data.py       data describe, data fetch
cache.py      cache, cache drop
options.py    what several of them take, and where they write
"""
