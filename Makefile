# make demo : install, then the whole story on built-in synthetic data
# make test : install, then lint, types and all tests
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   ?= .venv
BIN     = $(VENV)/bin
# The stamp is newer than what it depends on only after an install that succeeded: a second run reinstalls nothing.
STAMP   = $(VENV)/.installed

.PHONY: demo test install lint types clean

demo: $(STAMP)
	$(BIN)/sentinode demo --out demo

test: lint types
	$(BIN)/python -m pytest

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[all,dev]'
	touch $(STAMP)

clean:
	rm -rf $(VENV) demo .mypy_cache .ruff_cache .pytest_cache
