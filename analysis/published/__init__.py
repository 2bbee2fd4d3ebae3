"""What a published table alone can say, where of every row only the accuracy and the number of images are known.

rows.py       the rows, and the comparison of each pair
counts.py     what the counts of correct images allow, paired and unpaired
wording.py    the sentences that may be said of them
"""
