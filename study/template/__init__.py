"""What `transfer-study new-approach` writes, under another name: an approach, its test, and a study that compares it.

nearest_neighbours.py        k-nearest neighbours on frozen features
test_nearest_neighbours.py   checks that it keeps the contract
nearest_neighbours.yaml      a study of it on digits
"""
