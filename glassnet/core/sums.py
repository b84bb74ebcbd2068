"""Sums that lose nothing by rounding."""

from jax import Array


def added(total: Array, lost: Array, term: Array, missing: Array | float = 0.0) -> tuple[Array, Array]:
    """A sum with one more term, in two numbers: the sum, and what rounding has taken from it   [Dekker 1971].

    Args:
        total, lost: the sum so far, float32; zeros to begin with. Their exact sum is the result.
        term: what is added, float32.
        missing: what rounding had taken from the term before.
    """
    new = total + term
    rest = new - total
    lost = lost + ((total - (new - rest)) + (term - rest) + missing)
    whole = new + lost
    return whole, lost - (whole - new)


def squared(x: Array) -> tuple[Array, Array]:
    """The square of a float32, rounded, and what rounding has taken from it."""
    shifted = 4097 * x
    high = shifted - (shifted - x)  # the upper 12 bits
    low, square = x - high, x * x
    return square, ((high * high - square) + 2 * high * low) + low * low
