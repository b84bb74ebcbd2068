"""Machines whose sweeps are timed, and the work of a sweep."""

from dataclasses import dataclass

from glassnet.perceptron.machine import Machine

UNIFORM = ((1, 4, 64, 64), (1, 4, 64, 512), (64, 4, 64, 512), (16, 10, 16, 512), (1, 4, 256, 512), (1, 10, 256, 4096))
"""Replicas, depth, width, patterns: Gaussian weights, all layers equally wide."""

BETA = 3.0
WEIGHT_STEP = 0.1


@dataclass(frozen=True)
class Case:
    """What is timed.

    Attributes:
        name: name in tables.
        replicas: replicas, one after another on a core.
        machine: the machine.
        patterns: number of patterns.
        dynamics: name of the dynamics.
        reference: machine beside which the rate per gap touched is put, under Metropolis, if any.
    """

    name: str
    replicas: int
    machine: Machine
    patterns: int
    dynamics: str = "metropolis"
    reference: Machine | None = None

    @property
    def work(self) -> tuple[int, int]:
        """`work` of one sweep of all replicas."""
        sites, elements = work(self.machine, self.patterns)
        return self.replicas * sites, self.replicas * elements


def uniform(replicas: int, depth: int, width: int, patterns: int) -> Case:
    """A machine of equal layers with Gaussian weights."""
    name = f"R={replicas} L={depth} N={width} M={patterns}"
    return Case(name, replicas, Machine(depth, width, ensemble="gaussian"), patterns)


def sizes() -> list[Case]:
    """Machines of equal layers."""
    return [uniform(*size) for size in UNIFORM]


def shapes() -> list[Case]:
    """Ragged and diluted machines, other weights, heat bath."""
    small, wide = (Machine(depth, width, ensemble="gaussian") for depth, width in ((10, 20), (4, 256)))
    ragged = [
        Case(f"784-20-..-2 {name}", 16, Machine(10, 20, inputs=784, outputs=2, ensemble=name), 200, reference=small)
        for name in ("gaussian", "spherical", "ising")
    ]
    diluted = Machine(4, 256, connectivity=32, ensemble="gaussian")
    return [
        *ragged,
        Case("c=32 of N=256 L=4 M=512", 1, diluted, 512, reference=wide),
        Case("the same beside N=32", 1, diluted, 512, reference=Machine(4, 32, ensemble="gaussian")),
        Case("heat bath L=10 N=20 M=200", 16, small, 200, "heat_bath", reference=small),
    ]


def work(machine: Machine, patterns: int) -> tuple[int, int]:
    """Proposals of one sweep, and proposals times the gaps that each touches.

    A weight touches the gaps of its neuron, one a pattern; a spin the gaps of the neurons that it feeds, for one
    pattern.
    """
    weights = sum(n * c for n, c in zip(machine.widths[1:], machine.connections, strict=True))
    fed = [c * n / machine.width for n, c in zip(machine.widths[2:], machine.connections[1:], strict=True)]
    touched = sum(round(machine.width * patterns * f) for f in fed)
    return weights + machine.width * patterns * (machine.depth - 1), weights * patterns + touched


def state_bytes(machine: Machine, patterns: int) -> int:
    """What a configuration needs: one byte a spin, four bytes a weight and a pre-activation."""
    weights = sum(n * c for n, c in zip(machine.widths[1:], machine.connections, strict=True))
    return patterns * (sum(machine.widths) + 4 * sum(machine.widths[1:])) + 4 * weights
