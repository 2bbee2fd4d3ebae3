"""The sentences about single classes."""

from __future__ import annotations

from analysis.numbers import p_clause, unsigned_points
from analysis.report.comparison import Comparison
from analysis.report.wording.pairs import whose

MOST_CLASS_DIFFERENCES = 12  # to list in the page


def class_sentences(compared: Comparison) -> list[str]:
    """On which classes approaches differ, after correction for all classes and pairs."""
    tested, alpha = compared.class_differences, compared.design.look_alpha
    if not tested:
        return []
    found = sorted((one for one in tested if one.p_fdr < alpha), key=lambda one: one.p_fdr)
    enough = "three or more groups of test images" if compared.grouped else "two or more test images"
    opening = f"Of {len(tested)} differences (all pairs, classes with {enough}), {len(found)}"
    sentences = [
        f"{opening} {'is' if len(found) == 1 else 'are'} found at a false-discovery rate of {100 * alpha:.3g} %."
    ]
    for one in found[:MOST_CLASS_DIFFERENCES]:
        d = one.difference
        winner, loser = (whose(name, compared.design) for name in ((d.a, d.b) if d.difference > 0 else (d.b, d.a)))
        where, p = compared.classes[one.label], p_clause(one.p_fdr)
        sentences.append(f"{where}: {winner} is {unsigned_points(d.difference)} points better than {loser} ({p}).")
    left_out = len(found) - MOST_CLASS_DIFFERENCES
    return [*sentences, f"{left_out} more are in report.json."] if left_out > 0 else sentences
