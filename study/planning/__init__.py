"""What a study would do, before it does it.

plan.py   slots, wall time, the smallest difference that it could find
"""
