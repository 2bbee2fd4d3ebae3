"""The approaches, one a file: a file's name is the name that study files use. A new file is found by itself.

better_cnn.py     the seed study's small network, from scratch
fine_tune.py      a pretrained network trained further
feature_svm.py    a support vector machine on frozen features
"""
