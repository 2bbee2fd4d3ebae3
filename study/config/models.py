"""The study file: YAML in, one frozen model out, and errors that name the key and say what would be accepted.

Nothing past this module handles unknown keys. What an approach accepts (its settings and hyperparameters) is declared
in its own file under trainables/ and only checked here.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from importlib import resources
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from analysis.records.schema import BudgetSettings, FeatureRule, HyperparameterValue, SignificanceSettings
from trainables.approach import Approach, Settings
from trainables.approaches.registry import APPROACHES
from trainables.backbones.networks import Backbone
from trainables.data.dataset import DataConfig
from trainables.errors import InputError

DISTRIBUTIONS = ("loguniform", "uniform", "int", "logint", "categorical")


class ConfigError(InputError):
    """A study file that cannot be used."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Distribution(_Section):
    """Where the search draws a hyperparameter from.

    Written in the study file as one of `{loguniform: [low, high]}`, `{uniform: [low, high]}`, `{int: [low, high]}`,
    `{logint: [low, high]}` (bounds included) and `{categorical: [a, b, ...]}`.
    """

    kind: Literal["loguniform", "uniform", "int", "logint", "categorical"]
    low: float = 0.0
    high: float = 0.0
    choices: tuple[HyperparameterValue, ...] = ()

    @property
    def size(self) -> float:
        """Number of values; infinite for a continuous range."""
        if self.kind == "categorical":
            return len(self.choices)
        if self.kind in ("int", "logint"):
            return len(self.whole_numbers)
        return math.inf

    @property
    def whole_numbers(self) -> range:
        """All values of a range of whole numbers."""
        return range(int(self.low), int(self.high) + 1)

    @property
    def bounds(self) -> tuple[HyperparameterValue, ...]:
        """The extreme values, or all choices."""
        if self.kind == "categorical":
            return self.choices
        whole = self.kind in ("int", "logint")
        return (int(self.low), int(self.high)) if whole else (self.low, self.high)

    @property
    def examples(self) -> tuple[HyperparameterValue, ...]:
        """Values of every kind it holds: if an approach accepts these, it accepts all.

        A continuous range adds one from inside it, which is no whole number even where the bounds are.
        """
        continuous = self.kind in ("uniform", "loguniform")
        return (*self.bounds, self.low + (self.high - self.low) / math.pi) if continuous else self.bounds

    def holds(self, value: HyperparameterValue) -> bool:
        """Whether the search could draw this value."""
        if self.kind == "categorical":
            return value in self.choices
        return isinstance(value, int | float) and self.low <= value <= self.high

    @classmethod
    def parse(cls, written: object) -> Distribution | HyperparameterValue:
        """A distribution from the way it is written, or the constant itself.

        Raises:
            ValueError: it is neither; the message says what would be accepted.
        """
        if isinstance(written, bool | int | float | str):
            return written
        if not isinstance(written, Mapping) or len(written) != 1 or next(iter(written)) not in DISTRIBUTIONS:
            raise ValueError(f"{written!r} is neither a constant nor one of {', '.join(DISTRIBUTIONS)}: [...]")
        kind, values = next(iter(written.items()))
        if not isinstance(values, list | tuple) or not values:
            raise ValueError(f"{kind} needs a list, but got {values!r}")
        if kind == "categorical":
            return cls._choice(values)
        return cls._range(kind, values)

    @classmethod
    def _choice(cls, values: Sequence[Any]) -> Distribution:
        for value in values:
            if not isinstance(value, bool | int | float | str):
                raise ValueError(f"categorical needs numbers, text, true or false, but got {value!r} in {values!r}")
        # Equal choices, such as True and 1, are one configuration: the search would wait for `size` of them in vain.
        for one, other in combinations(values, 2):
            if one == other:
                raise ValueError(
                    f"categorical needs choices that differ, but got {values!r}, of which {one!r} and {other!r} are"
                    " equal; take one of them out"
                )
        return cls(kind="categorical", choices=tuple(values))

    @classmethod
    def _range(cls, kind: Any, values: Sequence[Any]) -> Distribution:
        try:
            low, high = (float(value) for value in values)
        except (TypeError, ValueError):
            raise ValueError(f"{kind} needs [low, high], two numbers, but got {values!r}") from None
        if not low <= high or not math.isfinite(high):
            raise ValueError(f"`low <= high` must hold, but got {kind}: {values!r}")
        if kind.startswith("log") and low <= 0:
            raise ValueError(f"{kind} needs low > 0, but got {values!r}")
        if kind.endswith("int") and (low != int(low) or high != int(high)):
            raise ValueError(f"{kind} needs whole numbers, but got {values!r}")
        return cls(kind=kind, low=low, high=high)

    def written(self) -> dict[str, list[Any]]:
        """As it stands in a study file."""
        return {self.kind: list(self.bounds)}


Space = dict[str, Distribution | HyperparameterValue]


def _parse_hyperparameter(name: str, written: object) -> Distribution | HyperparameterValue:
    try:
        return Distribution.parse(written)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


class ApproachConfig(BaseModel):
    """One approach of the study. Keys beside these are the approach's own settings (image_size, backbone, frozen).

    Attributes:
        approach: which one, as named under trainables/.
        space: what the search varies, each a distribution, and constants.
        published: values of the varied hyperparameters for the first trial. They may lie outside the space (a weight
            decay of 0 beside a log-uniform one); the sampler then learns nothing from that trial.
        max_trials: the search of this approach ends after so many trials, even with budget left. It bounds a search
            whose trials take milliseconds, where getting a trial started takes longer than the trial.
    """

    model_config = ConfigDict(frozen=True, extra="allow")
    approach: str
    space: Space = Field(default_factory=dict)
    published: dict[str, HyperparameterValue] | None = None
    max_trials: int = Field(1000, ge=1)

    @field_validator("space", mode="before")
    @classmethod
    def _parse_space(cls, space: object) -> object:
        if not isinstance(space, Mapping):
            return space
        return {name: _parse_hyperparameter(name, written) for name, written in space.items()}

    @model_validator(mode="after")
    def _check(self) -> ApproachConfig:
        if self.approach not in APPROACHES:
            raise ValueError(f"approach: {self.approach!r} is not one of {', '.join(APPROACHES)}")
        for name, given in self.space.items():
            for value in given.examples if isinstance(given, Distribution) else (given,):
                self._check_value(f"space.{name}", name, value)
        for name, value in (self.published or {}).items():
            self._check_published(name, value)
        if self.published is not None and (left_out := set(self.varied) - set(self.published)):
            raise ValueError(f"published: {min(left_out)} is missing; give a value for every varied hyperparameter")
        return self

    def _check_value(self, where: str, name: str, value: HyperparameterValue) -> None:
        known = self.kind.hyperparameters_type.model_fields
        if name not in known:
            raise ValueError(f"{where}: no hyperparameter{_hint(name, known)}")
        try:
            self.kind.hyperparameters_type.model_validate({name: value})
        except ValidationError as error:
            raise ValueError(f"{where}: {_problem(error)}") from None

    def _check_published(self, name: str, value: HyperparameterValue) -> None:
        if not isinstance(self.space.get(name), Distribution):
            raise ValueError(f"published.{name}: not varied in the space; take it out or vary it")
        self._check_value(f"published.{name}", name, value)

    @property
    def kind(self) -> type[Approach]:
        """The approach's class."""
        return APPROACHES[self.approach]

    @cached_property
    def varied(self) -> dict[str, Distribution]:
        """The hyperparameters that the search varies."""
        return {name: given for name, given in self.space.items() if isinstance(given, Distribution)}

    @cached_property
    def constants(self) -> dict[str, HyperparameterValue]:
        """The hyperparameters that the study file fixes."""
        return {name: given for name, given in self.space.items() if not isinstance(given, Distribution)}


class FinalConfig(_Section):
    """The final runs of each approach's incumbent.

    Attributes:
        seeds: how many runs, each with a seed of its own, per replicate.
        refit: train on `train`, validating as in the search, or on `train_and_valid` together.
        trial_seconds: allowance of one run; that of a search trial where none is given.
    """

    seeds: int = Field(5, ge=1)
    refit: Literal["train", "train_and_valid"] = "train"
    trial_seconds: float | None = Field(None, gt=0)


class SlotConfig(_Section):
    """What one trial holds, the same for all approaches: CPUs, and at most one GPU or a part of one.

    `gpus: auto` is one GPU where the cluster has any; the study directory records what it came to.
    """

    cpus: int = Field(1, ge=1)
    gpus: Annotated[float, Field(ge=0, le=1)] | Literal["auto"] = "auto"


class PaceConfig(_Section):
    """How often a trial reports and saves, in charged seconds; on a cluster of many slots, less often.

    Attributes:
        heartbeat_seconds: between two records of a trial that has nothing else to say.
        checkpoint_seconds: between two checkpoints: the most that a crash takes from a trial, give or take a heartbeat.
    """

    heartbeat_seconds: float = Field(10.0, gt=0)
    checkpoint_seconds: float = Field(30.0, gt=0)


class StudyConfig(_Section):
    """A whole study.

    Attributes:
        name: names the study's directory under `storage`.
        seed: everything random in the study derives from it.
        data: the data set; see trainables/data/config.py.
        backbones: pretrained networks that approaches refer to by name.
        approaches: what is compared, by a name of the user's choice.
        budget: charged seconds of each approach's search, and of one trial.
        final: the runs that are scored on the test split.
        replicates: how often the whole search is repeated with new seeds.
        feature_cost: who pays for frozen features: each approach once, each trial, or nobody.
        slot: what one trial holds.
        pace: how often trials report and save.
        significance: level of the tests, and the margin below which accuracies count as equivalent.
        storage: where studies are kept: a folder (on a cluster, one that all nodes see) or `s3://bucket/prefix`.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    seed: int = Field(0, ge=0)
    data: DataConfig
    backbones: dict[str, Backbone] = Field(default_factory=dict)
    approaches: dict[str, ApproachConfig] = Field(min_length=1)
    budget: BudgetSettings
    final: FinalConfig = FinalConfig()
    replicates: int = Field(1, ge=1)
    feature_cost: FeatureRule = "first_use"
    slot: SlotConfig = SlotConfig()
    pace: PaceConfig = PaceConfig()
    significance: SignificanceSettings = SignificanceSettings()
    storage: str = "results"

    @model_validator(mode="after")
    def _check(self) -> StudyConfig:
        for name in self.approaches:
            if not name.replace("_", "").replace("-", "").isalnum():
                raise ValueError(f"approaches.{name}: use letters, digits, - and _ in an approach's name")
            self.settings(name)
        if self.budget.trial_seconds > self.budget.search_seconds:
            raise ValueError(
                f"budget.search_seconds: {self.budget.search_seconds:g} s is too small for one trial of "
                f"{self.budget.trial_seconds:g} s (budget.trial_seconds); raise the one or lower the other"
            )
        return self

    def settings(self, name: str) -> Settings:
        """The settings of one approach, its backbone looked up.

        Raises:
            ValueError: a setting is unknown, missing or of the wrong kind.
        """
        config = self.approaches[name]
        given = dict(config.model_extra or {})
        known = config.kind.settings_type.model_fields
        for key in given.keys() - known.keys():
            accepted = [*ApproachConfig.model_fields, *known]
            raise ValueError(f"approaches.{name}.{key}: unknown key{_hint(key, known, accepted)}")
        if "backbone" in given:
            if given["backbone"] not in self.backbones:
                names = ", ".join(self.backbones) or "none given"
                raise ValueError(f"approaches.{name}.backbone: {given['backbone']!r} is not under backbones ({names})")
            given["backbone"] = self.backbones[given["backbone"]]
        try:
            return config.kind.settings_type.model_validate(given)
        except ValidationError as error:
            raise ValueError(f"approaches.{name}.{_problem(error)}") from None

    @property
    def final_seconds(self) -> float:
        """Allowance of one final run."""
        return self.final.trial_seconds or self.budget.trial_seconds

    def to_yaml(self) -> str:
        """The complete study file; reading it back gives an equal configuration."""
        content = self.model_dump(mode="json")
        for name, approach in self.approaches.items():
            space = {key: it.written() if isinstance(it, Distribution) else it for key, it in approach.space.items()}
            content["approaches"][name]["space"] = space
        return yaml.safe_dump(content, sort_keys=False, width=120)


def read_config(study: str, overrides: Mapping[str, object] | None = None) -> StudyConfig:
    """Read a study file, or a preset by its name.

    Args:
        study: path of a YAML file, or the name of a preset.
        overrides: values by dotted key, such as `budget.search_seconds`, which replace those of the file.

    Raises:
        ConfigError: no such file or preset, no YAML, or a key that is unknown, missing or wrong.
    """
    return parse_config(_read_text(study), name=study, overrides=overrides)


def parse_config(text: str, *, name: str, overrides: Mapping[str, object] | None = None) -> StudyConfig:
    """Like `read_config`, from the text of a study file; `name` is what errors call it."""
    content = read_yaml(text, name=name)
    if not isinstance(content, dict):
        raise ConfigError(f"{name}: not a study file; it must hold the keys {', '.join(StudyConfig.model_fields)}")
    for key, value in (overrides or {}).items():
        _override(content, key, value)
    try:
        return StudyConfig.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{name}: {_problem(error)}") from error


class _Loader(yaml.SafeLoader):
    """YAML in which 1e-4 is a number; YAML 1.1 takes it for text, as it has no dot."""


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+[eE][-+]?\d+$"), list("-+0123456789"))


def read_yaml(text: str, *, name: str) -> object:
    """The content of a study file, or of a value for one of its keys; `name` is what errors call it.

    Raises:
        ConfigError: it is no YAML.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}: not YAML ({' '.join(str(error).split())})") from error


def presets() -> list[str]:
    """Names of the studies that come with the program."""
    files = resources.files("study").joinpath("presets").iterdir()
    return sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml"))


def _read_text(study: str) -> str:
    if study in presets():
        return resources.files("study").joinpath(f"presets/{study}.yaml").read_text()
    path = Path(study)
    if not path.is_file():
        raise ConfigError(f"{study}: neither a file nor a preset; presets are {', '.join(presets())}")
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{study}: cannot be read ({error})") from error


def _override(content: dict[str, Any], key: str, value: object) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        content = content.setdefault(parent, {})
        if not isinstance(content, dict):
            raise ConfigError(f"{key}: {parent} is no section of the study file, so nothing in it can be set")
    content[last] = value


def _problem(error: ValidationError) -> str:
    """The first problem in one line: the key, what is wrong, and what would be accepted."""
    first = error.errors()[0]
    place, message = first["loc"], first["msg"].removeprefix("Value error, ")
    where = ".".join(str(part) for index, part in enumerate(place) if (index, place[0]) != (1, "data"))
    if first["type"] == "value_error":
        names_a_key = re.match(r"[\w.-]+: ", message)
        return f"{where}{'.' if names_a_key else ': '}{message}" if where else message
    if first["type"] == "extra_forbidden":
        known = _keys(place[:-1])
        return f"{where}: unknown key{_hint(str(place[-1]), known)}"
    if first["type"].startswith("union_tag"):
        given = first["input"].get("source")
        return f"{where}.source: {given!r} is not one of {', '.join(_data_kinds())}"
    if first["type"] == "missing":
        return f"{where}: missing; this key is needed"
    return f"{where}: {message[0].lower()}{message[1:]}, but got {first['input']!r}"


def _keys(place: Sequence[int | str]) -> Mapping[str, object]:
    """The keys that a section of the study file may have."""
    section: Any = StudyConfig
    for part in map(str, place):
        if isinstance(section, type) and issubclass(section, BaseModel):
            section = section.model_fields[part].annotation
        elif part in _data_kinds():
            section = _data_kinds()[part]
        else:  # sections by a name of the user's choice
            _, section = get_args(section)
    fields: Mapping[str, object] = section.model_fields
    return fields


def _data_kinds() -> dict[str, type[BaseModel]]:
    kinds = get_args(StudyConfig.model_fields["data"].annotation)
    return {kind.model_fields["source"].default: kind for kind in kinds}


def _hint(name: str, known: Iterable[str], accepted: Iterable[str] | None = None) -> str:
    """The known name that was probably meant, if one is close, and all that would be accepted."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1)
    names = ", ".join(known if accepted is None else accepted)
    return f"; did you mean {close[0]!r}? (accepted: {names})" if close else f"; accepted: {names}"
