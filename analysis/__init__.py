"""Reads what a study left and says what it means.

Knows numpy, scipy and pandas; neither torch nor Ray.

    records.py   the files of a study
    paired.py    accuracies and their differences over seeds x images
    report.py    the report, from records to HTML, Markdown and JSON
    figures.py   the report's figures
"""
