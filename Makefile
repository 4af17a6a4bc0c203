# The workbench's commands: `make help` lists them. What they write stays in this folder, but for compiled kernels, which
# the user's cache folder keeps. Each sets up the packages that it needs (`.ci/setup`), and finds them at hand later.

BIN := .venv/bin
# What a command needs beyond the core stands behind this.
PREPARE := @.ci/setup
# Tests and measurements find all kernels compiled; other commands compile what they use, once.
COMPILE := @.ci/setup --compile
# The longest first, so that all processors end together; last, what looks at the executed notebooks.
TESTS := notebooks foundation research backtests desk tests tests/notebook_pages.py

# Jupyter takes the kernel of .venv, and whatever likes to write to a home writes to .cache instead.
export JUPYTER_PREFER_ENV_PATH := 1
export JUPYTER_CONFIG_DIR := $(CURDIR)/.cache/jupyter/config
export JUPYTER_DATA_DIR := $(CURDIR)/.cache/jupyter/data
export JUPYTER_RUNTIME_DIR := $(CURDIR)/.cache/jupyter/runtime
export IPYTHONDIR := $(CURDIR)/.cache/ipython
export MPLCONFIGDIR := $(CURDIR)/.cache/matplotlib
export XDG_CACHE_HOME ?= $(CURDIR)/.cache
export NPM_CONFIG_CACHE := $(CURDIR)/.cache/npm
export HYPOTHESIS_STORAGE_DIRECTORY := $(CURDIR)/.cache/hypothesis
unexport PYTHONPATH PYTHONHOME
unexport PYTHONDONTWRITEBYTECODE  # images often set it: each process of a batch or a test would parse all modules anew

.PHONY: dist keep outputs screens suite times advisories arithmetics licences mutants quick help report test coverage check lab setup lock bench docs format clean
.DEFAULT_GOAL := help

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

report:  ## play every policy of the example portfolio and write its report
	$(PREPARE) learn
	$(BIN)/rebalance report data/portfolios/global_multi_asset.yaml

test:  ## run every check: form, walls, types, sizes, tests, notebooks; those of `make check` beside the tests
	$(COMPILE) all test
	$(MAKE) --no-print-directory --jobs=2 check suite COVERAGE="$(COVERAGE)"

suite:
	$(COMPILE) all test
	$(BIN)/pytest -n logical --dist loadfile --no-loadscope-reorder --nbval-lax --junitxml=.cache/tests.xml $(COVERAGE) $(TESTS)

quick:  ## run the tests of what was edited since the last commit
	$(COMPILE) all test
	$(BIN)/python .ci/quick.py

coverage: COVERAGE = --cov --cov-report=term
coverage: test  ## the same, and print the coverage of branches, which takes twice as long

arithmetics:  ## run every test under this processor's arithmetic and the narrowest one, and state their room
	$(COMPILE) all test
	$(BIN)/python .ci/arithmetics.py

times:  ## after the tests: fail where a file of them took more than its share of the seconds
	$(BIN)/python .ci/times.py

mutants:  ## change the code of decisions and costs in 60 places, and list what no test notices
	$(COMPILE) all test
	$(BIN)/python .ci/mutants.py

check:  ## run the checks of form, walls, types and sizes alone, as .pre-commit-config.yaml does
	@.ci/setup all test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo --cache-dir .cache/import-linter
	$(BIN)/mypy
	$(BIN)/nbstripout --keep-id --keep-count --verify $(wildcard notebooks/*.ipynb)
	$(BIN)/python .ci/ceilings.py

keep:  ## keep the numbers of .ci/ceilings.csv that fell
	@.ci/setup all test
	$(BIN)/python .ci/ceilings.py --keep

outputs:  ## compare what commands print and write with BASE's, a commit, or else the last landed one's
	$(COMPILE) all test
	$(BIN)/python .ci/outputs.py $(BASE)

lab:  ## open JupyterLab on the notebooks
	$(PREPARE) all
	$(BIN)/jupyter-lab notebooks

setup:  ## make .venv from the locks: the core, and what SETS="learn peers" names of pyproject.toml's sets
	$(PREPARE) $(SETS)

format:  ## put code and notebooks into the house's form
	@.ci/setup all test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/nbstripout --keep-id --keep-count $(wildcard notebooks/*.ipynb)

bench:  ## measure against the peers
	$(COMPILE) all test bench
	$(BIN)/python -m benchmarks

screens:  ## after the tests: pictures of each notebook as a page and in JupyterLab, in .cache/screens
	@.ci/setup all test
	$(BIN)/python tests/notebook_pages.py .cache/screens

docs:  ## build the site of the guide and the reference: site/index.html
	@.ci/setup docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

dist:  ## build what is published, from the last commit: dist/, held against the index's rules by twine
	@.ci/setup
	.ci/dist
	$(BIN)/python -m venv --clear .cache/twine
	.cache/twine/bin/python -m pip install --quiet 'twine>=6.2,<8'
	.cache/twine/bin/twine check --strict dist/*

lock:  ## resolve pyproject.toml anew into requirements*.lock; with KEEP=1 add to them and change no version
	@.ci/setup
	@.ci/lock

licences:  ## list the licences of all locked packages
	@.ci/setup all test
	@$(BIN)/python .ci/licences.py

advisories:  ## hold the locked versions against known vulnerabilities, by pip-audit
	@.ci/setup
	$(BIN)/python -m venv --clear .cache/advisories
	.cache/advisories/bin/python -m pip install --quiet 'pip-audit>=2.9,<3'
	for lock in requirements*.lock; do \
	    .cache/advisories/bin/pip-audit --disable-pip --require-hashes --progress-spinner off -r $$lock || exit 1; done

clean:  ## delete caches; .venv, reports and the trial book stay
	rm -rf .cache data/cache site
	find foundation research backtests desk tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
