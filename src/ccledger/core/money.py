"""Money as integer nano-USD (1e-9 USD): rounding and exact text; it never touches a binary float on the way in."""

NANO = 1_000_000_000
"""Nano-USD in one US dollar."""


def divide_half_even(value: int, divisor: int) -> int:
    """`value / divisor` rounded to the nearest integer, ties to even; both exact integers, divisor > 0."""
    quotient, remainder = divmod(value, divisor)
    twice = remainder * 2
    if twice > divisor or (twice == divisor and quotient & 1):
        return quotient + 1
    return quotient


def usd(nano: int) -> float:
    """Nano-USD as the nearest double in USD: for JSON numbers only, never for sums."""
    return nano / NANO


def exact_usd(nano: int) -> str:
    """Nano-USD as an exact decimal string in USD, without trailing zeros: 1_500_000_000 is '1.5'."""
    sign = "-" if nano < 0 else ""
    whole, rest = divmod(abs(nano), NANO)
    return f"{sign}{whole}.{rest:09d}".rstrip("0").rstrip(".")
