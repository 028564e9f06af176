"""Measure every stage beside its alternatives, on one generated day: ``python -m bench``."""
