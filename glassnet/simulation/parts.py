"""Arrays of many replicas that are too large to be joined."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np


class Parts:
    """An array in parts along its first axis, which nobody joins.

    Args:
        parts: arrays of JAX or NumPy.
        size: length of the whole; the last part may be longer than what is left for it.
    """

    def __init__(self, parts: Sequence[Any], size: int) -> None:
        self._parts, self.shape, self.dtype = parts, (size, *parts[0].shape[1:]), parts[0].dtype

    def __iter__(self) -> Iterator[np.ndarray]:
        """The parts in NumPy, one after another, without copies on a CPU."""
        left = self.shape[0]
        for part in self._parts:
            yield np.asarray(part)[:left]
            left -= part.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.concatenate(list(self)).astype(dtype or self.dtype, copy=False)
