"""What checks the annotations of the package while tests run."""

from beartype import beartype


def checked(function):
    """`function` with its annotations checked by beartype.

    The generated `__init__` of dataclasses is left out: JAX builds pytrees of things other than arrays.
    """
    return function if getattr(function, "__name__", "") == "__init__" else beartype(function)
