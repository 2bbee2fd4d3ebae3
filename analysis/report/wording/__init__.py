"""The sentences of a report, in plain text: what may be said, and no more.

standing.py  how the first in rank stands to the others
headline.py  the verdict in at most 15 words
verdict.py   the verdict in one paragraph
pairs.py     one pair: its name, its verdict in a few words, what its figures mean
settling.py  what it would take to settle an open pair
classes.py   on which classes approaches differ
losses.py    why decisions without probabilities look bad
search.py    a study and its search

"Not enough evidence" stands wherever neither a difference nor equivalence is shown; a large p-value is never called
"no difference".
"""

from __future__ import annotations

from analysis.report.wording.classes import class_sentences
from analysis.report.wording.headline import headline
from analysis.report.wording.losses import hard_decision_sentence, no_probabilities_sentence
from analysis.report.wording.pairs import (
    detectable_sentence,
    note_sentences,
    omnibus_sentence,
    pair_name,
    pair_verdict,
    predictions_sentence,
)
from analysis.report.wording.settling import settling_sentences
from analysis.report.wording.verdict import verdict_sentence

__all__ = [
    "class_sentences",
    "detectable_sentence",
    "hard_decision_sentence",
    "headline",
    "no_probabilities_sentence",
    "note_sentences",
    "omnibus_sentence",
    "pair_name",
    "pair_verdict",
    "predictions_sentence",
    "settling_sentences",
    "verdict_sentence",
]
