"""Before the search: whatever is wrong shows here, before a second of anybody's budget is spent.

prepare.py    all of it in order, and what a study has then
rehearsal.py  every approach built once
frozen.py     frozen features, extracted in the slots
"""
