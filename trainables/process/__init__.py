"""The process in which trials run, as the operating system sees it.

memory.py         freed memory stays in the process, so that steps do not fetch it again page by page
run_queue.py      how long work waited for a CPU that something else had
"""
