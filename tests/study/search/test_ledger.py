"""The ledger: reserve, charge, refund; and that no order of events lets anybody overspend."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from analysis.records.schema import BudgetSettings
from study.search.ledger import REMAINDER, Account, Ledger, open_ledger

A, B, C = (Account(name) for name in "abc")


def ledger(*accounts: Account, budget_s: float = 60.0, trial_s: float = 20.0) -> Ledger:
    return Ledger(accounts or (A, B, C), budget_s, trial_s)


def test_a_trial_reserves_its_allowance():
    book = ledger()
    assert book.reserve(A, "t") == 20
    assert (book.reserved_s(A), book.charged_s(A), book.left_s(A)) == (20, 0, 40)
    assert book.left_s(B) == 60


def test_what_a_trial_did_not_use_is_refunded():
    book = ledger()
    book.reserve(A, "t")
    book.settle("t", 5.0)
    assert (book.reserved_s(A), book.charged_s(A), book.left_s(A)) == (0, 5, 55)


def test_the_last_trial_gets_what_is_left():
    book = ledger()
    book.charge(A, 45.0)
    assert book.reserve(A, "t") == pytest.approx(15)
    assert book.left_s(A) == pytest.approx(0, abs=1e-6)


def test_a_trial_that_charged_more_than_its_allowance_is_an_error():
    book = ledger()
    book.reserve(A, "t")
    with pytest.raises(ValueError, match=r"t: charged 20\.5 s of an allowance of 20"):
        book.settle("t", 20.5)


def test_nothing_can_be_reserved_when_nothing_is_left():
    book = ledger()
    book.charge(A, 60.0)
    with pytest.raises(ValueError, match="nothing is left"):
        book.reserve(A, "t")


def test_a_remainder_too_small_for_a_trial_is_not_spent():
    book = ledger()
    book.charge(A, 60 * (1 - REMAINDER) + 0.01)
    assert not book.can_start(A)
    assert book.next_turn([A]) is None


def test_a_held_reservation_counts_until_it_is_settled():
    book = ledger()
    book.hold(A, "interrupted", 20.0)
    assert book.left_s(A) == 40
    assert book.running(A)
    book.settle("interrupted", 12.0)
    assert book.left_s(A) == 48
    assert not book.running(A)


def test_the_next_turn_is_whose_charged_and_reserved_seconds_are_least():
    book = ledger()
    book.charge(A, 10.0)
    book.reserve(B, "t")
    book.charge(C, 15.0)
    assert book.next_turn([A, B, C]) == A
    book.settle("t", 1.0)
    assert book.next_turn([A, B, C]) == B


def test_ties_go_in_the_order_of_the_accounts():
    assert ledger().next_turn([C, B]) == B
    assert ledger(C, B, A).next_turn([A, B, C]) == C


def test_only_candidates_get_a_turn():
    assert ledger().next_turn([C]) == C
    assert ledger().next_turn([]) is None


def test_every_replicate_pays_for_its_features_as_a_whole_search_would():
    """So that replicates are exchangeable: none of them has more time for its trials than another."""
    opened = open_ledger(["cnn", "svm"], 3, BudgetSettings(search_seconds=60, trial_seconds=20), {"svm": 15.0})
    left = {account: opened.left_s(account) for account in opened.accounts}
    assert left == {Account(name, r): {"cnn": 60.0, "svm": 45.0}[name] for r in range(3) for name in ("cnn", "svm")}


def test_replicates_of_an_approach_have_accounts_of_their_own():
    first, second = Account("a", 0), Account("a", 1)
    book = ledger(first, second)
    book.charge(first, 30.0)
    assert book.left_s(second) == 60
    assert book.next_turn([first, second]) == second


class AnyOrder(RuleBasedStateMachine):
    """Trials of three accounts start and end in any order, and use any part of their allowance."""

    @initialize(budget_s=st.floats(0.3, 1e5), trials=st.floats(1, 50), owed=st.floats(0, 0.5))
    def begin(self, budget_s: float, trials: float, owed: float) -> None:
        self.book = ledger(budget_s=budget_s, trial_s=budget_s / trials)
        self.settled: dict[Account, list[float]] = {A: [owed * budget_s], B: [], C: []}
        self.book.charge(A, owed * budget_s)
        self.running: dict[str, tuple[Account, float]] = {}
        self.started = 0

    @precondition(lambda self: self.book.next_turn([A, B, C]) is not None)
    @rule()
    def start(self) -> None:
        account = self.book.next_turn([A, B, C])
        able = [one for one in (A, B, C) if self.book.can_start(one)]
        spent = {one: self.book.budget_s - self.book.left_s(one) for one in able}
        assert spent[account] == min(spent.values())
        trial = f"t{self.started}"
        self.started += 1
        allowance = self.book.reserve(account, trial)
        assert 0 < allowance <= self.book.trial_s
        self.running[trial] = (account, allowance)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), used=st.floats(0, 1))
    def end(self, data: st.DataObject, used: float) -> None:
        trial = data.draw(st.sampled_from(sorted(self.running)))
        account, allowance = self.running.pop(trial)
        self.book.settle(trial, used * allowance)
        self.settled[account].append(used * allowance)

    @rule()
    def resume(self) -> None:
        """Another session: the ledger is made anew from the records."""
        self.book = ledger(budget_s=self.book.budget_s, trial_s=self.book.trial_s)
        for account, seconds in self.settled.items():
            for charged_s in seconds:
                self.book.charge(account, charged_s)
        for trial, (account, allowance) in self.running.items():
            self.book.hold(account, trial, allowance)

    @invariant()
    def nobody_overspends(self) -> None:
        for seconds in self.settled.values():
            assert sum(seconds) <= self.book.budget_s
            assert sum(reversed(seconds)) <= self.book.budget_s, "whoever sums the records may sum in another order"

    @invariant()
    def every_second_is_in_one_place(self) -> None:
        for account, seconds in self.settled.items():
            reserved = math.fsum(allowance for owner, allowance in self.running.values() if owner == account)
            assert self.book.charged_s(account) == pytest.approx(math.fsum(seconds))
            assert self.book.reserved_s(account) == pytest.approx(reserved)
            left = self.book.budget_s - math.fsum(seconds) - reserved
            assert self.book.left_s(account) == pytest.approx(left, abs=1e-6 * self.book.budget_s)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=200, stateful_step_count=30)


@given(st.floats(0.3, 1e4), st.lists(st.floats(0, 1), min_size=1))
def test_an_account_that_goes_on_while_it_can_is_spent_but_for_a_remainder(budget_s, shares):
    """Trials that use any share of their allowance; the last ones all of it."""
    book = ledger(A, budget_s=budget_s, trial_s=budget_s / 7)
    for index, share in enumerate([*shares, *[1.0] * 10]):
        if book.can_start(A):
            book.settle(str(index), share * book.reserve(A, str(index)))
    assert budget_s * (1 - REMAINDER) < book.charged_s(A) <= budget_s
