"""The search, read off its records.

accounts.py         what each approach spent, and how the search used the machine
contention.py       whether the machine was busy with other work meanwhile
incumbents.py       what each approach had found by then
best_of_budget.py   what is to be expected of a budget
redraws.py          the same trials in other orders
overtaking.py       from which budget on one approach leads another
delivery.py         from which budget on a test accuracy is to be had
attribution.py      how much is the learning rate, how much the approach
importance.py       within an approach, which hyperparameters matter
health.py           what keeps an approach from a fair comparison: starved, hardly searched, collapsed
learning_rate.py    in which part of its learning rates an approach did best
"""
