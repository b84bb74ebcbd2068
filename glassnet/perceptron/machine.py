"""The machine: depth, widths, connectivity, weight ensemble, potential."""

import math
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np

from glassnet.core.check import fail, integer, plain_fields
from glassnet.core.former import former_arguments, warn_former
from glassnet.perceptron.ensembles import ENSEMBLES, Ensemble, named
from glassnet.perceptron.graph import random_sources
from glassnet.perceptron.potential import Known, Potential, SoftCore, check_costs, check_potential


@dataclass(frozen=True)
class Stack:
    """Consecutive layers of equal shape, handled as one array with a leading layer axis.

    Layers first..last (1-based, inclusive) have `fan_out` neurons, fed by layers of `fan_in` neurons
    through `connectivity` inputs each. `integral` says whether sums of weights times spins are whole numbers.
    """

    first: int
    last: int
    fan_out: int
    fan_in: int
    connectivity: int
    integral: bool = False

    @property
    def layers(self) -> range:
        """The layers of this stack."""
        return range(self.first, self.last + 1)

    @property
    def diluted(self) -> bool:
        """Whether neurons see only a part of the layer below."""
        return self.connectivity < self.fan_in

    @property
    def scale(self) -> float:
        """1 / sqrt(c), the factor between a sum of weights times spins and a pre-activation.

        Where these sums are whole numbers, so many low bits are cut off that all multiples up to c are exact in
        float32 (relative error c 2^-23 at most): a pre-activation of zero then stays zero while moves update it,
        and the sign of rounding never decides.
        """
        scale = 1.0 / math.sqrt(self.connectivity)
        if not self.integral:
            return scale
        mantissa, exponent = math.frexp(scale)
        bits = 24 - self.connectivity.bit_length()
        return math.ldexp(round(math.ldexp(mantissa, bits)), exponent - bits)


@former_arguments(weights="ensemble")
@dataclass(frozen=True)
class Machine:
    """A feed-forward perceptron network whose weights and hidden neurons are dynamical.

    Layer 0 is the input, layer `depth` the output; layers 1..depth-1 are hidden and `width` wide.

    Args:
        depth: number of weight layers L >= 1.
        width: hidden neurons N of a layer, >= 1.
        inputs: width of layer 0; `width` if None.
        outputs: width of layer `depth`; `width` if None.
        connectivity: inputs c of each neuron, on a fixed random graph; fully connected if None. Must not
            exceed the width of any feeding layer.
        ensemble: prior of J: "gaussian" (independent N(0, 1)), "spherical" (sum of squares of a row = c)
            or "ising" (+1 or -1); or a value with what `glassnet.perceptron.ensembles.Ensemble` asks for.
        potential: v(gap): a SoftCore, HardCore, Counting, Probit or Logistic; or a value with what
            `glassnet.perceptron.potential.Potential` asks for.
        graph_seed: seed of the random graph; machines that agree in it share the graph.
    Raises:
        ValueError: if an argument is out of range; it names the argument and the value.
    """

    depth: int
    width: int
    inputs: int | None = None
    outputs: int | None = None
    connectivity: int | None = None
    ensemble: str | Ensemble = "spherical"
    potential: Known | Potential = field(default_factory=SoftCore)
    graph_seed: int = 0

    def __post_init__(self) -> None:
        plain_fields(self)
        integer(1, depth=self.depth, width=self.width)
        optional = {"inputs": self.inputs, "outputs": self.outputs, "connectivity": self.connectivity}
        integer(1, **{name: value for name, value in optional.items() if value is not None})
        integer(0, graph_seed=self.graph_seed)
        object.__setattr__(self, "ensemble", named(self.ensemble))
        check_potential(self.potential)
        check_costs(self.potential, max(self.connections))
        narrowest = min(self.widths[:-1])
        if self.connectivity is not None and self.connectivity > narrowest:
            requirement = f"be at most the width of every feeding layer (the narrowest has {narrowest})"
            raise fail("connectivity", requirement, self.connectivity)
        if min(self.connections) < self.prior.fewest:
            few = "a single input" if min(self.connections) == 1 else f"{min(self.connections)} inputs"
            raise fail("ensemble", f"not be {self.prior.name!r} where a neuron has {few}", self.ensemble)

    @cached_property
    def prior(self) -> Ensemble:
        """The ensemble as a value."""
        return ENSEMBLES[self.ensemble] if isinstance(self.ensemble, str) else self.ensemble

    @cached_property
    def hard(self) -> bool:
        """Whether violated gaps are forbidden."""
        return getattr(self.potential, "hard", False)

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """Number of neurons of layers 0..depth."""
        first = self.width if self.inputs is None else self.inputs
        last = self.width if self.outputs is None else self.outputs
        return (first, *[self.width] * (self.depth - 1), last)

    @cached_property
    def connections(self) -> tuple[int, ...]:
        """Inputs c of a neuron in layers 1..depth."""
        return tuple(self.connectivity or n for n in self.widths[:-1])

    @cached_property
    def stacks(self) -> tuple[Stack, ...]:
        """Layers grouped into runs of equal shape: one if all widths agree, else up to three."""
        shapes = list(zip(self.widths[1:], self.widths[:-1], self.connections, strict=True))
        starts = [l for l in range(self.depth) if l == 0 or shapes[l] != shapes[l - 1]]
        ends = [*starts[1:], self.depth]
        return tuple(Stack(a + 1, b, *shapes[a], self.prior.integral) for a, b in zip(starts, ends, strict=True))

    def stack_of(self, layer: int) -> int:
        """Index in `stacks` of the stack that holds weight layer `layer` (1..depth)."""
        return next(g for g, stack in enumerate(self.stacks) if layer in stack.layers)

    @property
    def alpha_scale(self) -> int:
        """The c of alpha = M / c: connectivity, or the width where fully connected."""
        return self.connectivity or self.width

    def sources(self, layer: int) -> np.ndarray:
        """Neurons of layer `layer` - 1 that feed each neuron of `layer`, shape (width, c), int32."""
        return sources_of(
            self.widths[layer], self.widths[layer - 1], self.connections[layer - 1], self.graph_seed, layer
        )

    @property
    def weights(self) -> str | Ensemble:
        """The former name of `ensemble`."""
        warn_former("Machine.weights", "Machine.ensemble")
        return self.ensemble

    @property
    def fan_in(self) -> tuple[int, ...]:
        """The former name of `connections`."""
        warn_former("Machine.fan_in", "Machine.connections")
        return self.connections

    def shares_architecture(self, other: "Machine") -> bool:
        """Whether weights of one machine fit into the other: same widths and same graph."""
        same_graph = self.connectivity is None or self.graph_seed == other.graph_seed
        return self.widths == other.widths and self.connections == other.connections and same_graph


@lru_cache(maxsize=64)
def sources_of(fan_out: int, fan_in: int, connectivity: int, seed: int, layer: int) -> np.ndarray:
    """Neurons that feed each neuron of a layer, shape (fan_out, connectivity), int32, read-only."""
    rng = np.random.default_rng((seed, layer))
    sources = random_sources(fan_out, fan_in, connectivity, rng)
    sources.setflags(write=False)
    return sources
