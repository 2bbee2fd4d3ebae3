"""The study file as one frozen model, and its sections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializeAsAny,
    ValidationError,
    model_validator,
)

from analysis.records import yaml_text
from analysis.records.errors import cut, listed, shown
from analysis.records.schema import (
    MOST_REPLICATES,
    BudgetSettings,
    FeatureRule,
    SettleSettings,
    SignificanceSettings,
)
from analysis.records.seconds import Seconds
from study.config.approaches import LONGEST_NAME, ApproachConfig, name_problem
from study.config.kinds import turned
from study.config.messages import misspelt, problem
from trainables.approach import Settings
from trainables.backbones.networks import Backbone
from trainables.data.config import SOURCES, DataSource
from trainables.errors import DataError
from trainables.finding import did_you_mean

RUNS_OF_ONE_SEARCH = 5  # final runs where the search is not repeated and the file names no number
# What is counted is bounded far above what studies have, so that a slip of the finger is a line, not a lost day.
MOST_RUNS, MOST_CPUS = 10_000, 10_000


class Section(BaseModel):
    """A part of the study file: frozen, and nothing in it that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FinalConfig(Section):
    """The final runs of each approach's incumbent.

    Attributes:
        runs: how many runs in all, each with a seed of its own, spread over the replicates as evenly as can be; where
            none is given, one for each replicate, and five where there is a single one.
        refit: train on `train`, validating as in the search, or on `train_and_valid` together.
        trial_seconds: allowance of one run; that of a search trial where none is given.
    """

    runs: int | None = Field(None, ge=1, le=MOST_RUNS)
    refit: Literal["train", "train_and_valid"] = "train"
    trial_seconds: Seconds | None = None

    @model_validator(mode="before")
    @classmethod
    def _has_runs(cls, given: object) -> object:
        if isinstance(given, Mapping) and "seeds" in given:
            raise ValueError("seeds: now final.runs, and of all replicates together; write final: {runs: N}")
        return given


class SlotConfig(Section):
    """What one trial holds, the same for all approaches.

    Attributes:
        cpus: how many CPUs.
        gpus: one GPU at most, or a part of one; `auto` is one where the cluster has any, and the study's directory
            records what it came to.
    """

    cpus: int = Field(1, ge=1, le=MOST_CPUS)
    gpus: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | Literal["auto"] = "auto"


class PaceConfig(Section):
    """How often a trial reports and saves, in charged seconds; on a cluster of many slots, less often.

    Attributes:
        heartbeat_seconds: between two records of a trial that has nothing else to say.
        checkpoint_seconds: between two checkpoints: the most that a crash takes from a trial, give or take a heartbeat.
    """

    heartbeat_seconds: Seconds = 10.0
    checkpoint_seconds: Seconds = 30.0


def _data_source(given: object) -> object:
    """The section `data`, read by the model of the source that it names."""
    if not isinstance(given, Mapping):
        return given
    if "source" not in given and (written := misspelt("source", given)):
        raise ValueError(f"{cut(written, 60)}: unknown key; did you mean 'source'?")
    try:
        kind = SOURCES.find(given.get("source"))
    except DataError as error:
        raise ValueError(f"source: {error}") from error
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise ValueError(problem(error, kind)) from None


class StudyConfig(Section):
    """A whole study.

    Attributes:
        name: names the study's directory under `storage`.
        seed: everything random in the study derives from it.
        data: the data set: where the images are, and how they are divided.
        backbones: pretrained networks that approaches refer to by name.
        approaches: what is compared, by a name of the user's choice.
        budget: charged seconds of one search of an approach, and of one trial.
        final: the runs that are scored on the test split.
        replicates: how often the whole search is repeated with new seeds, so that its luck is seen.
        settle: go on by itself, replicate by replicate, until every pair is settled; alpha is spent over the looks.
        feature_cost: who pays for frozen features: each search once, each trial, or nobody.
        slot: what one trial holds.
        pace: how often trials report and save.
        significance: level of the tests, and the margin below which accuracies count as equivalent.
        storage: where studies are kept: a folder (on a cluster, one that all nodes see) or `s3://bucket/prefix`.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=LONGEST_NAME)
    seed: int = Field(0, ge=0, lt=2**63)
    data: Annotated[SerializeAsAny[DataSource], BeforeValidator(_data_source)]
    backbones: dict[str, Backbone] = Field(default_factory=dict)
    approaches: dict[str, ApproachConfig] = Field(min_length=1)
    budget: BudgetSettings
    final: FinalConfig = FinalConfig()
    replicates: int = Field(5, ge=1, le=MOST_REPLICATES)
    settle: SettleSettings | None = None
    feature_cost: FeatureRule = "first_use"
    slot: SlotConfig = SlotConfig()
    pace: PaceConfig = PaceConfig()
    significance: SignificanceSettings = SignificanceSettings()
    storage: str = "results"

    @property
    def classes(self) -> list[type]:
        """The classes of the data source and the approaches, which others may have written."""
        return [type(self.data), *(approach.kind for approach in self.approaches.values())]

    @property
    def final_runs(self) -> int:
        """Final runs of each approach, over all replicates."""
        return self.final.runs or (self.replicates if self.replicates > 1 else RUNS_OF_ONE_SEARCH)

    @property
    def final_seconds(self) -> float:
        """Allowance of one final run."""
        return self.final.trial_seconds or self.budget.trial_seconds

    @property
    def image_sizes(self) -> set[tuple[int, int]]:
        """(height, width) at which the approaches want the images."""
        return {self.settings(name).image_size for name in self.approaches}

    def settings(self, name: str) -> Settings:
        """The settings of one approach, its backbone looked up.

        Raises:
            ValueError: a setting is missing or of the wrong kind.
        """
        accepting = self.approaches[name].kind.settings_type
        given = dict(self.approaches[name].model_extra or {})
        if "backbone" in given:
            given["backbone"] = self._backbone(name, given["backbone"])
        try:
            read = accepting.model_validate(given)
        except ValidationError as error:
            raise ValueError(f"approaches.{name}.{problem(error, accepting)}") from None
        if found := turned(given, read):
            raise ValueError(f"approaches.{name}.{'.'.join(map(str, found[0]))}: {found[1]}")
        return read

    def to_yaml(self) -> str:
        """The complete study file; reading it back gives an equal configuration."""
        return yaml_text.dump(self.model_dump(mode="json"))

    def _backbone(self, approach: str, name: object) -> Backbone:
        if not isinstance(name, str) or name not in self.backbones:
            names, meant = listed(list(self.backbones)) or "none given", did_you_mean(str(name), self.backbones)
            told = f"{shown(name)} is not under backbones ({names}){meant}"
            raise ValueError(f"approaches.{approach}.backbone: {told}")
        return self.backbones[name]

    @model_validator(mode="after")
    def _check(self) -> StudyConfig:
        for name in self.approaches:
            if told := name_problem(name):
                raise ValueError(f"approaches.{cut(name, 60)}: {told}")
            self.settings(name)
        if self.final_runs < self.replicates:
            raise ValueError(
                f"final.runs: {self.final_runs} final runs of each approach leave some of its {self.replicates} "
                "replicates without one; raise final.runs or lower replicates"
            )
        if self.settle is not None and self.settle.at_most < self.replicates:
            raise ValueError(
                f"settle.at_most: {self.settle.at_most} replicates are fewer than the {self.replicates} that there are "
                "to begin with (replicates); raise the one or lower the other"
            )
        if self.budget.trial_seconds > self.budget.search_seconds:
            raise ValueError(
                f"budget.search_seconds: {self.budget.search_seconds:g} s is too small for one trial of "
                f"{self.budget.trial_seconds:g} s (budget.trial_seconds); raise the one or lower the other"
            )
        return self
