"""The search, read off its records.

accounts.py         what each approach spent, and what it had found by then
best_of_budget.py   what is to be expected of a budget, and who overtakes whom
delivery.py         from which budget on a test accuracy is to be had
attribution.py      how much is the learning rate, how much the approach
learning_rate.py    in which part of its learning rates an approach did best
"""
