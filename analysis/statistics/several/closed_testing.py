"""Which pairs differ? Closed testing over all pairs, so that the chance of any false difference stays at alpha.

That two of K approaches are equally accurate is compatible with every partition of the approaches into blocks of equal
ones that has the two in one block, and with no other. If the pair is equal, one of these partitions is the true one. A
test of level alpha for each partition (several/joint.py) therefore errs, for all pairs together, in at most alpha of
studies when a pair counts as different only where every such partition is rejected:

    p_adjusted of a pair = the largest p of all partitions with both in one block

The partition with nothing but the pair in its one block of two is tested by the pair's own test, so p_adjusted is never
below its raw p. For three approaches this is the omnibus, then the pairs. It finds more than Holm's correction does,
which does not know that A = B and B = C make A = C.

With more approaches than MOST_APPROACHES (877 partitions of seven take 0.2 to 0.3 s, 4,140 of eight 2 s, and each more
costs five times as much) Shaffer's shortcut is taken: Holm's steps, each with the largest number of pairs that can
still be true when so many are false. It is valid for any valid p-values, and weaker.

References:
    Marcus, Peritz & Gabriel 1976, Biometrika 63:655. Shaffer 1986, JASA 81:826 (procedure S1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from analysis.statistics.several.joint import homogeneity
from analysis.statistics.several.omnibus import checked_means

MOST_APPROACHES = 7


def closed(
    correct: Mapping[str, ArrayLike],
    raw: Sequence[float],
    *,
    groups: ArrayLike | None = None,
    matched: bool = False,
) -> tuple[float, ...]:
    """The adjusted p-values of all pairs, in the order of `combinations(correct, 2)`.

    Args:
        correct: by approach (S, N) seeds x images, in [0, 1]; the columns are the same images.
        raw: p of each pair by its own test.
        groups: (N,) the group of each image, or None where images are independent.
        matched: whether row s of all approaches belongs to the same seed.

    Raises:
        ValueError: different images, fewer than three groups, or different numbers of matched seeds.
    """
    K = len(correct)
    if K < 3:
        return tuple(raw)
    if K > MOST_APPROACHES:
        return shaffer(raw, K)
    adjusted = dict(zip(combinations(range(K), 2), raw, strict=True))
    means = checked_means(correct, groups=groups, matched=matched)
    for partition in partitions(K):
        blocks = [block for block in partition if len(block) > 1]
        together = [pair for block in blocks for pair in combinations(block, 2)]
        if len(together) > 1:
            p = homogeneity(means, blocks).p
            adjusted.update({pair: max(adjusted[pair], p) for pair in together})
    return tuple(adjusted.values())


def partitions(K: int) -> Iterator[tuple[tuple[int, ...], ...]]:
    """All ways to divide 0 ... K - 1 into blocks, each block in ascending order."""
    if not K:
        yield ()
        return
    for smaller in partitions(K - 1):
        yield (*smaller, (K - 1,))
        for i, block in enumerate(smaller):
            yield (*smaller[:i], (*block, K - 1), *smaller[i + 1 :])


def shaffer(raw: Sequence[float], K: int) -> tuple[float, ...]:
    """Holm's steps for the pairs of K approaches, each with the most pairs that can be true together by then."""
    values, possible = np.asarray(raw, dtype=np.float64), sorted(_equal_pairs(K))
    order, total = np.argsort(values, kind="stable"), len(values)
    still = [max(n for n in possible if n <= total - rejected) for rejected in range(total)]
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * np.maximum(still, 1)))
    return tuple(float(value) for value in adjusted)


def _equal_pairs(K: int) -> frozenset[int]:
    """How many of the pairs of K approaches can be equal while all others differ."""
    found = [frozenset({0})]
    for size in range(1, K + 1):
        found.append(frozenset(n * (n - 1) // 2 + rest for n in range(1, size + 1) for rest in found[size - n]))
    return found[K]
