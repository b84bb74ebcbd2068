"""Claim: the thickness of the solid grows like ln alpha, but only over an intermediate range.

One-sided transitions against layer with the fit, the local slope, and the alpha at which a uniform solid appears;
transitions of whole machines against depth.

    python experiments/theory_transitions.py --scale smoke|desk
"""

import matplotlib.pyplot as plt
import numpy as np
from theory_report import arguments, finish

from glassnet.theory import bulk_transition, one_sided_transitions, penetration_fit
from glassnet.theory.curves import transition_curves

LEVELS = {"smoke": 5, "desk": 9}
EXACT_LEVELS = {"smoke": 3, "desk": 7}
DEPTHS = {"smoke": [2, 3, 4, 5], "desk": list(range(2, 15))}
STYLE = {"factorised": "o-", "exact": "s--"}
COLOUR = {"random": "tab:blue", "teacher": "tab:red"}


def main() -> None:
    scale = arguments(__doc__)
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
    numbers = {}
    for closure, levels in (("factorised", LEVELS[scale]), ("exact", EXACT_LEVELS[scale])):
        for scenario in ("random", "teacher"):
            values = one_sided_transitions(levels, scenario=scenario, closure=closure)
            values = values[np.isfinite(values)]
            fit = penetration_fit(values[1:7], first_layer=2)
            label = f"{scenario}, {closure}"
            axes[0].plot(values, np.arange(1, values.size + 1), STYLE[closure], color=COLOUR[scenario], label=label)
            middle = np.sqrt(values[1:] * values[:-1])
            local = penetration_fit(values).local_slope
            axes[1].plot(middle, local, STYLE[closure], color=COLOUR[scenario], label=label)
            numbers[label] = {
                "alpha_g": [float(f"{v:.6g}") for v in values],
                "fit from layer 2": {"slope": round(fit.slope, 4), "intercept": round(fit.intercept, 4)},
                "ratio": np.round(penetration_fit(values).ratio, 3).tolist(),
            }
    for scenario, colour in COLOUR.items():
        end = bulk_transition(scenario=scenario).alpha
        numbers[f"{scenario}, uniform solid from alpha"] = float(f"{end:.6g}")
        for ax in axes[:2]:
            ax.axvline(end, color=colour, ls=":", lw=1)
    axes[0].set(xscale="log", xlabel=r"$\alpha$", ylabel=r"thickness $\xi$ of the solid")
    axes[1].set(xscale="log", xlabel=r"$\alpha$", ylabel=r"local slope $d\xi / d\ln\alpha$")
    axes[1].text(0.03, 0.97, "a logarithm would be flat;\ndotted: uniform solid (factorised)", va="top", fontsize=8,
                 transform=axes[1].transAxes)  # fmt: skip
    axes[0].legend(fontsize=8)
    numbers["factorised, random, by depth"] = by_depth(axes[2], DEPTHS[scale])
    finish(figure, "theory_transitions", scale, numbers)


def by_depth(ax: plt.Axes, depths: list[int]) -> dict[str, list[float]]:
    """alpha_g of each distinct layer against the depth of the machine, with the rigorous bound."""
    data = transition_curves(depths=depths)
    for l in range(1, max(depths) // 2 + 1):
        rows = data.sel(layer=l).where(data.depth >= 2 * l, drop=True)
        ax.plot(rows.depth, rows.transition, "o-", label=f"layer {l}", ms=4)
    ax.fill_between(data.depth, data.capacity_bound, 1e6, color="0.85", label="above the rigorous bound")
    top = 2 * float(data.transition.max())
    ax.set(yscale="log", xlabel="depth $L$", ylabel=r"$\alpha_g(l)$, random, factorised", ylim=(1, top))
    ax.legend(fontsize=7)
    values = data.transition.values
    return {str(d): [float(f"{v:.6g}") for v in row[: d - 1]] for d, row in zip(depths, values, strict=True)}


if __name__ == "__main__":
    main()
