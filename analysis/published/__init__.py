"""What a published table alone can say, where of every row only the accuracy and the number of images are known.

rows.py       the rows as they were printed, and the counts that they may stand for
counts.py     two proportions of which only the counts are known: paired and unpaired tests, images needed
table.py      a whole table: reading it, and the comparison of each pair
wording.py    the sentences that may be said of it
"""
