# The workbench's commands: `make help` lists them. Everything they write stays in this folder.

BIN := .venv/bin
# The longest first, so that all processors end together; last, what looks at the executed notebooks.
TESTS := notebooks foundation research backtests desk tests tests/notebook_pages.py

# Jupyter takes the kernel of .venv, and whatever likes to write to a home writes to .cache instead.
export JUPYTER_PREFER_ENV_PATH := 1
export JUPYTER_CONFIG_DIR := $(CURDIR)/.cache/jupyter/config
export JUPYTER_DATA_DIR := $(CURDIR)/.cache/jupyter/data
export JUPYTER_RUNTIME_DIR := $(CURDIR)/.cache/jupyter/runtime
export IPYTHONDIR := $(CURDIR)/.cache/ipython
export MPLCONFIGDIR := $(CURDIR)/.cache/matplotlib
export XDG_CACHE_HOME := $(CURDIR)/.cache
export NPM_CONFIG_CACHE := $(CURDIR)/.cache/npm
export HYPOTHESIS_STORAGE_DIRECTORY := $(CURDIR)/.cache/hypothesis
unexport PYTHONPATH PYTHONHOME
unexport PYTHONDONTWRITEBYTECODE  # images often set it: each process of a batch or a test would parse all modules anew

.PHONY: keep outputs screens suite times advisories arithmetics licences mutants quick help report test coverage check lab setup lock bench docs format clean
.DEFAULT_GOAL := help

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

report: setup  ## play every policy of the example portfolio and write its report
	$(BIN)/rebalance report data/portfolios/global_multi_asset.yaml

test: setup  ## run every check: form, walls, types, sizes, tests, notebooks; those of `make check` beside the tests
	$(MAKE) --no-print-directory --jobs=2 check suite COVERAGE="$(COVERAGE)"

suite: setup
	$(BIN)/pytest -n logical --dist loadfile --no-loadscope-reorder --nbval-lax --junitxml=.cache/tests.xml $(COVERAGE) $(TESTS)

quick: setup  ## run the tests of what was edited since the last commit
	$(BIN)/python .ci/quick.py

coverage: COVERAGE = --cov --cov-report=term
coverage: test  ## the same, and print the coverage of branches, which takes twice as long

arithmetics: setup  ## run every test under this processor's arithmetic and the narrowest one, and state their room
	$(BIN)/python .ci/arithmetics.py

times:  ## after the tests: fail where a file of them took more than its share of the seconds
	$(BIN)/python .ci/times.py

mutants: setup  ## change the code of decisions and costs in 60 places, and list what no test notices
	$(BIN)/python .ci/mutants.py

check: setup  ## run the checks of form, walls, types and sizes alone, as .pre-commit-config.yaml does
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo --cache-dir .cache/import-linter
	$(BIN)/mypy
	$(BIN)/nbstripout --keep-id --keep-count --verify $(wildcard notebooks/*.ipynb)
	$(BIN)/python .ci/ceilings.py

keep: setup  ## keep the numbers of .ci/ceilings.csv that fell
	$(BIN)/python .ci/ceilings.py --keep

outputs: setup  ## compare what commands print and write with BASE's, a commit, or else the last landed one's
	$(BIN)/python .ci/outputs.py $(BASE)

lab: setup  ## open JupyterLab on the notebooks
	$(BIN)/jupyter-lab notebooks

setup: .venv/.ready .cache/compiled  ## make .venv from the lock and compile; nothing to do when both are up to date

format: setup  ## put code and notebooks into the house's form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/nbstripout --keep-id --keep-count $(wildcard notebooks/*.ipynb)

bench: setup .venv/.bench  ## measure against the peers
	$(BIN)/python -m benchmarks

screens: setup  ## after the tests: pictures of each notebook as a page and in JupyterLab, in .cache/screens
	$(BIN)/python tests/notebook_pages.py .cache/screens

docs: setup .venv/.docs  ## build the site of the guide and the reference: site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

lock:  ## resolve pyproject.toml anew into requirements*.lock; with KEEP=1 add to them and change no version
	python3.11 -m venv .cache/lock
	.cache/lock/bin/python .ci/lock.py $(if $(KEEP),--keep)

licences: setup  ## list the licences of all locked packages
	@$(BIN)/python .ci/licences.py

advisories:  ## hold the locked versions against known vulnerabilities, by pip-audit
	python3.11 -m venv .cache/advisories
	.cache/advisories/bin/python -m pip install --quiet 'pip-audit>=2.9,<3'
	.cache/advisories/bin/pip-audit --disable-pip --require-hashes --progress-spinner off $(patsubst %,-r %,$(wildcard requirements*.lock))

clean:  ## delete caches; .venv, reports and the trial book stay
	rm -rf .cache data/cache site
	find foundation research backtests desk tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

# .ready is touched last, by a set-up that reached its end, and holds the folder's own path: a copy of the folder, or one
# whose python went away, is set up again.
ifneq ($(shell $(BIN)/python -c '' 2>/dev/null && cat .venv/.ready 2>/dev/null),$(CURDIR))
.PHONY: .venv/.ready
endif
.venv/.ready: requirements.lock requirements-cuda.lock requirements-ccxt.lock pyproject.toml
	@.ci/setup

# Kernels are compiled ahead of use. After an edit that changes none of them, this finds all of them at hand.
.cache/compiled: .venv/.ready $(shell find foundation research backtests desk -name '*.py')
	@$(BIN)/rebalance compile
	@touch $@

.venv/.bench .venv/.docs: .venv/.%: requirements-%.lock .venv/.ready
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps --no-input --disable-pip-version-check -r $<
	@touch $@
