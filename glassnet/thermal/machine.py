"""The thermal machine: depth and widths."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from glassnet.core.check import integer, plain_fields
from glassnet.perceptron.machine import Machine


@dataclass(frozen=True)
class ThermalMachine:
    """A feed-forward network whose weights and hidden neurons are real numbers in [-1, 1], all dynamical.

    Layer 0 is the input, layer `depth` the output, both clamped to data; layers 1..depth-1 are hidden, `width` wide.

        H = sum_{l=1..L} E_l,   E_l^2 = sum_{mu i} (S_{l mu i} - tanh(sum_j J_{l i j} S_{l-1 mu j}))^2

    [Huang et al. 2025]

    Args:
        depth: number of weight layers L >= 1.
        width: hidden neurons N of a layer, >= 1.
        inputs: width of layer 0; `width` if None.
        outputs: width of layer `depth`; `width` if None.
    Raises:
        ValueError: if an argument is out of range; it names the argument and the value.
    """

    depth: int
    width: int
    inputs: int | None = None
    outputs: int | None = None

    def __post_init__(self) -> None:
        plain_fields(self)
        integer(1, depth=self.depth, width=self.width)
        ends = {"inputs": self.inputs, "outputs": self.outputs}
        integer(1, **{name: value for name, value in ends.items() if value is not None})

    @cached_property
    def network(self) -> Machine:
        """The perceptron of the same widths, which says how arrays are laid out, and how signs are fed forward."""
        return Machine(self.depth, self.width, self.inputs, self.outputs, ensemble="gaussian")

    @property
    def widths(self) -> tuple[int, ...]:
        """Number of neurons of layers 0..depth."""
        return self.network.widths

    @property
    def connections(self) -> tuple[int, ...]:
        """Inputs of a neuron in layers 1..depth: all neurons below."""
        return self.network.connections

    @property
    def alpha_scale(self) -> int:
        """The N of alpha = M / N."""
        return self.width


AnyMachine = Machine | ThermalMachine
"""What data may be for: a machine with widths."""


def moving_numbers(machine: ThermalMachine, patterns: int) -> int:
    """How many weights and hidden neurons move."""
    weights = sum(n * c for n, c in zip(machine.widths[1:], machine.connections, strict=True))
    return weights + (machine.depth - 1) * machine.width * patterns


KIND = "thermal"
"""The word for thermal machines in files and commands."""


def described(machine: ThermalMachine) -> dict[str, Any]:
    """The arguments that build `machine`, as JSON values, with its kind."""
    return {"kind": KIND, **asdict(machine)}


def machine_from(description: dict[str, Any]) -> ThermalMachine:
    """The machine that `described` described."""
    return ThermalMachine(**{name: x for name, x in description.items() if name != "kind"})
