"""Propositions, one a file; a module that defines ``CHECK`` is a check."""

from __future__ import annotations

import functools
import importlib
import pkgutil

from crypto_assets.checks.check import Check
from crypto_assets.checks.listed import ListingCheck
from crypto_assets.checks.priced import PriceCheck


@functools.cache
def catalogue() -> dict[str, Check]:
    """Find every check of a partition by its module's name, in order of name."""
    return {name: check for name, check in _defined().items() if isinstance(check, Check)}


@functools.cache
def listing_checks() -> dict[str, ListingCheck]:
    """Find every check of what a venue lists by its module's name, in order of name."""
    return {name: check for name, check in _defined().items() if isinstance(check, ListingCheck)}


@functools.cache
def price_checks() -> dict[str, PriceCheck]:
    """Find every check of a day's prices by its module's name, in order of name."""
    return {name: check for name, check in _defined().items() if isinstance(check, PriceCheck)}


def checks_of(asset: str) -> dict[str, Check]:
    """The checks that judge one asset, by name."""
    return {name: check for name, check in catalogue().items() if asset in check.assets}


def _defined() -> dict[str, object]:
    """What the modules of this package define as ``CHECK``, by their names."""
    modules = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {
        name: getattr(importlib.import_module(f"{__name__}.{name}"), "CHECK", None)
        for name in modules
    }
