"""The model and its moves in formulas, and the order in which a sweep makes them."""

from collections.abc import Iterator

from glassnet.report.markup import joined, tag
from glassnet.report.sections import Section
from glassnet.report.source import Reported, attribute
from glassnet.thermal.machine import KIND

POTENTIALS = {
    "SoftCore": "v(r) = {strength:g} (−r)^{power:g} for r < 0, else 0",
    "HardCore": "v(r) = ∞ for r < 0, else 0",
    "Counting": "v(r) = {strength:g} for r < 0, else 0",
    "Probit": "v(r) = −ln Φ(r/{width:g})",
    "Logistic": "v(r) = ln(1 + exp(−r/{width:g}))",
}

DEFAULTS = {"strength": 1.0, "power": 2.0, "width": 1.0}
"""What results of earlier versions leave out."""

WEIGHTS = {
    "gaussian": "J′ = (J + d x)/√(1 + d²), x Gaussian, one weight of a row after the other",
    "spherical": (
        "two weights of a row turned by the angle d x, x Gaussian: pairs drawn anew in each of two passes, so that "
        "Σ J² = c stays"
    ),
    "ising": "J′ = −J, one weight of a row after the other",
}

METROPOLIS = "with probability min(1, exp(−β ΔH))"
HEAT_BATH = "with probability 1/(1 + exp(β ΔH))"

CHOICE = "by their weights exp(−Δβ H) wherever β changes by Δβ, before the sweep"

SWAP_AT_ONE = "with probability min(1, exp(β(H(S) + H′(S′) − H′(S) − H(S′))))"
SWAP = "with probability min(1, exp((β − β′)(H − H′)))"

ORDER = (
    "A sweep moves the weights at fixed neurons, all rows of all layers side by side, and then the neurons at fixed "
    "weights: layers 1, 3, …, then layers 2, 4, …; in a layer one neuron after the other, all patterns side by side."
)
GAUGE = (
    "Then each hidden neuron, by a fair coin, changes the sign of S_{l,μ,i} in all patterns and of its weights "
    "J_{l,ij} and J_{l+1,ki}: no gap changes, and raw overlaps of hidden layers mean nothing."
)
PERMUTE = (
    "Then the neurons of each hidden layer change places, all orders equally likely: no gap changes, and overlaps of "
    "hidden neurons of one number mean nothing."
)
ROWS = (
    "Then whole rows of weights move at fixed neurons, all side by side, J′ = J cos t + V sin t, V {direction}: a "
    "bracket around t = 0 shrinks until a uniform point in it has E(J′) ≤ E(J) − ln(u)/β, u uniform."
)
COLLAPSED = (
    "Then weights of hidden neurons are offered the same changes with the neuron’s spins summed out, {rule} on the "
    "change of Π z_μ, z_μ = Σ_S exp(−β [v(S h_μ − κ) + E_μ(S)]), E_μ(S) the energy of the layer above, and its spins "
    "are drawn: one neuron of a layer after the other, layers 1, 3, …, then layers 2, 4, …"
)

DIRECTIONS = {"gaussian": "drawn from the prior", "spherical": "a random tangent as long as J"}

FEEDFORWARD = (
    "A sweep moves the weights, one after the other; the neurons follow, S_l = sgn(J_l S_{l−1}), and the gaps of the "
    "output layer alone cost energy."
)


def moves(run: Reported) -> Section | None:
    """Energy, moves and their order, a sentence each; None where the machine is not known yet."""
    if attribute(run.data, "machine").get("kind") == KIND:
        return Section("moves", "Model and dynamics", joined(tag("p", words) for words in _thermal(run)))
    if "potential" not in attribute(run.data, "machine"):
        return None
    return Section("moves", "Model and moves", joined(tag("p", words) for words in _sentences(run)))


def _thermal(run: Reported) -> Iterator[str]:
    """Energy and time step of a thermal machine."""
    config = attribute(run.data, "config")
    numbers, scheme = config.get("numbers", {}), config.get("system", {}).get("scheme", {})
    yield (
        "H = Σ E_l over layers l, E_l² = Σ (S_{l,μ,i} − tanh Σ_j J_{l,ij} S_{l−1,μ,j})² over patterns μ and neurons i. "
        "Weights and hidden neurons are real numbers between reflecting walls at −1 and 1, of mass 1."
    )
    if "optimizer" in scheme:
        words = f"A sweep is a step of {run.data.attrs.get('dynamics')} down the energy"
        yield f"{words}, at the rate {numbers.get('rate'):g}."
        return
    h, friction = numbers.get("time_step"), numbers.get("friction")
    words = FRICTION[scheme.get("form", "step")] if scheme.get("damped", True) else "no friction: energy is conserved"
    yield f"A sweep is a time step of {h:g} ({run.data.attrs.get('dynamics')}); {words.format(friction=friction)}."


FRICTION = {
    "step": "friction takes the fraction {friction:g} of a velocity in each step, and noise restores its temperature",
    "rate": "velocities are rubbed off at the rate {friction:g}, and noise restores their temperature",
    "printed": "friction {friction:g} and noise are part of the force, as printed in the paper: it is too cold",
}
"""What friction does, by `Langevin.form`."""


def _sentences(run: Reported) -> Iterator[str]:
    machine, dynamics = attribute(run.data, "machine"), str(run.data.attrs.get("dynamics", ""))
    potential, ensemble = machine["potential"], machine.get("ensemble", machine.get("weights"))
    gap = f"r = S_{{l,μ,i}} Σ_j J_{{l,ij}} S_{{l−1,μ,j}} / √c − {potential.get('margin', 0):g}"
    cost = POTENTIALS.get(potential["kind"], f"v of the class {potential['kind']}").format(**(DEFAULTS | potential))
    yield f"H = Σ v(r) over layers l, patterns μ and neurons i; {gap}; {cost}."
    base, *further = dynamics.split("+")
    if base not in ("metropolis", "heat_bath", "feedforward"):
        yield f"The moves are those of {dynamics}."
        return
    proposal = WEIGHTS.get(ensemble) if isinstance(ensemble, str) else None
    bath = base == "heat_bath"
    rule = HEAT_BATH if bath and ensemble == "ising" else METROPOLIS
    d = run.data.attrs.get("weight_step", attribute(run.data, "config").get("weight_step"))
    step = "" if ensemble == "ising" or d is None else f" (d = {d:g})"
    words = proposal or f"as the class {ensemble['kind'] if isinstance(ensemble, dict) else ensemble} proposes"
    yield f"Weights: {words}{step}, accepted {rule}."
    if base != "feedforward":
        yield f"Neurons: S′ = −S, accepted {HEAT_BATH if bath else METROPOLIS}."
    yield FEEDFORWARD if base == "feedforward" else ORDER
    told = {
        "gauge": GAUGE,
        "permute": PERMUTE,
        "rows": ROWS.format(direction=DIRECTIONS.get(str(ensemble), "as the ensemble draws it")),
        "collapsed": COLLAPSED.format(rule="by heat bath" if ensemble == "ising" else "by Metropolis"),
    }
    yield from (told[word] for word in further)
    if "population_size" in run.data.attrs:
        yield f"{run.data.attrs['population_size']} walkers are one replica; they are copied and left out {CHOICE}."
    every = run.data.attrs.get("exchange_every")
    if every is not None:
        often = "After every sweep" if every == 1 else f"After every {every} sweeps"
        over = str(run.data.attrs.get("exchange_over", "temperature")).replace("_", " ")
        how = SWAP if over == "temperature" else SWAP_AT_ONE
        yield f"{often} neighbouring {over}s swap their configurations, accepted {how}."
