.PHONY: test check bundle clean
VENV ?= .venv
PYTHON ?= python3

test: $(VENV)/.installed check
	$(VENV)/bin/python -m pytest -n auto -rs

check: $(VENV)/.installed
	$(VENV)/bin/ruff check scripts tests
	$(VENV)/bin/mypy
	$(VENV)/bin/python scripts/bundle.py check

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev,drill-tests]'
	touch $@

# What a release publishes, in dist/: the archive, the installers that carry its hash, and the sums.
bundle: $(VENV)/.installed
	$(VENV)/bin/python scripts/bundle.py build
	$(VENV)/bin/python scripts/bundle.py verify dist/python-runtime-operations.zip

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache
