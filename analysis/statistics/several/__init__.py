"""What several approaches at once need, beside their pairs.

joint.py         are some of the approaches equally accurate? any such hypothesis, in one test
simultaneous.py  the intervals of all differences, that agree with the closed test
closed_power.py  how often the closed test finds one pair, as the level of a single test
"""
