"""What a study would do, before it does it.

plan.py             slots, wall time, the smallest difference that it could find
configurations.py   the published and the median configuration of an approach
timing.py           how long a step and a validation of these take, and their whole schedules
here.py             timing in this process
in_slots.py         timing in the slots of a cluster
suggest.py          what budgets buy by these timings, and budgets that buy enough
"""
