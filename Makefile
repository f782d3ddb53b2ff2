# make demo and make test start from nothing but Python 3.11, pip and make.
PYTHON ?= python3
# GPU users: make demo TORCH='torch==2.13.0+cu130' PIP_FLAGS='--extra-index-url ...'
TORCH ?= torch==2.13.0
PIP_FLAGS ?=
VENV := .venv
BIN := $(VENV)/bin
SIDE_BY_SIDE := $(BIN)/python -m pytest -n logical --maxprocesses 4
TRAINING := training and not (process or ray or postgres or dist or browser or gpu or slow)
SERVERS := (process or postgres or dist or browser) and not (ray or gpu or slow)
UNMARKED := not (process or ray or postgres or dist or browser or training or gpu or slow)

.PHONY: demo test test-fast up check format bench faults reproduce docs install clean

demo: $(VENV)/.app
	@PYTHONPATH=. $(BIN)/python examples/demo.py

up: $(VENV)/.app
	@$(BIN)/python -m service up

# Tests that stay in their process side by side, those with servers and browsers by two at once,
# those with clusters one by one.
test: test-fast chromium iproute2
	@$(SIDE_BY_SIDE) -m "$(TRAINING)"
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "$(SERVERS)"
	@$(BIN)/python -m pytest -m "ray and not gpu and not slow"

test-fast: $(VENV)/.dev
	@$(SIDE_BY_SIDE) -m "$(UNMARKED)"

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.optimizer_step
	$(BIN)/python -m benchmarks.epochs_to_loss

# Harm done to a running service at random moments, ten times each: hours, and it can be stopped.
faults: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.faults

# The paper's comparisons: make reproduce SMALL=1 takes minutes; HOURS=24 is the limit of the whole ones.
reproduce: $(VENV)/.app
	@$(BIN)/python -m examples.paper $(if $(SMALL),--small) $(if $(HOURS),--hours $(HOURS))

# The optimizer's API reference, from its docstrings, in out/docs.
docs: $(VENV)/.dev
	@$(BIN)/pdoc kbfgs -d google -o out/docs
	@echo wrote out/docs/kbfgs.html

install: $(VENV)/.dev

# Browser tests drive Debian's Chromium, those of several machines make networks with its iproute2;
# without them they are skipped, except in CI.
.PHONY: chromium iproute2
chromium: COMMAND := chromium
iproute2: COMMAND := ip
chromium iproute2:
	@command -v $(COMMAND) >/dev/null \
	  || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	       && { echo "installing $@ for the tests ..."; apt-get update -qq \
	            && apt-get install -y -qq --no-install-recommends $@ >/dev/null; }; } \
	  || echo "no $@: the tests that need it will be skipped"

# Each stamp is touched last, so that what was broken off is done again.
$(VENV)/.pip:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	@echo "making $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --upgrade "pip>=25.1"
	@touch $@

# Made anew at every call and replaced where it differs, so that another TORCH or PIP_FLAGS counts.
$(VENV)/constraints.txt: constraints.txt $(VENV)/.pip FORCE
	@{ grep -v '^torch==' constraints.txt; echo '$(TORCH)'; echo '# $(PIP_FLAGS)'; } > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(VENV)/.app: pyproject.toml $(VENV)/constraints.txt
	@echo "installing what the service needs (some minutes the first time) ..."
	@$(BIN)/python -m pip install -q $(PIP_FLAGS) -c $(VENV)/constraints.txt --group app
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/constraints.txt
	@echo "installing what the tests need (some minutes the first time) ..."
	@$(BIN)/python -m pip install -q $(PIP_FLAGS) -c $(VENV)/constraints.txt --group dev
	@touch $@ $(VENV)/.app

.PHONY: FORCE
FORCE:

clean:
	rm -rf $(VENV) out build dist
