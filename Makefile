# `make` alone prints this help. Every target uses the Python of the active environment.
PYTHON ?= python
DEMO ?= runs/demo
.DEFAULT_GOAL := help
.PHONY: help setup fmt lint types arch docs test test-long test-browser test-served test-hub test-all bench demo check

help:  ## print this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 14

setup:  ## install the package in place with everything the tests need
	$(PYTHON) -m pip install -e ".[dev]"

fmt:  ## format the code and mend what ruff can mend
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

lint:  ## check style and formatting
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

types:  ## check types (mypy --strict)
	$(PYTHON) -m mypy

arch:  ## check which way imports point, sizes, names
	$(PYTHON) -m pytest -q tests/test_architecture.py

docs:  ## run every code block of README.md and docs/
	$(PYTHON) -m pytest -q tests/test_docs.py

test:  ## run the tests (CPU, no network)
	$(PYTHON) -m pytest

test-long:  ## run those of the tests that take more than five seconds
	$(PYTHON) -m pytest -m long

test-browser:  ## run the studio in headless Chromium
	$(PYTHON) -m pytest -n 0 -m browser tests/server

test-served:  ## fuzz, flood and kill a server on loopback
	$(PYTHON) -m pytest -n 0 -m served tests/server

test-hub:  ## open tiny checkpoints of every family with diffusers
	$(PYTHON) -m pytest -m hub tests/bridge

test-all:  ## run the tests, the slow ones too
	$(PYTHON) -m pytest -m "not gpu"

bench:  ## measure speed, start-up and size
	$(PYTHON) benchmarks/cold_start.py
	$(PYTHON) benchmarks/drawing.py
	$(PYTHON) benchmarks/world.py
	$(PYTHON) benchmarks/training_speed.py
	$(PYTHON) benchmarks/install_size.py
	$(PYTHON) benchmarks/sharing.py
	for what in start latency throughput flood; do $(PYTHON) benchmarks/serving.py $$what; done

demo:  ## train every part on shapes for a few minutes, make a model of them, draw with it
	$(PYTHON) -m molnar train all --minutes 5 --out $(DEMO)/parts
	$(PYTHON) -m molnar export $(DEMO)/parts --output $(DEMO)/model --force
	$(PYTHON) -m molnar "a red circle on a blue background" --model $(DEMO)/model --count 4 --output $(DEMO)/

check: lint types test test-long  ## lint, types, all the default tests (arch and docs are among them), the long ones
