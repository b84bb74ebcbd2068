"""A configuration for each replica to start from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from glassnet.core.check import fail


@dataclass(frozen=True, eq=False)
class Starts:
    """A configuration for each sample and temperature of a run, such as the last ones of another run.

    Args:
        arrays: parts of bare configurations by the names that `System.kept` gives; axes (sample, temperature) in front.
        source: where they come from, as JSON values.
    Raises:
        ValueError: if there are no parts, or they do not agree in the axes in front.
    """

    arrays: Mapping[str, np.ndarray]
    source: Mapping[str, Any]

    def __post_init__(self) -> None:
        shapes = {name: np.shape(x) for name, x in self.arrays.items()}
        if not shapes or len({shape[:2] for shape in shapes.values()}) > 1 or min(map(len, shapes.values())) < 2:
            raise fail("start", "hold parts with the axes sample and temperature in front", shapes)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of samples and of temperatures."""
        samples, temperatures, *_ = next(iter(self.arrays.values())).shape
        return samples, temperatures

    def at_all(self, sample: int) -> dict[str, np.ndarray]:
        """Parts of the configurations of one sample, the temperature leading."""
        return {name: x[sample] for name, x in self.arrays.items()}

    def of(self, sample: int, temperature: int) -> dict[str, np.ndarray]:
        """Parts of the configuration of one replica."""
        return {name: x[sample, temperature] for name, x in self.arrays.items()}
