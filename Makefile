# Everything is kept in the checkout: the virtual environment in .venv, what the targets make in build/.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help install demo demo-s2 demo-s3 test lint bench bench-detection dashboards dashboards-preview provisioning clean servers browser

help:  ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

install: $(STAMP)  ## the exporter and its tools, in .venv

# Not compiled: what is imported is compiled then, and that is a small part of it.
$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; this is $$($(PYTHON) --version). Set PYTHON=python3.12, say." >&2; exit 1; }
	@test -x $(BIN)/python || bash scripts/venv.sh $(PYTHON) $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --editable . --group dev
	@touch $@

servers:  # prometheus, alertmanager, promtool and amtool: from apt where we may, else said
	@bash scripts/servers.sh

browser:  # chromium, likewise; tests of pages are skipped without it
	@bash scripts/browser.sh

# Four workers for two cores: many tests wait, for brokers that rebalance or for scrapes. tests/conftest.py
# puts the longest first.
test: install servers browser lint  ## all tests
	$(BIN)/python -m pytest -n 4 --dist loadgroup --no-loadscope-reorder

lint: install  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: install  ## speed, as ratios in one run
	$(BIN)/python benchmarks/bench.py
	$(BIN)/python benchmarks/serving.py
	$(BIN)/python benchmarks/kafka.py
	$(BIN)/python benchmarks/push.py
	$(BIN)/python benchmarks/judging.py
	$(BIN)/python benchmarks/label_join.py
	$(BIN)/python benchmarks/infrastructure.py
	$(BIN)/python benchmarks/anomaly_ingestion.py

bench-detection: install  ## false alarms, shifts and anomalies found, and cost, beside other programs
	$(BIN)/python benchmarks/detection
	$(BIN)/python benchmarks/signals.py
	$(BIN)/python benchmarks/anomalies.py --write

dashboards: install  ## regenerate dashboards/json
	$(BIN)/python dashboards/generate.py

dashboards-preview: install servers browser  ## draw the dashboards as PNGs into docs/previews (OPTIONS="--dashboard model-detail"); needs Node.js and npm
	$(BIN)/python dashboards/preview/draw.py $(OPTIONS)

provisioning: install  ## regenerate what provisioning/kubernetes has of rules, routing and dashboards
	$(BIN)/python provisioning/kubernetes/generate.py

demo: install servers  ## a real model's real drift, from log lines to an alert (ONCE=1: exit when it has arrived)
	$(BIN)/python examples/employment/demo.py $(if $(ONCE),--once)

demo-s2: install servers  ## clicks fall while inputs stay: late labels, concept drift, one alert (ONCE=1: exit when it has arrived)
	$(BIN)/python examples/clicks/demo.py $(if $(ONCE),--once)

demo-s3: install servers  ## a model and its cluster fail together: one alert to both teams (ONCE=1: exit when it has arrived)
	$(BIN)/python examples/fraud/demo.py $(if $(ONCE),--once)

clean:  ## remove what the targets made
	rm -rf $(VENV) build
