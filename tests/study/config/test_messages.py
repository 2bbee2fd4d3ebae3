"""What is said of a key that is not known, wherever a stranger's settings have it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from study.config.messages import problem


class Aug(BaseModel):
    model_config = ConfigDict(extra="forbid")
    flip: bool = True


class Mine(BaseModel):
    one: Aug = Aug()
    perhaps: Aug | None = None
    several: list[Aug] = []
    named: dict[str, Aug] = {}
    pair: tuple[Aug, ...] = ()
    either: Aug | int = 0


def told(**given: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        Mine.model_validate(given)
    return problem(caught.value, Mine)


MEANT = "unknown key; did you mean 'flip'? (accepted: flip)"


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"one": {"flp": 1}}, f"one.flp: {MEANT}"),
        ({"several": [{}, {"flp": 1}]}, f"several.1.flp: {MEANT}"),
        ({"named": {"a": {"flp": 1}}}, f"named.a.flp: {MEANT}"),
        ({"perhaps": {"flp": 1}}, f"perhaps.flp: {MEANT}"),
        ({"pair": [{"flp": 1}]}, f"pair.0.flp: {MEANT}"),
        ({"either": {"flp": 1}}, "either.Aug.flp: unknown key; take it out"),
    ],
)
def test_an_unknown_key_of_nested_settings_is_named_with_what_is_accepted_where_that_is_known(given, line):
    assert told(**given) == line
