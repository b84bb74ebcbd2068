"""Libraries that not every user needs."""

from importlib import import_module
from typing import Any


def optax() -> Any:
    """The library of optimizers.

    Raises:
        ModuleNotFoundError: if it is not installed; it says how to install it.
    """
    try:
        return import_module("optax")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("Gradients need optax: pip install 'glassnet[distill]'.", name="optax") from error
