"""What a study file says of one approach.

What an approach accepts (its settings and hyperparameters) is declared in its own file under trainables/ and only
checked here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from functools import cached_property

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_serializer,
    field_validator,
    model_validator,
)

from analysis.records.errors import cut
from analysis.records.schema import HyperparameterValue
from study.config.kinds import turned
from study.config.messages import hint, problem
from study.config.space import Distribution, Space, out_of_bounds, parse_hyperparameter
from trainables.approach import Approach
from trainables.approaches import APPROACHES
from trainables.errors import ApproachError
from trainables.finding import did_you_mean

LONGEST_NAME = 100  # characters of a study's or an approach's name, of which folders and files are named
LONGEST_NAME_BYTES = 150  # a name on a disk has 255 at most, with what is added to it
MOST_TRIALS = 1_000_000  # far above what studies have, so that a slip of the finger is a line, not a lost day


class ApproachConfig(BaseModel):
    """One approach of the study. Keys beside these are the approach's own settings (image_size, backbone, frozen).

    Attributes:
        approach: which one: the name of one that is built in, or `module:Class`. The name of an entry point becomes
            what it stands for, as the machine where the study goes on may not know the name.
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
    max_trials: int = Field(1000, ge=1, le=MOST_TRIALS)

    @cached_property
    def kind(self) -> type[Approach]:
        """The approach's class."""
        return APPROACHES.find(self.approach)

    @cached_property
    def varied(self) -> dict[str, Distribution]:
        """The hyperparameters that the search varies."""
        return {name: given for name, given in self.space.items() if isinstance(given, Distribution)}

    @cached_property
    def constants(self) -> dict[str, HyperparameterValue]:
        """The hyperparameters that the study file fixes."""
        return {name: given for name, given in self.space.items() if not isinstance(given, Distribution)}

    @field_validator("approach")
    @classmethod
    def _find(cls, name: str) -> str:
        try:
            APPROACHES.find(name)
            return APPROACHES.written_out(name)
        except ApproachError as error:
            raise ValueError(str(error)) from None

    @field_validator("space", mode="before")
    @classmethod
    def _parse_space(cls, space: object) -> object:
        if not isinstance(space, Mapping):
            return space
        return {name: parse_hyperparameter(name, written) for name, written in space.items()}

    @field_serializer("space")
    def _written_space(self, space: Space) -> dict[str, object]:
        return {name: given.written() if isinstance(given, Distribution) else given for name, given in space.items()}

    @model_validator(mode="after")
    def _check(self) -> ApproachConfig:
        own = self.kind.settings_type.model_fields
        if unknown := (self.model_extra or {}).keys() - own.keys():
            accepted = [*ApproachConfig.model_fields, *own]
            raise ValueError(f"{cut(min(unknown), 60)}: unknown key{hint(min(unknown), accepted)}")
        for name, given in self.space.items():
            for value in given.examples if isinstance(given, Distribution) else (given,):
                self._check_value(f"space.{name}", name, value)
        for name, value in (self.published or {}).items():
            if name not in self.varied:
                meant = did_you_mean(name, self.varied.keys() - (self.published or {}).keys())
                raise ValueError(
                    f"published.{cut(name, 60)}: not varied in the space{meant or '; take it out or vary it'}"
                )
            self._check_value(f"published.{name}", name, value)
        if self.published is not None and (left_out := self.varied.keys() - self.published.keys()):
            raise ValueError(f"published: {min(left_out)} is missing; give a value for every varied hyperparameter")
        return self

    def _check_value(self, where: str, name: str, value: HyperparameterValue) -> None:
        accepting = self.kind.hyperparameters_type
        if name not in accepting.model_fields:
            raise ValueError(f"{cut(where, 60)}: no hyperparameter{hint(name, accepting.model_fields)}")
        if beyond := out_of_bounds(value):
            raise ValueError(f"{where}: {beyond}")
        try:
            read = accepting.model_validate({name: value})
        except ValidationError as error:
            raise ValueError(f"{where}: {problem(error, accepting)}") from None
        if found := turned(value, getattr(read, name)):
            raise ValueError(f"{where}: {found[1]}")


def name_problem(name: str) -> str | None:
    """What keeps a name from being an approach's, of which folders and files are named; None where nothing does."""
    letters = name.replace("_", "").replace("-", "").isalnum()
    if not letters or len(name) > LONGEST_NAME or len(name.encode()) > LONGEST_NAME_BYTES:
        return (
            f"use letters, digits, - and _ in an approach's name, at most {LONGEST_NAME} in all, and "
            f"{LONGEST_NAME_BYTES} bytes of UTF-8"
        )
    return None


def same_on_disk(names: Iterable[str]) -> tuple[str, str] | None:
    """Two names that some disks (those of macOS and Windows) take for one, if there are any."""
    known: dict[str, str] = {}
    for name in names:
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
        if folded in known:
            return known[folded], name
        known[folded] = name
    return None
