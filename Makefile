# Each target makes its own environment on a fresh machine; a second run starts at once.
PYTHON ?= python3
DEVICE ?= cpu
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready-$(DEVICE)

.DEFAULT_GOAL := help
.PHONY: help setup demo app test lint types bench clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Set PYTHON=/path/to/python3."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[$(DEVICE),train,dev]'
	@touch $@

setup: $(READY)  ## make .venv and install everything (DEVICE=gpu for NVIDIA machines)

demo: $(READY)  ## the whole loop on real LSL streams: picture shown, EEG, latent, picture read
	$(BIN)/bci-app demo

app: $(READY)  ## the window on a live EEG stream: make app ARGS="--stream NAME --decoder FOLDER"
	$(BIN)/bci-app run $(ARGS)

test: $(READY)  ## all tests, import contracts and the wheel included
	$(BIN)/python -m pytest

lint: $(READY)  ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)  ## mypy, strict on the program
	$(BIN)/mypy

bench: $(READY)  ## every figure, each with a table and runs/benchmarks/NAME.json
	$(BIN)/python -m tests.benchmarks

clean:  ## remove the environment and what builds left
	rm -rf $(VENV) build dist *.egg-info
