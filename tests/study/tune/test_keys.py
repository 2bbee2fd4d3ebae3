"""Keys of the driver's environment, and what Ray Tune makes of them: checked against the Ray that is installed."""

from __future__ import annotations

from typing import Any

import pytest
from ray.tune import Trainable
from ray.tune.execution.class_cache import _ActorClassCache

from study.tune.keys import keys_kept_out
from tests.support.planted import PLANTED, SECRETS


@pytest.fixture(autouse=True)
def planted(monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RAY_CHDIR_TO_TRIAL_DIR", "0")


def handed_on() -> dict[str, Any]:
    """The runtime environment with which Tune starts the process of a trial."""
    environment: dict[str, Any] = _ActorClassCache().get(Trainable)._default_options["runtime_env"]
    return environment


def test_by_itself_ray_tune_hands_keys_on():
    """If this fails, Ray has changed: see whether keys_kept_out is needed any more, and whether it still works."""
    assert handed_on()["env_vars"]["AWS_SECRET_ACCESS_KEY"] == SECRETS["AWS_SECRET_ACCESS_KEY"]


def test_no_key_is_handed_on_where_a_study_runs_but_ray_s_own_settings_are():
    with keys_kept_out():
        environment = handed_on()
    assert PLANTED not in str(environment)
    assert environment["env_vars"]["RAY_CHDIR_TO_TRIAL_DIR"] == "0"


def test_afterwards_ray_tune_is_as_it_was():
    before = handed_on()
    with keys_kept_out():
        pass
    assert handed_on() == before
