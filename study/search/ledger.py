"""The ledger: who may start a trial, and for how long. Reserve, charge, refund.

When a trial starts, its allowance is reserved: what one trial may charge, or what is left if that is less. When it
ends, it is charged what it used and the rest is refunded. As no trial charges more than its allowance, no account can
be overdrawn. The next turn goes to the account with the least charged and reserved, so that drift in the machine's
speed hits all alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from analysis.records.schema import BudgetSettings

# Less than this share of a budget is not worth a trial: the account is settled.
REMAINDER = 0.01
# Not reserved of what is left, so that charges stay within the budget however their floating-point sum is rounded.
ROUNDING = 1e-9


@dataclass(frozen=True, order=True)
class Account:
    """Whose seconds: one approach, in one replicate of the search."""

    approach: str
    replicate: int = 0


def open_ledger(
    approaches: Iterable[str], replicates: int, budget: BudgetSettings, owed_s: Mapping[str, float]
) -> Ledger:
    """The ledger of a study that begins: an account for each search, which has paid for its frozen features.

    Features are computed once, but a replicate stands for a whole search that somebody might have done, so that each
    pays for them and no replicate has more time than another.

    Args:
        owed_s: what frozen features cost each search of an approach, by approach.
    """
    named = tuple(approaches)
    accounts = tuple(Account(name, replicate) for replicate in range(replicates) for name in named)
    ledger = Ledger(accounts, budget.search_seconds, budget.trial_seconds)
    for account in accounts:
        ledger.charge(account, owed_s.get(account.approach, 0.0))
    return ledger


@dataclass
class Ledger:
    """Charged and reserved seconds of every account, all with the same budget.

    Args:
        accounts: in the order in which ties are broken.
        budget_s: what each may charge in all.
        trial_s: the most that one trial may charge.
    """

    accounts: tuple[Account, ...]
    budget_s: float
    trial_s: float
    _charged: dict[Account, float] = field(default_factory=dict)
    _reserved: dict[Account, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))

    def charge(self, account: Account, seconds: float) -> None:
        """Charge seconds outside any trial: what features cost, or trials of an earlier session."""
        self._charged[account] = self.charged_s(account) + seconds

    def reserve(self, account: Account, trial: str) -> float:
        """Reserve the allowance of a trial and return it, in seconds."""
        allowance = min(self.trial_s, self.left_s(account) * (1 - ROUNDING))
        if allowance <= 0:
            raise ValueError(f"{account}: nothing is left to reserve")
        self.hold(account, trial, allowance)
        return allowance

    def settle(self, trial: str, charged_s: float) -> None:
        """End a trial: charge what it used, refund the rest of its reservation.

        Raises:
            ValueError: it used more than its allowance.
        """
        (account,) = (account for account, held in self._reserved.items() if trial in held)
        allowance = self._reserved[account].pop(trial)
        if charged_s > allowance:
            raise ValueError(f"{trial}: charged {charged_s} s of an allowance of {allowance} s")
        self.charge(account, charged_s)

    def hold(self, account: Account, trial: str, allowance_s: float) -> None:
        """Reserve a given allowance again, for a trial that was interrupted."""
        self._reserved[account][trial] = allowance_s

    def charged_s(self, account: Account) -> float:
        return self._charged.get(account, 0.0)

    def reserved_s(self, account: Account) -> float:
        return sum(self._reserved[account].values())

    def left_s(self, account: Account) -> float:
        """Neither charged nor reserved."""
        return self.budget_s - self.charged_s(account) - self.reserved_s(account)

    def running(self, account: Account) -> bool:
        return bool(self._reserved[account])

    def can_start(self, account: Account) -> bool:
        """Whether enough is left for a trial to be worth starting."""
        return self.left_s(account) >= REMAINDER * self.budget_s

    def next_turn(self, candidates: Iterable[Account]) -> Account | None:
        """Whoever has spent the least, among the candidates that can start a trial."""
        wanted = set(candidates)
        able = [account for account in self.accounts if account in wanted and self.can_start(account)]
        return min(able, key=lambda account: self.budget_s - self.left_s(account), default=None)
