# The one place that makes an environment: `make conform` and `make test` work on a fresh machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

# Seeds that each fault is taken through.
SEEDS ?= 3

.PHONY: conform test lint types unit realtime bench fuzz soak pythons captures clean

conform: $(STAMP)
	$(BIN)/pilesim conform

# All side by side: what plays in real time waits most of the time, and the rest fills the time that it waits.
test: $(STAMP)
	$(MAKE) --no-print-directory --jobs=4 realtime unit lint types

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BEHIND) $(BIN)/mypy

# What plays in real time wants a processor at once when it does not wait, else a deadline is missed that nobody is to
# blame for: all else stands behind it. Files go to the processes in the order in which they are named or lie: the longest
# come first, else one of them is left for the end. Tests start many a Python, and each reads what an earlier one has
# compiled.
BEHIND := nice -n 19
PYTEST := $(BIN)/pytest --dist loadfile --no-loadscope-reorder --seeds $(SEEDS)
unit realtime: export PYTHONDONTWRITEBYTECODE =
unit: $(STAMP)
	$(BEHIND) $(PYTEST) -m "not realtime" --numprocesses auto
realtime: $(STAMP)
	$(PYTEST) -m realtime --numprocesses 4 $$(grep -rl --include='test_*.py' mark.realtime tests/firmware tests/site tests/cli tests)

# Figures for people, of this machine: nothing in them can fail, however busy it is. All are written to a file too.
BENCH ?= bench.json
bench: $(STAMP)
	$(BIN)/pytest -s --timeout 600 tests/bench/bench_*.py --benchmark-columns=min,median,max,rounds --benchmark-json=$(BENCH)

# Inputs that everything which reads a line or a file is hunted with. Those worth keeping are in .fuzz, by target.
INPUTS ?= 10000000
fuzz: $(STAMP)
	$(BIN)/python tests/hostile/fuzz.py --inputs $(INPUTS)

# Short lives that bills are taken through.
SCHEDULES ?= 100000

# Bills through many short lives, an hour on two cores; every fault through every scenario and 200 seeds, the better
# part of a day; then 20,000 connections, and a day of a pile on a real line, in real time.
soak: $(STAMP)
	$(BIN)/pytest --numprocesses auto --schedules $(SCHEDULES) \
		tests/hostile/test_bills_are_money.py tests/hostile/test_bills_stateful.py
	$(BIN)/pilesim faults --matrix --seeds 200
	$(BIN)/pytest --soak --timeout 0 tests/hostile/test_listening_strangers.py tests/hostile/test_runs_long.py

# Environments of the other Pythons, by which `make test` sees that they record the same bytes: PYTHONS='3.12 3.13'.
# pyenv's own pythonX.Y works for those alone that are chosen; all that it has lie in folders of their own. A shell that
# ends with 127, as after a command that is not there, has its words thrown away by make.
PYENV := $(shell ls -d "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/*/bin 2>/dev/null | tr '\n' :)
OTHERS := PATH="$(PYENV)$$PATH"; for v in
OWN := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
PYTHONS ?= $(filter-out $(OWN),$(shell $(OTHERS) 3.11 3.12 3.13 3.14 3.15; do if python$$v -c '' 2>/dev/null; then echo $$v; fi; done))
pythons:
	$(OTHERS) $(PYTHONS); do python$$v -m venv .venvs/$$v && .venvs/$$v/bin/pip install --quiet . || exit 1; done

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

# The small captures of the firmware fixtures, made anew; a minus where the firmware fails, as it should.
CAPTURES := firmware_fixtures/captures
captures: $(STAMP)
	$(BIN)/pilesim conform order/short start/handshake-fails --captures $(CAPTURES)/reference
	$(BIN)/pilesim conform order/short --pile sim:sinexcel-2090404 --captures $(CAPTURES)/sinexcel-2090404
	-$(BIN)/pilesim conform order/start-lost order/start-delayed --pile sim:robinson-gen5-0303 \
		--captures $(CAPTURES)/robinson-gen5-0303
	-$(BIN)/pilesim conform stop/then-idle auth/scan-before-bill --pile sim:robinson-gen5-0309 \
		--captures $(CAPTURES)/robinson-gen5-0309
	-$(BIN)/pilesim conform stop/phone-cable-in --pile sim:robinson-gen5-lag --captures $(CAPTURES)/robinson-gen5-lag
	-$(BIN)/pilesim conform beat/occupied --pile sim:sinexcel-2090104 --seed 5 \
		--captures $(CAPTURES)/sinexcel-2090104

clean:
	rm -rf $(VENV) .venvs .mypy_cache .pytest_cache .ruff_cache .hypothesis
