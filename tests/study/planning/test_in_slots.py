"""Timing in the slots of a real Ray: the others are timed whatever one approach does, and no study ends by it."""

from __future__ import annotations

import pytest

from tests.support.commands import machine

APPROACHES = """
import os, signal
from benchmarks.no_op import NoOp

class Sound(NoOp):
    pass

class Raising(NoOp):
    def step(self):
        raise RuntimeError("no such kernel")

class Pickled(NoOp):
    def training_state(self):
        return {"seen": {1}}

class Deadly(NoOp):
    def step(self):
        os.kill(os.getpid(), signal.SIGKILL)
"""
TIMING = """
import numpy as np, ray, timed_here
from types import SimpleNamespace
from study.config.approaches import ApproachConfig
from study.planning.in_slots import time_in_slots
from trainables.approach import Examples, Settings, Task
from trainables.errors import InputError
from trainables.spec import Inputs, Slot

ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
examples = Examples(np.zeros((4, 2, 2, 3), dtype=np.uint8), np.array([0, 1, 0, 1]))
names = ("Sound", "Raising", "Deadly")
approaches = {name: ApproachConfig(approach=f"timed_here:{name}") for name in names}
inputs = {
    name: Inputs(approach.kind, Settings(image_size=(2, 2)), Task(examples, examples, 2))
    for name, approach in approaches.items()
}
config = SimpleNamespace(approaches=approaches)
for timing in time_in_slots(config, inputs, Slot(1, 0.0), features_s={"Sound": 7.0}):
    print(timing)
approaches = {"Pickled": ApproachConfig(approach="timed_here:Pickled")}
inputs = {"Pickled": Inputs(approaches["Pickled"].kind, *list(vars(inputs["Sound"]).values())[1:])}
try:
    time_in_slots(SimpleNamespace(approaches=approaches), inputs, Slot(1, 0.0), features_s={})
except InputError as error:
    print(error)
"""


@pytest.mark.slow
def test_an_approach_that_raises_or_kills_its_process_is_a_line_and_the_others_are_timed_but_no_state_of_objects(
    tmp_path,
):
    (tmp_path / "timed_here.py").write_text(APPROACHES)
    with machine(tmp_path) as here:
        told = here.python(TIMING)
    assert told.code == 0, told.err
    ours = [line for line in told.out.splitlines() if line.startswith(("Timing(", "Untimed(", "approaches."))]
    sound, raising, deadly, pickled = ours  # Ray says something of the process that died, before or between them
    assert sound.startswith("Timing(approach='Sound', median=Schedule(epochs=1, ")
    assert "features_s=7.0" in sound
    assert raising == "Untimed(approach='Raising', reason='RuntimeError: no such kernel')"
    assert deadly == "Untimed(approach='Deadly', reason='its process was killed or crashed')"
    assert pickled.startswith("approaches.Pickled: Pickled.training_state()['seen'] is a set, which only a pickle")
