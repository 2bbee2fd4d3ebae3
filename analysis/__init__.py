"""Reads what a study left, or a table of predictions, and says what it means.

Knows numpy, scipy and pandas; neither torch nor Ray. Data flows one way, down this list:

    records/       the files of a study: schema, reading, writing. The ground: imports nothing of the project
    numbers.py     how numbers are written
    statistics/    on plain arrays, formula and source in each file
    predictions/   test predictions, of a study or of runs made elsewhere
    search/        what each approach spent, what it had found by then, and what of that is the learning rate
    published/     what a published table alone can say
    report/        all of it for one study: summary, sentences, figures, pages
"""
