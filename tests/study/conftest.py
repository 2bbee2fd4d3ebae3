"""What all tests of the study package share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.commands import Finished


@pytest.fixture
def transfer_study(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., Finished]:
    """The command line, called in this process: for commands that end before Ray is needed."""
    from study import cli

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRANSFER_STUDY_CACHE", str(tmp_path / "cache"))

    def call(*arguments: object) -> Finished:
        monkeypatch.setattr(sys, "argv", ["transfer-study", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return Finished(int(ended.value.code or 0), captured.out, captured.err)

    return call
