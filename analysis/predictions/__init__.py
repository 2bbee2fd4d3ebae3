"""Test predictions: each run's answer for each image.

files.py           CSV and Parquet files, read without guessing
table.py           a table of predictions made elsewhere: checked, and put into this project's form
classes.py         its classes, and what shows that they were written in two ways
probabilities.py   its probabilities, rounded or odd
outcomes.py        predictions as seeds x images
names.py           values as messages show them
"""
