# make study   set up .venv and run the default study (about three minutes on two cores)
# make test    set up .venv, check style and types, run the tests
# make test-cluster   the tests with several nodes, faults and launchers (a quarter of an hour)
# make bench   the benchmarks

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN = .venv/bin

.PHONY: study test test-cluster lint bench

study: .venv/ready
	$(BIN)/transfer-study run digits

test: lint
	$(BIN)/python -m pytest

test-cluster: .venv/ready
	$(BIN)/python -m pytest -m cluster tests/cluster

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/ready
	$(BIN)/python benchmarks/trial_start.py
	$(BIN)/python benchmarks/scale.py
	$(BIN)/python benchmarks/error_rates.py

# Rebuilt when the dependencies change; the package itself is installed in place.
.venv/ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' -c constraints.txt
	touch $@
