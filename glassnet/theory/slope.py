"""Jacobians by finite differences and their leading eigenvectors."""

from collections.abc import Callable

import numpy as np


def difference_jacobian(
    function: Callable[[np.ndarray], np.ndarray], x: np.ndarray, value: np.ndarray, band: int | None, shift: float
) -> np.ndarray:
    """Forward differences of a function of shape (n,) to (n,); `value` is the function at `x`.

    Args:
        band: component i depends on |i - j| <= band only; None if on all. Columns further apart are taken at once.
        shift: step of every component.
    Returns:
        Shape (n, n).
    """
    size = x.size
    groups = size if band is None else min(size, 2 * band + 1)
    jacobian = np.zeros((size, size))
    for first in range(groups):
        columns = np.arange(first, size, groups)
        moved = x.copy()
        moved[columns] += shift
        slope = (function(moved) - value) / shift
        for column in columns:
            rows = slice(None) if band is None else slice(max(0, column - band), column + band + 1)
            jacobian[rows, column] = slope[rows]
    return jacobian


def leading(matrix: np.ndarray) -> tuple[float, np.ndarray]:
    """Largest real part of the eigenvalues, and the moduli of its vector; -1 if the matrix vanishes.

    For map - 1 it is above 0 where plain iteration is repelled.
    """
    if not np.any(matrix):
        return -1.0, np.zeros(len(matrix))
    values, vectors = np.linalg.eig(matrix)
    first = int(np.argmax(values.real))
    return float(values[first].real), np.abs(vectors[:, first])
