# Each target makes its own environment on a fresh machine; a second run starts at once.
PYTHON ?= python3
DEVICE ?= cpu
# The two builds of onnxruntime share one module and must never meet in one environment.
VENV := $(if $(filter gpu,$(DEVICE)),.venv-gpu,.venv)
BIN := $(VENV)/bin
PROGRAM := $(VENV)/.ready-program
WORKSHOP := $(VENV)/.ready-workshop
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

ifeq ($(filter cpu gpu,$(DEVICE)),)
$(error DEVICE is cpu or gpu; got '$(DEVICE)')
endif

.DEFAULT_GOAL := help
.PHONY: help setup demo evolve read app test lint types bench clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Set PYTHON=/path/to/python3."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(PROGRAM): pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) '.[$(DEVICE)]'
	@touch $@

$(WORKSHOP): $(PROGRAM)
	$(INSTALL) '.[$(DEVICE),train,dev]'
	@touch $@

setup: $(WORKSHOP)  ## program, workshop and test tools in .venv (DEVICE=gpu: in .venv-gpu, for NVIDIA machines)

demo: $(PROGRAM)  ## the whole loop on real LSL streams: picture shown, EEG, latent, picture read
	$(BIN)/bci-app demo $(ARGS)

evolve: $(PROGRAM)  ## pictures evolve towards one that a simulated participant prefers, on real LSL streams
	$(BIN)/bci-app demo --evolve $(ARGS)

read: $(PROGRAM)  ## sentences that a simulated participant reads, read from its EEG word by word
	$(BIN)/bci-app demo --read $(ARGS)

app: $(PROGRAM)  ## the window from which whole sessions are run
	$(BIN)/bci-app app $(ARGS)

test: $(WORKSHOP)  ## all tests, import contracts and the wheel included
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile

lint: $(WORKSHOP)  ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(WORKSHOP)  ## mypy, strict on the program
	$(BIN)/mypy

bench: $(WORKSHOP)  ## every figure, each with a table and runs/benchmarks/NAME.json
	$(BIN)/python -m tests.benchmarks $(ARGS)

clean:  ## remove the environments and what builds left
	rm -rf .venv .venv-gpu build dist *.egg-info
