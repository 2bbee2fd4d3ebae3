"""The approach keeps the contract: it ends, repeats itself, and goes on after a crash as if nothing had happened."""

from nearest_neighbours import NearestNeighbours

from trainables.contract import check_approach


def test_the_approach_keeps_the_contract() -> None:
    check_approach(NearestNeighbours)
