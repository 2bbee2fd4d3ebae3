"""Networks to transfer from.

networks.py       torchvision's networks, with a new last layer or as extractors of features
weight_files.py   reads weights, running no code in them
downloads.py      weights by name, downloaded once
folding.py        batch norm folded into convolutions, for networks that stay as they are
extraction.py     extracts frozen features, timed, in chunks
features.py       frozen features, extracted once
costs.py          what they cost, and whether the machine was busy then
"""
