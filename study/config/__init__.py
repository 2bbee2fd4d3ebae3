"""The study file.

models.py    YAML in, one frozen model out, and errors that name the key and say what would be accepted
"""
