"""Data sets as arrays of images.

dataset.py            opened, divided, checked, described
config.py             what a study file may say about its data
folders.py            folders of images
torchvision_sets.py   torchvision's classification sets
splits.py             train, valid and test
images.py             one image: read, resized
image_cache.py        images decoded once
stored_examples.py    examples too large for the object store, mapped from each node's cache
boats.py              downloads the seed study's photographs
"""
