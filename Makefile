# make study   set up .venv and run the default study (about three minutes on two cores)
# make check   set up .venv, check style and types, run the quick tests: after every change, a minute on two cores
# make test    set up .venv, check style and types, run the tests: ten minutes on two cores
# make test-cluster   the tests with several nodes, faults and launchers (a quarter of an hour)
# make fuzz    5,600 odd inputs, and how each ended (some ten minutes; SEED= draws others, N= draws more)
# make soak    200 short studies and what befalls them, against undisturbed twins (hours; STUDIES= for fewer)
# make coverage   the tests again, counting the lines they run: printed, and in coverage.txt
# make bench   the benchmarks that take minutes: a table each (twenty minutes); the others are in benchmarks/README.md

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN = .venv/bin
# Most tests keep one core busy. Those that share something dear (a whole study, a session) stay in one process.
PARALLEL = -n 2 --dist loadscope --no-loadscope-reorder
# Of make fuzz: how many distinct inputs, and which ones.
N ?= 5600
SEED ?= 0
# Of make bench: BENCH='--into benchmarks/README.md' writes the tables there.
BENCH ?=
# Of make soak.
STUDIES ?= 200

.PHONY: study check test test-cluster fuzz soak coverage lint bench

study: .venv/ready
	$(BIN)/transfer-study run digits

check: lint
	$(BIN)/python -m pytest $(PARALLEL) -m 'not slow and not cluster and not bench'

test: lint
	$(BIN)/python -m pytest $(PARALLEL)

test-cluster: .venv/ready
	$(BIN)/python -m pytest -m cluster tests/cluster

fuzz: .venv/ready
	$(BIN)/python -m tests.fuzz --inputs $(N) --seed $(SEED)

soak: .venv/ready
	$(BIN)/python -m tests.cluster.soak --studies $(STUDIES)

coverage: .venv/ready
	$(BIN)/python -m pytest $(PARALLEL) --cov --cov-report=
	$(BIN)/python -m coverage report | tee coverage.txt

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/ready
	$(BIN)/python -m pytest -m bench tests/benchmarks
	$(BIN)/python -m benchmarks.engines $(BENCH)
	$(BIN)/python -m benchmarks.first_result $(BENCH)
	$(BIN)/python -m benchmarks.training $(BENCH)
	$(BIN)/python -m benchmarks.svm $(BENCH)
	$(BIN)/python -m benchmarks.growth --allowance 45 --plot benchmarks/growth.png $(BENCH)
	$(BIN)/python benchmarks/trial_start.py

# Rebuilt when the dependencies change; the package itself is installed in place.
.venv/ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' -c constraints.txt
	touch $@
