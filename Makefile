# `make demo` and `make test` need Python 3.11 or newer and nothing else: they set up .venv with pinned versions first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test quick lint docs compilers bench clean

demo: .venv/ready  ## train a forecaster on an embedded series, print its scores, save model and plot under demo/
	$(BIN)/ostinato demo --out demo

test: lint  ## every check: lint, types, tests
	$(BIN)/python -m pytest -n 2 --dist loadfile

quick: .venv/ready  ## the tests but those that take most of the time (tests/slow.txt): a first answer
	$(BIN)/python -m pytest -n 2 --dist loadfile --quick

compilers:  ## the compilers and the emulator with which tests cover other processors, where missing (Debian)
	.ci/compilers

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict src/ostinato

docs: .venv/ready  ## the pages of docs/ and the reference from docstrings, under site/; a link or a name that leads nowhere ends it
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: .venv/ready  ## every benchmark but what takes a day, to results/; OSTINATO_DATA names the folder with the public data sets
	$(BIN)/python benchmarks/run.py --all --out results

# Torch first and by its pin, so that no other package's range can bring in another build of it.
.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

clean:
	rm -rf .venv demo site .pytest_cache .mypy_cache .ruff_cache .hypothesis
