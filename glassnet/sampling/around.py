"""Systems that are made of copies of another one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jax import Array

from glassnet.sampling.kernel import State
from glassnet.sampling.system import System, Variable


@dataclass(frozen=True)
class Around(System):
    """A system made of copies of `system`: what it does not say otherwise is as there."""

    system: System

    @property
    def native(self) -> bool:
        """As the system."""
        return self.system.native

    @property
    def cold(self) -> bool:
        """As the system."""
        return self.system.cold

    @property
    def fused(self) -> bool:
        """As the system."""
        return self.system.fused

    def start_arrays(self, start: Any) -> dict[str, np.ndarray]:
        """As the system."""
        return self.system.start_arrays(start)

    def start_from(self, arrays: Mapping[str, np.ndarray]) -> Any:
        """As the system."""
        return self.system.start_from(arrays)

    def clamped(self, task: Any) -> Any:
        """As the system."""
        return self.system.clamped(task)

    def scene(self, task: Any) -> Any:
        """As the system."""
        return self.system.scene(task)

    def at_temperature(self, scene: Any, temperature: Array) -> Any:
        """As the system."""
        return self.system.at_temperature(scene, temperature)

    def check_storable(self, tasks: Sequence[Any]) -> None:
        """As the system."""
        self.system.check_storable(tasks)

    def coordinates(self) -> dict[str, np.ndarray]:
        """As the system."""
        return self.system.coordinates()

    def kept_variable(self, name: str, dims: tuple[str, ...]) -> Variable:
        """As the system."""
        return self.system.kept_variable(name, dims)

    def kept_data(self, task: Any) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
        """As the system."""
        return self.system.kept_data(task)

    def from_kept(self, arrays: Mapping[str, np.ndarray], data: Mapping[str, np.ndarray]) -> tuple[State, Any]:
        """As the system."""
        return self.system.from_kept(arrays, data)
