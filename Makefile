# make demo: collect, train, export, drive.  make test: everything.  make lint: style and types.
# A fresh clone needs Python >= 3.11, a C++20 compiler (GCC >= 11), make, git and the package index; the rest is set up here.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SOURCES := $(shell find cpp cmake CMakeLists.txt pyproject.toml -type f)
RUN ?= runs/demo
DEEP_SECONDS ?= 480
FUZZ_SECONDS ?= 60

.PHONY: demo test lint format bench sanitize deep stubs setup clean

setup: $(VENV)/.installed

$(VENV)/.python:
	@python="$$(command -v $(PYTHON) || true)"; \
	if [ -z "$$python" ]; then python="$$(command -v python3)"; echo "$(PYTHON) not found, using $$python ($$($$python --version))"; fi; \
	"$$python" -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "mbrl_fast needs Python >= 3.11, got " + sys.version.split()[0])' && \
	"$$python" -m venv $(VENV)
	@touch $@

# torch first and pinned: any other order or range downloads gigabytes of CUDA libraries.
$(VENV)/.torch: constraints.txt | $(VENV)/.python
	@echo "installing PyTorch (CPU build, once)"
	$(PIP) install --upgrade "pip>=25.1"
	$(PIP) install --constraint constraints.txt torch
	@touch $@

$(VENV)/.dependencies: pyproject.toml $(VENV)/.torch
	@echo "installing dependencies"
	$(PIP) install --constraint constraints.txt --group dev
	@touch $@

$(VENV)/.installed: $(SOURCES) $(VENV)/.dependencies
	@echo "building mbrl_fast"
	PATH="$(abspath $(BIN)):$$PATH" $(PIP) install --constraint constraints.txt --no-build-isolation --editable ".[all]"
	@touch $@

demo: setup
	$(BIN)/mbrl-fast demo --out $(RUN)

test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest
	$(MAKE) sanitize

# The C++ tests, without Python, under AddressSanitizer and UndefinedBehaviorSanitizer.
sanitize: $(VENV)/.dependencies
	PATH="$(abspath $(BIN)):$$PATH" cmake --preset asan > /dev/null
	PATH="$(abspath $(BIN)):$$PATH" cmake --build --preset asan
	PATH="$(abspath $(BIN)):$$PATH" ctest --preset asan

# What needs more than a compiler: fuzzing, Clang, RealtimeSanitizer, emulated processors. Installs Debian packages where it can.
deep: $(VENV)/.dependencies
	PATH="$(abspath $(BIN)):$$PATH" DEEP_SECONDS=$(DEEP_SECONDS) FUZZ_SECONDS=$(FUZZ_SECONDS) tests/deep.sh

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror $$(git ls-files 'cpp/*' 'tests/*' 'examples/*' | grep -E '\.(cpp|hpp|h|c)$$')

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $$(git ls-files 'cpp/*' 'tests/*' 'examples/*' | grep -E '\.(cpp|hpp|h|c)$$')

# What speed rests on; contenders whose package is missing (pip install '.[bench]', '.[peers]') are named in the tables.
bench: setup
	$(BIN)/python -m bench.plan_latency
	$(BIN)/python -m bench.roofline --kernels
	$(BIN)/python -m bench.scaling
	$(BIN)/python -m bench.tiny
	$(BIN)/python -m bench.jitter --plans 20000 --deadline-plans 20000
	$(BIN)/python -m bench.policy
	$(BIN)/python -m bench.pets_plan --skip-compiled
	$(BIN)/python -m bench.peers

# Regenerates the committed type stubs of the C++ module.
stubs: setup
	$(BIN)/python tests/stubs.py --write

clean:
	rm -rf build dist $(VENV)
