"""The methods of the supplement's Table 4 as models (ADR 0022)."""

from models.comparators.build import Comparator, build
from models.comparators.methods import METHODS, Method

__all__ = ["METHODS", "Comparator", "Method", "build"]
