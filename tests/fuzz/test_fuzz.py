"""The fuzzers, in short: what broke the program once, and up to a hundred inputs of each kind, each run the same."""

from __future__ import annotations

import pytest

from tests.fuzz.corpus.every import CORPUS
from tests.fuzz.kinds.every import KINDS
from tests.fuzz.report import faults, text
from tests.fuzz.runner import drawn, tried

FEW = {"weights": 40, "study directories": 25, "command lines": 40}  # of kinds that take longer
SEED = 20_261_127


@pytest.mark.parametrize("known", CORPUS, ids=lambda known: f"{known.kind}: {known.name}")
def test_what_broke_the_program_once_ends_well(known, tmp_path):
    ended = tried(KINDS[known.kind], known.input, tmp_path).ending
    assert ended.outcome in known.outcomes, f"{ended.message[:500]}\n{ended.trace[-2000:]}"


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_no_input_of_up_to_a_hundred_ends_in_a_fault(name, tmp_path):
    ended = [tried(KINDS[name], one, tmp_path) for one in drawn(KINDS[name], FEW.get(name, 100), SEED)]
    assert [text(kind, one) for kind, one in faults({name: ended})] == []
