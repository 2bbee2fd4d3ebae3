"""The approaches, one a file.

better_cnn.py     the seed study's small network, from scratch
fine_tune.py      a pretrained network trained further
feature_svm.py    a support vector machine on frozen features
registry.py       the approaches by name
"""
