"""Test predictions: each run's answer for each image.

table.py       a table of predictions made elsewhere: read, check
outcomes.py    predictions as seeds x images
"""
