.PHONY: test check clean
VENV ?= .venv
PYTHON ?= python3

test: $(VENV)/.installed check
	$(VENV)/bin/python -m pytest -n auto

check: $(VENV)/.installed
	$(VENV)/bin/ruff check scripts tests
	$(VENV)/bin/mypy

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache
