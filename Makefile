# make demo : install, then the whole story on built-in synthetic data
# make test : install, then lint, types and all tests
# make docs : install, then the docs as a site in site/, strictly: a broken link fails
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   ?= .venv
BIN     = $(VENV)/bin
# The stamp is newer than what it depends on only after an install that succeeded: a second run reinstalls nothing.
STAMP   = $(VENV)/.installed

.PHONY: demo test docs install lint types page container-check extras-check clean

demo: $(STAMP) page
	$(BIN)/sentinode demo --out demo

# One thread for each process: more would only wait for each other.
test: lint types page
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python hatch_build.py check

types: $(STAMP)
	$(BIN)/mypy

# The viewer, into src/sentinode/serving/page; nothing to do where its sources are the same as at the last time.
page: $(STAMP)
	$(BIN)/python hatch_build.py

# Every step of the Containerfile in a clean folder, and the server that comes of it started and asked for its health.
container-check:
	$(PYTHON) tests/serving/container_check.py

# What it is built from comes from PyPI with the install; building asks nothing of the network.
docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

# The wheel, and one command in a fresh virtual environment for each extra.
extras-check: page
	$(BIN)/python tests/extras_check.py

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt hatch_build.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[all,dev]'
	touch $(STAMP)

clean:
	rm -rf $(VENV) site web/node_modules src/sentinode/serving/page demo .mypy_cache .ruff_cache .pytest_cache
