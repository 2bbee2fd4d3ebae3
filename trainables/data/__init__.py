"""Data sets as arrays of images.

dataset.py            opened, divided, checked
description.py        described in figures
config.py             what every source of data is, and which one a study file names
folders.py            a source: folders of images
tree.py               the image files below a folder, and what is left out
digits.py             a source: scikit-learn's handwritten digits
torchvision_sets.py   a source: torchvision's classification sets
splits.py             train, valid and test, and images that are in two of them
grouping.py           what names tell of groups, times and twins
images.py             one image: read, resized
image_cache.py        images decoded once; how far that is, for whoever watches
sealed.py             arrays in the cache, each with its digest in its name
stored_examples.py    examples too large for the object store, mapped from each node's cache
boats.py              downloads the seed study's photographs
"""
