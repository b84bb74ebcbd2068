"""Is it in equilibrium? Evidence in the order of its weight, and a verdict with three values.

That chains from random starts agree with each other proves nothing: they may be stuck alike. What counts is that runs
from a random and from an exact planted start meet, and, along a ladder with replica exchange, that walkers make round
trips and energies obey d<E>/d beta = -var E. All order parameters are gauge invariant: a neuron that turns over
together with its weights changes nothing.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from xarray import Dataset

from glassnet.analysis import evidence
from glassnet.analysis.convergence import convergence
from glassnet.analysis.evidence import Check
from glassnet.analysis.labels import ascending, own_words, require, result

EQUILIBRATED, NOT, UNMEASURED = "EQUILIBRATED", "NOT", "UNMEASURED"

WORDS = {EQUILIBRATED: "in equilibrium", NOT: "not in equilibrium", UNMEASURED: "equilibrium not shown"}
"""What pictures say."""


@dataclass(frozen=True)
class Equilibration:
    """A verdict on equilibrium.

    Attributes:
        verdict: "EQUILIBRATED" (a strong check passed, and none failed), "NOT" (a check failed) or "UNMEASURED".
        reasons: a sentence for each check, those that decide first.
        checks: the checks.
        footnotes: what decides nothing: R-hat and effective sample size (`convergence`).
    """

    verdict: str
    reasons: tuple[str, ...]
    checks: tuple[Check, ...]
    footnotes: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The verdict in a sentence's words."""
        return WORDS[self.verdict]

    def stored(self, ds: Dataset) -> Dataset:
        """`ds` with the verdict and its reasons as attributes, which figures and reports show."""
        return ds.assign_attrs(equilibration=self.verdict, equilibration_reasons=json.dumps(self.reasons))


@own_words
def equilibration(ds: Dataset, planted: Dataset | None = None, *, footnotes: bool = True) -> Equilibration:
    """Whether a run has reached equilibrium.

    Strong evidence, any of which suffices if nothing speaks against it:

    - *starts meet*: from `ds` and from `planted`, whose start is exact equilibrium (`start_equilibrium`), energies and
      errors agree over the last octave of lags after the last waiting time, and squared overlaps at the last lag, all
      by layer;
    - *exchange*: the ladder is "good" (`exchange_summary`), energies obey d<E>/d beta = -var E between neighbours, and,
      where samples share data and neurons have places of their own (random graphs, `spin_overlap_squared_matched`),
      clones of one start overlap no more than those of different ones: within .05 and three errors, coldest rung;
    - *populations*: at the end of the schedule all are "good" (`population_summary`): enough families are left.

    Weak evidence, which can only speak against it:

    - *two clones of the planted start* overlap as much with each other as with the start (Nishimori);
    - *single moves are balanced*, by layer, over the last octave of lags, in runs that have measured it,
      `observables=["spin_balance", "weight_balance"]`: E[D/(1 + exp(D))] = 0, D being beta times the change of the
      energy where one spin turns over, or one weight changes its sign. It fails for a chain whose law is not that of
      Boltzmann at its beta, or through which energy still flows; a stuck one passes;
    - *energies are flat* over the last two octaves, and *correlations do not age* between the last two waiting times.

    Comparisons are Student t tests over samples, with one false alarm in a thousand runs: reasons name the limit, which
    is high for few samples. One whose error exceeds 5 % of an energy or of the highest score, .278, or .05 of an
    overlap, says nothing and makes a check undecided.

    Args:
        ds: result of a run, one or several temperatures.
        planted: the same run from a planted start.
        footnotes: whether R-hat and effective sample size are computed, too.
    Raises:
        ValueError: if `ds` is no result of a run, or `planted` is another run.
    """
    if "clone_energy" not in result(ds, "energy"):
        return Equilibration(UNMEASURED, ("No clones were measured yet.",), ())
    ds = _taken(ds, "ds")
    if planted is not None:
        planted = _taken(planted, "planted")
        _check_same(ds, planted)
    checks = tuple(_checks(ds, planted))
    failed = [check for check in checks if check.passed is False]
    carried = [check for check in checks if check.strong and check.passed]
    undecided = [check for check in checks if check.strong and check.passed is None]
    verdict = NOT if failed else EQUILIBRATED if carried else UNMEASURED
    first = failed or carried or undecided
    others = [check for check in checks if check not in first]
    reasons = tuple(check.reason for check in (*first, *others))
    return Equilibration(verdict, reasons, checks, tuple(_footnotes(ds)) if footnotes else ())


def _footnotes(ds: Dataset) -> Iterator[str]:
    found = convergence(ds)
    r_hat, size = (found[name].values for name in ("r_hat", "effective_sample_size"))
    if np.isnan(r_hat).all():
        return
    words = f"R-hat of the energies over the last decade of lags: at most {np.nanmax(r_hat):.3g}"
    if not np.isnan(size).all():
        words += (
            f"; effective sample size: at least {np.nanmin(size):.0f} of {found.attrs['measurements']} measurements"
        )
    yield f"{words}. This can speak against equilibrium alone."


def _taken(ds: Dataset, name: str) -> Dataset:
    """A result with clones, its coordinates in rising order."""
    ds = result(ds, "clone_energy", name=name)
    require(ds["clone_energy"], f"{name}.clone_energy", "sample", "clone", "waiting_time", "lag")
    return ascending(ds)


def _check_same(ds: Dataset, planted: Dataset) -> None:
    """Raise ValueError unless `planted` is the same run but for start, seed and protocol."""
    ours, theirs = (json.loads(x.attrs.get("config", "{}")) for x in (ds, planted))
    free = {"start", "seed", "protocol", "observables"}
    differing = [k for k in sorted({*ours, *theirs} - free) if ours.get(k) != theirs.get(k)]
    if differing:
        words = "be the same run but for start, seed and protocol"
        raise ValueError(f"Argument `planted` must {words}, but differs in {', '.join(differing)}.")


def _checks(ds: Dataset, planted: Dataset | None) -> Iterator[Check]:
    yield evidence.starts_meet(ds, planted)
    if "swaps_offered" in ds:
        yield evidence.exchange(ds)
    if "population_size" in ds.attrs:
        yield evidence.populations(ds)
    if planted is not None:
        yield from evidence.nishimori(planted)
    yield from evidence.balance(ds)
    yield from evidence.flat(ds)
    yield from evidence.ageing(ds)
