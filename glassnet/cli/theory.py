"""glassnet theory: curves of the replica theory, as a table and as a dataset."""

import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from glassnet.cli.info import MOST_ROWS, theory_results
from glassnet.cli.parse import first_look, named_kind, parse, plain_name
from glassnet.cli.tell import warn
from glassnet.core.check import integer, positive
from glassnet.output import checked_output
from glassnet.perceptron.potential import HardCore, Known

if TYPE_CHECKING:
    from xarray import Dataset


@dataclass(frozen=True, kw_only=True)
class Written:
    """What becomes of the result.

    Args:
        output: dataset to be written, a name that ends in .nc; only a table is printed if None.
        overwrite: replace the output if it exists.
        quiet: print nothing but errors.
    """

    output: Path | None = None
    overwrite: bool = False
    quiet: bool = False


@dataclass(frozen=True, kw_only=True)
class Gap(Written):
    """The potential of the gaps, chosen as for `glassnet run`.

    Args:
        potential: the potential.
        potential_kind: potential v(r) of a gap r: hard_core (infinite where r < 0), soft_core ((-r)^power where
            r < 0) or counting (constant where r < 0).
        beta: inverse temperature, needed unless the potential is hard_core.
    """

    potential: Known = field(default_factory=HardCore)
    potential_kind: Annotated[str, tyro.conf.arg(name="potential", metavar="KIND")] = "hard_core"
    beta: float | None = None


@dataclass(frozen=True, kw_only=True)
class Averaged(Gap):
    """What is averaged over.

    Args:
        scenario: boundaries: random, or teacher (outputs of a teacher, Bayes-optimal student).
        closure: factorised or exact.
    """

    scenario: str = "random"
    closure: str = "factorised"


@dataclass(frozen=True, kw_only=True)
class Overlap(Averaged):
    """Replica-symmetric overlaps of neurons and weights by layer, free entropy, errors of a student.

    Args:
        depth: number of weight layers L.
        alpha: patterns per input of a neuron, M/c.
        branch: grown or crystal.
        ensemble: prior of the weights: spherical or ising.
        stability: also the largest replicon eigenvalue.
    """

    depth: int
    alpha: tuple[float, ...]
    branch: str = "grown"
    ensemble: str = "spherical"
    stability: bool = False


@dataclass(frozen=True, kw_only=True)
class Branches(Written):
    """Grown and crystal branch of the teacher-student problem (hard core).

    Args:
        depth: number of weight layers L.
        alpha: patterns per input of a neuron, M/c.
        closure: factorised or exact.
        ensemble: prior of the weights: spherical or ising.
    """

    depth: int
    alpha: tuple[float, ...]
    closure: str = "factorised"
    ensemble: str = "spherical"


@dataclass(frozen=True, kw_only=True)
class TransitionsByLayer(Averaged):
    """The alpha at which each hidden layer orders, for machines of several depths.

    Args:
        depths: numbers of weight layers L, at least 2.
    """

    depths: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Penetration(Averaged):
    """Thickness xi of the solid at one boundary of an infinitely deep machine, with the fit xi = a + b ln alpha.

    Args:
        levels: how many layers, counted from the boundary.
        fit_from: first layer of the fit.
    """

    levels: int
    fit_from: int = 2


@dataclass(frozen=True, kw_only=True)
class ParisiSteps(Gap):
    """Overlaps with k steps of replica symmetry breaking, random boundaries.

    Args:
        depth: number of weight layers L.
        alpha: patterns per input of a neuron, M/c.
        steps: number k of steps.
    """

    depth: int
    alpha: tuple[float, ...]
    steps: int = 5


@dataclass(frozen=True, kw_only=True)
class OneOutputs(Written):
    """Errors of students of a teacher with one output and Gaussian weights, all widths N -> infinity, hard core.

    Args:
        depths: numbers of weight layers L, at least 1.
        alpha: patterns per neuron, M/N.
        noise: probability that the sign of a teacher's neuron is wrong, from 0 to 1/2.
    """

    depths: tuple[int, ...]
    alpha: tuple[float, ...]
    noise: float = 0.0


CURVES: dict[str, tuple[type[Written], str, str]] = {
    "overlap": (Overlap, "overlap_curves", "replica-symmetric overlaps against alpha and layer"),
    "branches": (Branches, "branch_curves", "grown and crystal branch of the teacher-student problem"),
    "transitions": (TransitionsByLayer, "transition_curves", "alpha at which each layer orders, for several depths"),
    "penetration": (Penetration, "penetration_curve", "thickness of the solid at one boundary, with a log fit"),
    "parisi": (ParisiSteps, "parisi_curves", "overlaps with k steps of replica symmetry breaking"),
    "one-output": (OneOutputs, "one_output_curves", "errors of students of one output, for several depths"),
}
"""Name: options, function of `glassnet.theory.curves`, summary."""

USAGE = """\
usage: glassnet theory [-h] NAME [OPTIONS]

Replica theory of the deep perceptron, layer by layer: prints a table, and writes a dataset with --output.

names:
{names}

Each name explains its options: glassnet theory overlap --help
"""


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    name = arguments[0] if arguments else ""
    if name in ("-h", "--help"):
        print(usage(), end="")
        return
    options = parsed(name, arguments[1:])
    if options.output is not None:
        checked_output(options.output, (".nc",), overwrite=options.overwrite)
    ds = computed(name, options)
    if options.output is not None:
        from glassnet.store.files import save

        save(ds, options.output, overwrite=options.overwrite)
    if not options.quiet:
        about = [
            f"{word} {ds.attrs[word]}" for word in ("closure", "scenario", "noise", "exactness") if word in ds.attrs
        ]
        print(", ".join(about))
        print("\n".join(theory_results(ds, None if options.output is None else MOST_ROWS)))
        print(*([] if options.output is None else [f"wrote {options.output}\n"]), end="")


def usage() -> str:
    """The help text of the command."""
    return USAGE.format(names="\n".join(f"  {name:<12} {summary}" for name, (_, _, summary) in CURVES.items()))


def parsed(name: str, arguments: Sequence[str]) -> Written:
    """The options of a curve.

    Raises:
        ValueError: for an unknown name, arguments that do not parse or numbers out of range.
    """
    if name not in CURVES:
        raise ValueError(f"Argument `name` must be one of {', '.join(CURVES)}, but is {name!r}.")
    kind = CURVES[name][0]
    default: dict[str, Any] = {f.name: tyro.MISSING for f in fields(kind) if _is_required(f)}
    if issubclass(kind, Gap):
        from glassnet.theory.local_weight import AVERAGED

        asked = first_look(arguments, "theory", potential="--potential").potential
        potential = (named_kind({kind.__name__: kind for kind in AVERAGED}, "potential", asked) or HardCore)()
        default |= {"potential": potential, "potential_kind": plain_name(type(potential).__name__)}
    options = parse(kind, arguments, f"theory {name}", kind(**default))
    check(options)
    return options


def check(options: Written) -> None:
    """Check numbers that are used late, so that nothing is computed in vain.

    Raises:
        ValueError: for an alpha that is not positive, a depth below 2 where layers order, too few layers for a fit.
    """
    if isinstance(options, OneOutputs):  # known at once
        return
    for alpha in getattr(options, "alpha", ()):
        positive(alpha=alpha)
    for depth in getattr(options, "depths", ()):
        integer(2, depths=depth)
    if isinstance(options, Penetration):
        integer(1, fit_from=options.fit_from)
        integer(options.fit_from + 1, levels=options.levels)


def computed(name: str, options: Written) -> "Dataset":
    """The curves with the attributes of a result.

    Raises:
        ValueError: for a bad argument.
        FloatingPointError: if the equations do not converge.
    """
    from glassnet.core.codec import canonical, config_hash
    from glassnet.store.provenance import provenance
    from glassnet.theory import NoConvergenceError, curves

    made = provenance()
    try:
        with _short_warnings(quiet=options.quiet):
            ds = getattr(curves, CURVES[name][1])(**_arguments(options))
            curves.warn_of_noisy_teacher(ds.attrs)
    except NoConvergenceError as error:
        raise FloatingPointError(error) from None
    config = configuration(name, options)
    known = {"title": f"glassnet: replica theory, {CURVES[name][2]}", "theory": name, "status": "complete"}
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    return ds.assign_attrs(
        **known, config=canonical(config), config_hash=config_hash(config), **made, finished=finished
    )


def configuration(name: str, options: Written) -> dict[str, Any]:
    """What fixes a result, as JSON values; "kind" is the class of the potential."""
    config = {"theory": name, **_arguments(options)}
    if isinstance(options, Gap):
        config["potential"] = {"kind": type(options.potential).__name__, **asdict(options.potential)}
    return config


def _arguments(options: Written) -> dict[str, Any]:
    """The options that the function of a curve takes."""
    others = {"potential_kind", *(f.name for f in fields(Written))}
    return {f.name: getattr(options, f.name) for f in fields(options) if f.name not in others}


def _is_required(option: Any) -> bool:
    return option.default is MISSING and option.default_factory is MISSING


@contextmanager
def _short_warnings(*, quiet: bool) -> Generator[None]:
    """Warnings as one line each on stderr; none if `quiet`."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in [] if quiet else caught:
        warn(f"glassnet: warning: {' '.join(str(warning.message).split())}")
