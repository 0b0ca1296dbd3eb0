"""Audit, prove and pack the runtime behaviour of Python programs: the one package behind the entry scripts."""

__version__ = "0.1.0"
