# make study   set up .venv and run the default study (about three minutes on two cores)
# make test    set up .venv, check style and types, run the tests
# make bench   the benchmarks

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN = .venv/bin

.PHONY: study test lint bench

study: .venv/ready
	$(BIN)/transfer-study run digits

test: lint
	$(BIN)/python -m pytest

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/ready
	$(BIN)/python benchmarks/trial_start.py

# Rebuilt when the dependencies change; the package itself is installed in place.
.venv/ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' -c constraints.txt
	touch $@
