"""Data sets as arrays of images.

dataset.py            opened, divided, checked, described
config.py             what every source of data is
sources.py            finds the source that a study file names
folders.py            a source: folders of images
digits.py             a source: scikit-learn's handwritten digits
torchvision_sets.py   a source: torchvision's classification sets
splits.py             train, valid and test
grouping.py           what file names tell of groups and times
images.py             one image: read, resized
image_cache.py        images decoded once
counting.py           how many images are read and decoded, for whoever watches
stored_examples.py    examples too large for the object store, mapped from each node's cache
boats.py              downloads the seed study's photographs
"""
