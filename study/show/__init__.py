"""What people see while a study runs, and of one that has.

terminal.py      the console: text as it is, whatever names hold
screens.py       what the commands print
cache.py         what the cache holds
progress.py      a study that runs
watch.py         what is wrong with it, as soon as it is evident
timings.py       what timing the approaches showed
busy.py          a line where its machine is busy with other work
doing.py         what is being done before there are trials, and for how long
moved.py         a line where it goes on elsewhere than it began
remote.py        the same, while a job does the work on a cluster
curves.py        curves as TensorBoard's event files
event_files.py   keeps them in a folder or an object store
board.py         TensorBoard on them
"""
