# Everything that is needed beyond python3 and make is installed into .venv.
#   make demo       digits in a deep machine, from data to figure, into results/demo (about two minutes)
#   make test       the tests that take minutes
#   make test-all   these and the statistical checks that take longer
#   make test-processors  a quick part of the tests on what other processors have
#   make test-oldest  the tests with the oldest versions that pyproject.toml allows
#   make lint       style, types, direction of imports
#   make docs       the reference of all functions, into build/docs
#   make bench      speed of the dynamics (beside other programs: experiments/benchmarks)
#   make experiments  all experiments at the scale SCALE (smoke, desk, paper; desk takes hours)

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SOURCES := glassnet tests experiments docs setup.py

.PHONY: demo test test-all test-processors test-oldest lint docs bench experiments clean
.DEFAULT_GOAL := demo

demo: $(VENV)/installed
	$(BIN)/glassnet demo --output-dir results/demo

# Compiled programs are kept beside what compiled them: the next run of the tests takes a fraction of the time.
PROGRAMS := JAX_COMPILATION_CACHE_DIR=$(abspath $(VENV))/compiled
WORKERS := -n 2 --dist loadfile --no-loadscope-reorder

test: $(VENV)/test
	$(PROGRAMS) $(BIN)/python -m pytest $(WORKERS)

test-all: $(VENV)/test $(VENV)/lazy $(VENV)/mbar
	$(PROGRAMS) GLASSNET_TEST_TYPES=1 $(BIN)/python -m pytest $(WORKERS) -m ""

test-processors: $(VENV)/test
	$(PROGRAMS) $(BIN)/python tests/processors.py

test-oldest: $(VENV)/oldest/installed
	$(VENV)/oldest/bin/python -m pytest $(WORKERS)

lint: $(VENV)/lint
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ty check --python $(VENV) glassnet
	$(BIN)/lint-imports

docs: $(VENV)/docs
	$(BIN)/python docs/reference.py build/docs

bench: $(VENV)/installed
	$(BIN)/glassnet bench

SCALE ?= desk
EXPERIMENTS := one_output free_entropy random_relaxation finite_width random_hierarchy penetration_depth teacher_student \
	generalisation hidden_manifold closures distill_solvable distill_assistants distill_gap distill_kinetic distill_digits distill_bounds \
	distill_temperature distill_assistant_size distill_paths distill_landscape distill_in_time distill_oracle \
	thermal_learning thermal_layers thermal_descent annealing_wall order condensation specialisation equilibrium_hierarchy

experiments: $(VENV)/installed
	set -e; for name in $(EXPERIMENTS); do $(BIN)/python experiments/$$name.py --scale $(SCALE); done

clean:
	rm -rf $(VENV) build *.egg-info

# Stamps: the environment is made anew when the requirements change.
$(VENV)/installed: pyproject.toml setup.py $(wildcard glassnet/native/src/*)
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'glassnet needs Python 3.11 or later')"
	@echo "installing glassnet and what it needs into $(VENV) ..."
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

# What an extra needs is installed by itself: `.[test]` would build the package anew.
EXTRA := import sys, tomllib; e = tomllib.load(open("pyproject.toml", "rb")); \
	print(*e["project"]["optional-dependencies"][sys.argv[1]], sep="\n")

# A newer pyparsing warns of what the oldest matplotlib does.
OLDEST := import tomllib; p = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
	print(*p["dependencies"], *p["optional-dependencies"]["test"], "pyparsing>=3.1,<3.3", sep="\n")

$(VENV)/oldest/installed: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv venv --quiet --clear --python $(PYTHON) $(VENV)/oldest
	$(BIN)/python -c '$(OLDEST)' > $(VENV)/oldest/requirements
	$(BIN)/uv pip install --quiet --python $(VENV)/oldest --resolution lowest-direct -r $(VENV)/oldest/requirements
	@touch $@

$(VENV)/test $(VENV)/lazy $(VENV)/mbar $(VENV)/lint $(VENV)/docs: $(VENV)/%: $(VENV)/installed
	$(BIN)/python -c '$(EXTRA)' $* > $@.part
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement $@.part
	@mv $@.part $@
