# Two commands: `make demo` shows it, `make test` proves it. Both set everything up by themselves.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TESTS ?= tests
JOBS ?= 3

.PHONY: help demo test lint types bench thorough faults generate clean

help:  ## What there is to make
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(READY)  ## Play a show through the real agents, with a live board (ARGS=--fast: at full speed)
	@$(BIN)/livepool demo $(ARGS)

test: $(READY) lint types  ## Lint, types, import contract, and all tests
	@echo "== tests"
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(TESTS)

lint: $(READY)
	@echo "== lint, format, import contract, generated contract files"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/lint-imports > .lint-imports.log 2>&1 || (cat .lint-imports.log; exit 1)
	@rm -f .lint-imports.log
	@$(BIN)/python -m schemas.generate --check

types: $(READY)
	@echo "== types"
	@$(BIN)/mypy --no-error-summary

bench: $(VENV)/.bench-ready  ## Side by side with plain Faust, Bytewax, Quix and no framework; writes .bench (ARGS="-k race")
	@PYTHONPATH=tests $(BIN)/python -m bench.report begin
	@$(BIN)/python -m pytest tests/bench -m bench -s -q --tb short -p no:warnings $(ARGS); \
		failed=$$?; PYTHONPATH=tests $(BIN)/python -m bench.report; exit $$failed

thorough: $(READY)  ## The long tests in full: 52 kills, thousands of shows against the oracle (make test takes 30 % of them)
	@LIVEPOOL_TEST_PERCENT=100 $(BIN)/python -m pytest -n $(JOBS) --timeout 1500 \
		tests/properties tests/core tests/system tests/schemas tests/test_oracle.py

faults: $(READY)  ## Kill workers and brokers under load on a real Kafka; writes .faults/table.md (ARGS="-k kill")
	@$(BIN)/python -m pytest tests/faults -m faults --timeout 1500 -s -q $(ARGS)
	@$(BIN)/python -m pytest tests/kafka tests/contract -m faults -q

generate: $(READY)  ## Write anew what is made from code: JSON Schemas, AsyncAPI, the reference of the metrics
	@$(BIN)/python -m schemas.generate
	@$(BIN)/python -m streams.telemetry.reference
	@$(BIN)/python deploy/grafana/dashboard.py

clean:  ## Remove what was set up and what runs have left
	rm -rf $(VENV) .bench .livepool .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info

$(VENV)/.bench-ready: $(READY)
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test,bench]'
	@touch $@

$(READY): pyproject.toml
	@echo "== setting up $(VENV) (once; takes packages from PyPI)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		(echo "Livepool needs Python 3.11 or later: make PYTHON=/path/to/python3.11"; exit 1)
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@
