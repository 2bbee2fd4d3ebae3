"""Rows of published tables: what their rounded accuracies stand for."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.published.rows import compatible_counts


def test_a_rounded_accuracy_stands_for_every_count_that_rounds_to_it():
    found = [compatible_counts(text, 1324) for text in ("0.758", "0.861", "0.713", "0.872")]
    # 1139/1324 = 0.8603, 1140/1324 = 0.8610, 1141/1324 = 0.8618; 1154/1324 = 0.8716, 1155/1324 = 0.8724
    assert [(c.fewest, c.most) for c in found] == [(1003, 1004), (1140, 1140), (944, 944), (1154, 1155)]


@given(n=st.integers(1, 5000), digits=st.integers(1, 5), data=st.data())
def test_the_counts_are_those_that_round_to_the_accuracy_and_no_others(n, digits, data):
    k = data.draw(st.integers(0, n))
    unit = Decimal(1).scaleb(-digits)
    share = Decimal(k) / n
    counts = compatible_counts(
        str(share.quantize(unit, data.draw(st.sampled_from([ROUND_HALF_EVEN, ROUND_HALF_UP])))), n
    )
    assert counts.fewest <= k <= counts.most
    assert counts.fewest <= counts.nearest <= counts.most
    written = share.quantize(unit, ROUND_HALF_EVEN)
    for other in {counts.fewest - 1, counts.most + 1} & set(range(n + 1)):
        assert (Decimal(other) / n).quantize(unit, ROUND_HALF_EVEN) != written


@given(n=st.integers(1, 100_000), data=st.data())
def test_an_accuracy_printed_in_full_stands_for_its_count_alone_also_from_a_32_bit_float(n, data):
    k = data.draw(st.integers(0, n))
    for printed in (f"{k / n:.17f}", f"{float(np.float32(k / n)):.17f}"):
        found = compatible_counts(printed, n)
        assert (found.fewest, found.most) == (k, k)


@pytest.mark.parametrize(
    ("share", "percentage"),
    [("0.861", "86.1%"), ("0.861", " 86.1 %"), ("0.90", "90%"), (".50", "50%"), ("1.00", "100%")],
)
def test_a_percentage_is_the_share_with_its_digits(share, percentage):
    assert compatible_counts(percentage, 1324) == compatible_counts(share, 1324)


def test_a_trailing_zero_is_a_digit():
    rough, fine = compatible_counts("0.86", 1324), compatible_counts("0.860", 1324)
    assert (rough.most - rough.fewest, fine.most - fine.fewest) == (12, 1)


@pytest.mark.parametrize("text", ["86.1", "1.01", "101%", "-0.5", "nan", "0,861", "", "0.8.1", "1e-1", "87 percent"])
def test_what_is_no_accuracy_is_refused(text):
    with pytest.raises(ValueError, match=r"is no accuracy; write a share, as in 0\.861, or a percentage, as in 86\.1%"):
        compatible_counts(text, 1324)
