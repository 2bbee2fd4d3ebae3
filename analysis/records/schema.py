"""What stands in the records: one frozen model for each kind of record, every field with its unit.

Every record says which version of this schema it is of. Whoever adds or changes a field raises SCHEMA_VERSION (records
have no unknown fields) and keeps the earlier versions readable: a later one is refused by name.
"""

from __future__ import annotations

import time
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from analysis.records.seconds import Seconds

HyperparameterValue = bool | int | float | str
Phase = Literal["prepare", "search", "final", "report"]
EventName = Literal["started", "validated", "heartbeat", "finished", "cut", "diverged", "failed", "lost", "evaluated"]
FeatureRule = Literal["first_use", "every_trial", "free"]
SCHEMA_VERSION = 2
MOST_REPLICATES = 1000  # each is a whole search; their seconds and runs are added up
ENDINGS = frozenset({"finished", "cut", "diverged", "failed"})


class Section(BaseModel):
    """What sections and records are: frozen, with no field that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")


class Record(Section):
    """What every kind of record is: a file of its own.

    Attributes:
        schema_version: of the schema it is written in.
    """

    schema_version: int = Field(SCHEMA_VERSION, ge=1, le=SCHEMA_VERSION)


class TrialEvent(Record):
    """One event of one trial or final run. Seconds are slot-seconds unless the name says otherwise.

    Attributes:
        trial: the trial's name, unique in the study, e.g. `fine_tune-r0-0003` or `fine_tune-r0-seed2`.
        order: number of this event within its trial, from 0.
        event: `started` and `validated` are moments of a trial; `heartbeat` says how much has been charged between
            validations; `finished`, `cut` (stopped at its allowance), `diverged` (non-finite loss) and `failed` end it;
            `lost` closes an attempt that a crash interrupted, so that the trial goes on in another; `evaluated` ends a
            final run whose predictions are written.
        time: seconds since 1970 at which the record was written.
        approach: the name the study file gives the approach.
        phase: `search` or `final`.
        replicate: which repetition of the whole search, from 0.
        index: number of the trial within its approach and replicate, from 0; in the final phase the number of the run
            within its approach, over all replicates, the same for all approaches.
        seed: the seed of everything random in this trial.
        params: the hyperparameters (on `started`).
        origin: `published`: the study file's configuration; `suggested`: the sampler's; `incumbent`: a final run.
        conditioned_on: how many results the sampler had seen when it suggested these hyperparameters.
        allowance_s: what the trial may charge; reserved when it starts.
        charged_s: charged so far, over all attempts of this trial.
        cpu_s: CPU seconds of its process, all threads, over the CPUs of the slot, while the meter ran (`charged_s` and
            `overshoot_s`). None in records of version 1.
        waited_s: of the same seconds, those in which the work was ready and had no CPU, as other programs had them all.
            None where the kernel does not tell, on a GPU, which works on meanwhile, and in records of version 1.
        overshoot_s: worked past the allowance; its result is thrown away, and it is not charged.
        uncharged_s: spent in this trial on what is not charged (building the network, checkpoints, waiting).
        lost_s: worked, then lost to a crash; not charged.
        epoch: epochs trained, fractional when the trial was cut inside one.
        steps: steps (batches) trained.
        lr: learning rate of the last step, where there is one.
        train_loss, train_accuracy: means since the last validation.
        valid_loss, valid_accuracy: on the validation split, just now. The loss is null for hard decisions.
        best_accuracy, best_at_s: of the best validated state so far, and the charged seconds at which it was reached.
        test_accuracy: on the test split (on `evaluated` only).
        probabilities: where the columns p_* of the predictions come from (on `evaluated` only).
        reason: why a trial failed or was lost.
        host: the machine it ran on.
        device: `cpu`, or the name of the GPU.
        micro_batch: images that went through the network at a time, where a step's batch did not fit the memory: it was
            halved until it did, and the gradients were added up. None where every batch fits.
    """

    trial: str
    order: int = Field(ge=0)
    event: EventName
    time: float = Field(default_factory=time.time)
    approach: str
    phase: Literal["search", "final"]
    replicate: int = Field(0, ge=0)
    index: int = Field(ge=0)
    seed: int = 0
    params: dict[str, HyperparameterValue] | None = None
    origin: Literal["published", "suggested", "incumbent"] | None = None
    conditioned_on: int | None = None
    allowance_s: float = 0.0
    charged_s: float = 0.0
    cpu_s: float | None = None
    waited_s: float | None = None
    overshoot_s: float = 0.0
    uncharged_s: float = 0.0
    lost_s: float = 0.0
    epoch: float = 0.0
    steps: int = 0
    lr: float | None = None
    train_loss: float | None = None
    train_accuracy: float | None = None
    valid_loss: float | None = None
    valid_accuracy: float | None = None
    best_accuracy: float | None = None
    best_at_s: float | None = None
    test_accuracy: float | None = None
    probabilities: Literal["softmax", "calibrated_on_validation", "none"] | None = None
    reason: str | None = None
    host: str | None = None
    device: str | None = None
    micro_batch: int | None = Field(None, ge=1)


class PhaseEvent(Record):
    """A phase of the study begins, is resized or ends, or an approach runs out of configurations before its budget.

    Attributes:
        slots: how many trials can run at once from here on (on `started`; on `resized`, when nodes have come or gone).
        approach, replicate, reason: on `exhausted`, who ran out, and of what.
    """

    phase: Phase
    event: Literal["started", "resized", "finished", "exhausted"]
    time: float = Field(default_factory=time.time)
    slots: int | None = None
    approach: str | None = None
    replicate: int | None = None
    reason: str | None = None


class FeatureCost(Record):
    """What one frozen backbone cost: extracted once, charged to every search of every approach that uses it.

    Attributes:
        cost_s: slot-seconds that extracting the training and validation features took when it was done, or, where that
            was on a busy machine, what a sample of it took later (`trainables/backbones/features.py`).
        cpu_s, waited_s: CPU seconds over the slot's CPUs, and seconds without a CPU, of that work: see TrialEvent.
        cached: whether this study found them in the cache; the recorded cost is charged all the same.
        approaches: the approaches that use them.
    """

    key: str
    backbone: str
    image_size: tuple[int, int]
    cost_s: float = Field(ge=0)
    cpu_s: float | None = None
    waited_s: float | None = None
    cached: bool
    approaches: tuple[str, ...]


class PairVerdict(Section):
    """What one look said of one pair of approaches.

    Attributes:
        difference: of their accuracies on the test split, `a` minus `b`.
        p: corrected for the number of pairs.
        verdict: `a_better`, `b_better`, `equivalent` or `undecided`.
    """

    a: str
    b: str
    difference: float
    p: float
    verdict: str

    @property
    def is_open(self) -> bool:
        """Whether more replicates could settle it."""
        return self.verdict == "undecided"


class LookEvent(Record):
    """A look at the test results of a study whose final runs were finished: what was known then, and what it said.

    Attributes:
        time: seconds since 1970 at which the report was made.
        replicates: of the search at this look.
        search_seconds: the budget at this look.
        runs: final runs of each approach that counted; one more or less where some failed.
        counted: their names (see `trials.superseded` for those that do not count any more).
        renewed: some that had counted at the look before do not count any more.
        planned: the replicates that `settle` lets the study grow to; None for a look nobody planned.
        test_reads: how often the test split had been read by then: once in every final run, whether it counts or not.
        alpha: level of the tests at this look.
        verdicts: of all pairs.
        study: the study file, as it was at this look.
    """

    time: float = Field(default_factory=time.time)
    replicates: int = Field(ge=1)
    search_seconds: float
    runs: int = Field(ge=1)
    counted: tuple[str, ...]
    renewed: bool = False
    planned: int | None = None
    test_reads: int = Field(ge=0)
    alpha: float
    verdicts: tuple[PairVerdict, ...] = ()
    study: str = Field(repr=False)


class DataInfo(Record):
    """The data set as the study saw it.

    Attributes:
        fingerprint: SHA-256 over every image's identifier, label, split and content at the sizes asked for.
        classes: names of the classes, in the order of their indices.
        train, valid, test: images per split.
        counts: per split, images of each class in that order.
        grouped: whether test images carry a group (then the group is the unit of the statistics).
        skipped: files left out because they are no readable image (`skip_corrupt`).
        duplicates: identical images found in more than one split.
        test_days: the days of the test images (YYYY-MM-DD), where the names of all of them say when they were taken;
            else null.
    """

    source: str
    fingerprint: str
    classes: tuple[str, ...]
    train: int
    valid: int
    test: int
    counts: dict[str, tuple[int, ...]]
    grouped: bool = False
    skipped: tuple[str, ...] = ()
    duplicates: int = 0
    test_days: tuple[str, ...] | None = None


class SignificanceSettings(Section):
    """How differences are judged.

    Attributes:
        alpha: level of the tests, in (0, 1).
        margin: accuracies closer than this count as equivalent.
    """

    alpha: float = Field(0.05, gt=0, lt=1, allow_inf_nan=False)
    margin: float = Field(0.01, gt=0, lt=1, allow_inf_nan=False)


class BudgetSettings(Section):
    """What a search, and one trial of it, may charge.

    Attributes:
        search_seconds: charged for one search of an approach: for each of its replicates. Like all seconds of a study
            file a number, or a duration such as `10min`, `2h` or `1h30min`.
        trial_seconds: the most that one trial may charge.
    """

    search_seconds: Seconds
    trial_seconds: Seconds


class SettleSettings(Section):
    """Go on by itself until every pair of approaches is settled.

    Attributes:
        until: `verdict`: until of every pair one is better, or both are equivalent within the margin.
        at_most: replicates; the study ends there, settled or not.
        step: replicates to add at a time.
    """

    until: Literal["verdict"] = "verdict"
    at_most: int = Field(ge=2, le=MOST_REPLICATES)
    step: int = Field(1, ge=1, le=MOST_REPLICATES)


class DataSettings(BaseModel):
    """The part of `data` that the analysis needs.

    Attributes:
        resplit: whether training and validation images were divided anew for each replicate.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    resplit: bool = False


class StudySettings(BaseModel):
    """The part of study.yaml that the analysis needs; everything else in the file is ignored here."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    name: str
    approaches: dict[str, dict[str, Any]] = Field(min_length=1)
    budget: BudgetSettings
    data: DataSettings = DataSettings()
    significance: SignificanceSettings = SignificanceSettings()
    feature_cost: FeatureRule = "first_use"
    replicates: int = Field(1, ge=1)
    settle: SettleSettings | None = None
    seed: int = 0
