# Every target sets up what it needs; a second run sets up nothing again.
# PYTHON chooses the interpreter (3.11 or newer): make demo PYTHON=python3.12

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
PEERS  := $(VENV)/.peers
MODEL  := models/sample
MINUTES ?= 10
BENCHMARKS := build live blocks extraction stemmers tokenizing engine
DEMO_STEPS := sc-en-0001
DEMO_ARTICLES := sc-en-0037 sc-uk-0001 sc-ru-0012

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-full soak lint types imports check quality bench load docs lock clean

help:  ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make setup PYTHON=python3.12"; exit 2; }
	@echo "Setting up $(VENV) (once, about three minutes) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/recommender warm
	@touch $@

setup: $(READY)  ## create .venv with the pinned, hashed development set

demo: $(READY)  ## build the bundled corpus; a block before and after its steps, and in three languages
	@$(BIN)/recommender build data/sample/articles.jsonl --model $(MODEL)
	@echo; echo "Before: the nearest by text alone (the second is a reprint of the first)"
	@$(BIN)/recommender related $(DEMO_STEPS) --model $(MODEL) --preset similarity --smoothing 0 --crowding 0 --limit 3
	@echo; echo "After: one story once, fresh, varied, and nothing that must not stand here"
	@$(BIN)/recommender related $(DEMO_STEPS) --model $(MODEL) --preset news --limit 3
	@$(BIN)/recommender why-not $(DEMO_STEPS) sc-en-0003 --model $(MODEL) --preset news
	@for id in $(DEMO_ARTICLES); do echo; $(BIN)/recommender related $$id --model $(MODEL) --limit 3 || exit 1; done

test: $(READY)  ## run every test
	@$(BIN)/python -m pytest -q -n 2 -m "not full"

test-full: $(READY)  ## run the longer campaigns too
	@$(BIN)/python -m pytest -q -n 2

soak: $(READY)  ## let an index live and die at random, with readers: make soak MINUTES=60
	@$(BIN)/python -m tests.faults.soaking --minutes $(MINUTES)

lint: $(READY)  ## style and formatting (ruff)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(READY)  ## types (mypy --strict)
	@$(BIN)/mypy

imports: $(READY)  ## floors and contracts (import-linter)
	@$(BIN)/lint-imports --no-cache

docs: $(READY)  ## write the generated reference pages again
	@$(BIN)/python docs/generate.py

check: lint types imports test  ## all that CI checks

quality: $(READY)  ## relevance on the evaluation sets: the floors, then the figures beside scikit-learn's
	@$(BIN)/python -m pytest -q tests/quality
	@$(BIN)/python -m benchmarks.relevance

$(PEERS): requirements-bench.txt $(READY)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r requirements-bench.txt
	@touch $@

bench: $(READY) $(PEERS)  ## every benchmark; the engine beside its peers comes last
	@for b in $(BENCHMARKS); do $(BIN)/python -m benchmarks.$$b || exit 1; done

load: $(READY)  ## what the service bears: an open loop of questions, about fifteen minutes
	@$(BIN)/python -m benchmarks.load

lock: pyproject.toml  ## resolve the development set and the peers again (needs uv)
	@UV_CUSTOM_COMPILE_COMMAND="make lock" uv pip compile --universal --python-version 3.11 \
	  --generate-hashes --extra dev -q pyproject.toml -o requirements-dev.txt
	@UV_CUSTOM_COMPILE_COMMAND="make lock" uv pip compile --universal --python-version 3.11 \
	  --generate-hashes --extra bench -c requirements-dev.txt -q pyproject.toml -o requirements-bench.txt

clean:  ## remove what was made: .venv, caches, the sample index
	@rm -rf $(VENV) $(MODEL) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
