# Everything from a clean clone: each command sets up .venv first, once.
PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
READY := .venv/ready

# Nothing of ours is written to HOME, and nobody is told what we do.
export PREFECT_HOME ?= $(CURDIR)/.mailfleet/prefect-home
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export DO_NOT_TRACK := 1

.PHONY: setup demo test check interrupt clean

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "Python 3.11, 3.12 or 3.13 is needed and $(PYTHON) is %d.%d; name another with make PYTHON=..." % v)'
	@MAILFLEET_MAKE=$$PPID exec $(PYTHON) -m mailfleet.stack.install

# exec: the command is make's own child, and is told make's number, so that it ends when make does.
demo: $(READY)
	@MAILFLEET_MAKE=$$PPID exec $(BIN)/mailfleet demo $(ARGS)

test: $(READY)
	@mkdir -p "$(PREFECT_HOME)" && exec $(BIN)/pytest -n 2 --dist loadfile $(ARGS)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/house/sizes.py

# The demo, interrupted at eight random moments; MAILFLEET_SEED repeats a run.
interrupt: $(READY)
	@exec env MAILFLEET_MOMENTS=8 $(BIN)/pytest -v -s tests/stack/test_interrupt.py $(ARGS)

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +
