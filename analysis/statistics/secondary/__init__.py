"""What the field also computes of two approaches, beside the verdict; analysis/report/views.py shows it.

mcnemar.py         one run against another
bayes.py           the posterior of a difference
outperformance.py  how often one approach's run beats the other's
agreement.py       on how many images two approaches agree
"""
