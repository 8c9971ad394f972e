"""Every test here runs compiled and in Python alone."""

from tests.lanes import lane

__all__ = ["lane"]
