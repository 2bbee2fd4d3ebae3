"""What a study file says by a second reading of it: numbers as they stand there, each key once.

And what must hold of a study that was read: it is the same again when it is written and read back, the search can draw
from it, and its approaches can be built or are refused in a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import cast

import numpy as np
import yaml

from study.config.models import StudyConfig
from study.config.study_file import parse_config
from study.search.sampler import Sampler
from tests.fuzz.outcomes import WrongNumber
from trainables.data.dataset import Dataset
from trainables.errors import InputError

NUMBERS = (
    *("seed", "replicates", "budget.search_seconds", "budget.trial_seconds", "final.runs", "final.trial_seconds"),
    *("slot.cpus", "pace.heartbeat_seconds", "pace.checkpoint_seconds", "significance.alpha", "significance.margin"),
    *("data.train_per_class", "data.valid_fraction", "data.test_fraction", "data.split_seed", "settle.at_most"),
)
UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
DURATION = re.compile(r"(\d+(?:\.\d+)?) ?(s|min|h|d)")
NO_IMAGE = 2**26  # pixels; a study of images of 8,192 x 8,192 is a slip
BUILT_UP_TO = 256  # pixels a side; larger networks take long to build


def the_same_again(config: StudyConfig) -> None:
    """The complete study file, read back, is an equal study."""
    text = config.to_yaml()
    try:
        again = parse_config(text, name="written out")
    except InputError as error:
        raise WrongNumber(f"refused when read back: {error}") from error
    if again != config or again.to_yaml() != text:
        raise WrongNumber("another study when read back:")


def as_written(text: str, config: StudyConfig, assignments: Mapping[str, str]) -> None:
    """The numbers of a study are those that stand in its file, or in an assignment to their keys."""
    root = yaml.compose(text, Loader=yaml.CSafeLoader)
    for where, value in _scalars(root, "", set()):
        if where in NUMBERS and not any(key and f"{where}.".startswith(f"{key}.") for key in assignments):
            _compare(where, value, config)
    for where, value in assignments.items():
        if where in NUMBERS:
            _compare(where, value, config)


def searchable(config: StudyConfig) -> None:
    """Every approach has a first and a second trial."""
    for approach in config.approaches.values():
        sampler = Sampler(approach, seed=0, lag=1)
        sampler.suggest()
        sampler.suggest()


def buildable(config: StudyConfig) -> None:
    """Approaches are built or refused, as before a study; those of the sizes of the presets are, and are left out."""
    sizes = {config.settings(name).image_size for name in config.approaches}
    if any(min(size) < 1 or size[0] * size[1] > NO_IMAGE for size in sizes):
        raise WrongNumber(f"image size accepted: {sorted(sizes)}")
    named = [one.weights for one in config.backbones.values() if one.weights not in (None, "bundled")]
    usual = {(16, 16), (32, 32), (30, 100), (90, 300)}
    if named or sizes <= usual or max(map(max, sizes)) > BUILT_UP_TO:
        return
    from study.prepare.rehearsal import rehearse

    stand_in = SimpleNamespace(splits={"train": SimpleNamespace(labels=np.arange(2))}, classes=range(10))
    rehearse(config, cast(Dataset, stand_in))


def _scalars(node: yaml.Node | None, where: str, seen: set[int]) -> Iterator[tuple[str, str]]:
    """Every scalar with its dotted key. Nothing below a merge key, which says what other keys mean."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        yield where, node.value
    elif isinstance(node, yaml.MappingNode):
        names = [(key.tag, key.value) for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if "<<" in dict(names).values():
            return
        if len(set(names)) < len(names):
            raise WrongNumber(f"a key twice, one vanishes: {where or 'the file'}, {names}")
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield from _scalars(value, f"{where}.{key.value}" if where else key.value, seen)


def _compare(where: str, written: str, config: StudyConfig) -> None:
    value: object = config
    for part in where.split("."):
        value = getattr(value, part, None)
    if value is not None and _number(written) != value:
        raise WrongNumber(f"number read as another: {where}: {written[:40]} became {value!r}")


def _number(written: str) -> float | None:
    """As a reader of the file takes it; None where it is none."""
    if found := DURATION.fullmatch(written.strip()):
        return float(found[1]) * UNITS[found[2]]
    for read in (lambda text: int(text, 0), float):
        try:
            return read(written)
        except (ValueError, OverflowError):
            continue
    return None
