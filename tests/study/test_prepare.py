"""What is refused before a study begins: approaches that cannot be built here, or imported by the workers."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pytest
from ray import cloudpickle

from analysis.records.schema import FeatureCost
from study.cluster.arrival import _imported
from study.config.approaches import ApproachConfig
from study.config.models import StudyConfig
from study.prepare.frozen import SEARCH_SPLITS, _collected, _FeatureSettings
from study.prepare.prepare import prepare
from study.prepare.rehearsal import rehearse
from study.session.inputs import final_inputs, search_inputs
from study.session.ready import Ready
from tests.support.commands import Finished, machine
from tests.support.study_files import small_config
from trainables.approach import Settings
from trainables.approaches.better_cnn import BetterCNN
from trainables.backbones.costs import Cost, Price
from trainables.backbones.extraction import Features
from trainables.backbones.networks import GLYPHS
from trainables.data.dataset import open_dataset
from trainables.errors import ApproachError, HyperparameterError, InputError
from trainables.spec import Inputs, Slot


class FromFeatures(BetterCNN):
    @staticmethod
    def learns_from(settings: Settings) -> Literal["images", "features"]:
        return "features"


class Unbuildable(BetterCNN):
    def __init__(self, *given: Any, **named: Any) -> None:
        raise ValueError("k is 0\nmore")


class Particular(BetterCNN):
    def __init__(self, *given: Any, **named: Any) -> None:
        raise HyperparameterError("k: 0 is too small; raise it")


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        (
            FromFeatures,
            ApproachError,
            "approaches.mine: learns from features, but has no backbone that they could come from; "
            "BetterCNNSettings needs a field `backbone: Backbone`",
        ),
        (
            Unbuildable,
            ApproachError,
            "approaches.mine: Unbuildable cannot be built (ValueError: k is 0); mend it",
        ),
        (Particular, HyperparameterError, "k: 0 is too small; raise it"),
    ],
)
def test_an_approach_that_cannot_be_built_is_refused_in_one_line(kind, error, message):
    approach = ApproachConfig(approach=f"{__name__}:{kind.__name__}")
    settings = Settings(image_size=(4, 4))
    config: Any = SimpleNamespace(approaches={"mine": approach}, settings=lambda name: settings)
    dataset: Any = SimpleNamespace(splits={"train": SimpleNamespace(labels=np.array([0, 1]))}, classes=("a", "b"))
    with pytest.raises(error) as refused:
        rehearse(config, dataset)
    assert str(refused.value) == message


def test_what_parts_of_features_cost_is_added_up_and_said_where_the_machine_was_busy(monkeypatch):
    values = np.zeros((2, 3), dtype=np.float32)
    parts = {"train": Cost(6.0, 2.0, 4.0), "valid": Cost(3.65, 0.38, 3.27)}
    pending: Any = {
        split: [Features(values, Price(cost), cached=False, keys=(f"key of {split}",))] for split, cost in parts.items()
    }
    monkeypatch.setattr("study.prepare.frozen.ray.get", lambda task: task)
    settings = _FeatureSettings(image_size=(8, 8), backbone=GLYPHS)
    made = _collected(settings, ("svm",), pending)
    cost = made.cost
    assert (cost.key, cost.cost_s, cost.cpu_s, cost.waited_s) == ("key of train", 9.65, 2.38, 7.27)
    assert made.note is not None
    assert "9.7 s are charged, 7.3 s of which passed in waiting for a CPU" in made.note


def test_a_worker_says_of_each_approach_why_it_cannot_be_imported():
    gone = cloudpickle.dumps(BetterCNN).replace(b"approaches.better_cnn", b"approaches.gone_cnn__")
    assert _imported({"here": cloudpickle.dumps(BetterCNN), "gone": gone}) == {
        "gone": "ModuleNotFoundError: No module named 'trainables.approaches.gone_cnn__'"
    }


WORKERS = """
import sys, time, ray
sys.path.append('lab')
from hidden_from_workers import Mine
from study.cluster.arrival import answer, refuse_not_arrived
from trainables.spec import Slot

ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
try:
    answer(lambda _: time.sleep(3600), None, slot=Slot(1, 0.0), within_s=1)
except ray.exceptions.RayError as error:
    print(error)
print(answer(lambda given: given, 'free', slot=Slot(1, 0.0), within_s=100))
refuse_not_arrived({'mine': Mine}, Slot(1, 0.0))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> Finished:
    folder = tmp_path_factory.mktemp("workers")
    (folder / "lab").mkdir()
    (folder / "lab" / "hidden_from_workers.py").write_text(
        "from benchmarks.no_op import NoOp\nclass Mine(NoOp): pass\n"
    )
    with machine(folder) as here:
        return here.python(WORKERS)


@pytest.mark.slow
def test_an_approach_that_the_workers_cannot_import_is_refused_before_anything_is_written(told):
    assert told.err.splitlines()[-1] == (
        "trainables.errors.ApproachError: approaches.mine: the workers cannot import hidden_from_workers "
        "(ModuleNotFoundError: No module named 'hidden_from_workers'); put the module, and what it imports, where the "
        "workers find it; where Ray ran in this process before the study, ray.shutdown() first"
    )


@pytest.mark.slow
def test_a_worker_that_never_answers_is_one_line_and_its_slot_is_free_again(told):
    assert told.out == "no answer within 1 s\nfree\n"


RIVAL = """
import os, time, ray
from study.cluster import arrival
from trainables.spec import Slot

def holds():
    open('held', 'w').close()
    time.sleep(3600)

def taken(group):
    give_back(group)
    rivals.append(ray.remote(holds).remote())
    while not os.path.exists('held'):
        time.sleep(0.05)

give_back, rivals = ray.util.remove_placement_group, []
arrival.BEGUN_WITHIN_S = 20.0
ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
ray.get(ray.remote(lambda: None).remote())
ray.util.remove_placement_group = taken
print(arrival.answer(lambda given: given, 'told', slot=Slot(1, 0.0), within_s=100))
"""


@pytest.mark.slow
def test_a_slot_that_somebody_else_takes_as_soon_as_it_is_given_back_was_enough_for_the_answer(tmp_path):
    """On a cluster that is shared, it was said that no process begins."""
    with machine(tmp_path) as here:
        told = here.python(RIVAL)
        assert (told.code, told.out) == (0, "told\n"), told.err


HANGS = """
import signal, sys, time
if any(part.endswith("default_worker.py") for part in sys.orig_argv):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(3600)
"""


@pytest.mark.slow
def test_a_worker_that_hangs_before_it_has_begun_ends_the_study_in_one_line(tmp_path):
    """It was waited for without an end."""
    (tmp_path / "sitecustomize.py").write_text(HANGS)
    with machine(tmp_path) as here:
        told = replace(here, libraries=(tmp_path,)).python(
            "from study.cluster import arrival\nfrom study.cluster.connection import connected\n"
            "from trainables.spec import Slot\narrival.BEGUN_WITHIN_S = 5.0\n"
            "try:\n    with connected(None, cpus=1):\n        arrival.refuse_not_arrived({}, Slot(1, 0.0))\n"
            "except arrival.WorkerError as error:\n    print(error)\n"
        )
        assert told.out == (
            "the workers do not come as far as a trial (no process begins within 5 s); Ray's logs say more\n"
        ), told.err


@pytest.mark.parametrize("made", [search_inputs, final_inputs])
def test_every_replicate_gets_a_division_of_its_own_where_the_study_file_asks_for_it(made, tmp_path, monkeypatch):
    monkeypatch.setenv("TRANSFER_STUDY_CACHE", str(tmp_path / "cache"))
    config = small_config(replicates=3, data__resplit=True, final={"runs": 3})
    of_features = SimpleNamespace(values={split: np.zeros((50, 4), dtype=np.float32) for split in SEARCH_SPLITS})
    inputs = made(config, open_dataset(config.data), {"feature_svm": of_features})
    tasks = [inputs["better_cnn"].task_of(replicate) for replicate in range(3)]
    assert len({task.train.inputs.tobytes() for task in tasks}) == 3
    assert [np.bincount(task.valid.labels).tolist() for task in tasks] == [[5] * 10] * 3


def test_what_search_trials_get_is_made_once_for_timing_and_the_search(monkeypatch):
    made: list[StudyConfig] = []

    def make(config: StudyConfig, *_: object) -> dict[str, Inputs]:
        made.append(config)
        return {}

    monkeypatch.setattr("study.session.ready.search_inputs", make)
    sharing: Any = SimpleNamespace(inputs=lambda inputs: inputs)
    rest: Any = SimpleNamespace(frozen={})
    ready = Ready(
        config=small_config(), store=rest, dataset=rest, prepared=rest, slot=Slot(1, 0.0), count_slots=lambda: 1,
        sharing=sharing, progress=rest,
    )  # fmt: skip
    assert ready.search_inputs is ready.search_inputs
    more = replace(ready, config=small_config(replicates=2))
    assert more.search_inputs == {}
    assert [config.replicates for config in made] == [1, 2]


@pytest.mark.parametrize(
    ("rule", "resumed", "charged"),
    [("first_use", False, True), ("every_trial", False, True), ("free", False, False), ("first_use", True, False)],
)
def test_the_cost_of_features_is_measured_again_only_where_somebody_pays_it(monkeypatch, rule, resumed, charged):
    asked: list[bool] = []
    for name in ("rehearse", "refuse_not_arrived", "refuse_out_of_reach", "data_info", "_refuse_other_data"):
        monkeypatch.setattr(f"study.prepare.prepare.{name}", lambda *_: None)

    def freeze(*_: object, charged: bool) -> dict[str, Any]:
        asked.append(charged)
        return {}

    monkeypatch.setattr("study.prepare.prepare.freeze", freeze)
    cost = FeatureCost(key="k", backbone="net", image_size=(8, 8), cost_s=1.0, cached=True, approaches=("svm",))
    store: Any = SimpleNamespace(absolute="", exists=lambda name: resumed, feature_costs=lambda: [cost])
    budget = SimpleNamespace(search_seconds=10.0, trial_seconds=5.0)
    config: Any = SimpleNamespace(approaches={}, feature_cost=rule, budget=budget)
    nothing: Any = None
    prepare(config, nothing, store, nothing, nothing, lambda *_: None)
    assert asked == [charged]


def test_whether_workers_reach_the_store_is_asked_after_whether_they_have_the_program(monkeypatch):
    """Else a program that is not installed there is said to be a matter of keys."""
    asked: list[str] = []
    monkeypatch.setattr("study.prepare.prepare.rehearse", lambda *_: None)
    monkeypatch.setattr("study.prepare.prepare.refuse_not_arrived", lambda *_: asked.append("program"))

    def reach(*_: object) -> None:
        asked.append("store")
        raise InputError("no keys")

    monkeypatch.setattr("study.prepare.prepare.refuse_out_of_reach", reach)
    nothing: Any = SimpleNamespace(absolute="")
    with pytest.raises(InputError, match="no keys"):
        prepare(small_config(), nothing, nothing, nothing, nothing, lambda *_: None)
    assert asked == ["program", "store"]
