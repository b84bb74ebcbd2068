"""Whether a run began in equilibrium."""

import json

import numpy as np
from xarray import Dataset

from glassnet.analysis.labels import result
from glassnet.core.codec import to_json

UNKNOWN = "not known: results of earlier versions do not say"


def start_equilibrium(ds: Dataset) -> str:
    """Whether the run that made a result began in equilibrium, in words.

    "exact" if its start was drawn from the law that its moves keep (a planted start whose teacher errs as the student
    does at this temperature: see `glassnet.tasks.teacher_student`); otherwise "no" or "not known" and the reason. It
    speaks of the mean over teachers and data: samples that share data share their planted start, too.

    Args:
        ds: result of a run; of several temperatures, all are told, each after its beta.
    Raises:
        ValueError: if `ds` is no Dataset.
    """
    said = str(result(ds).attrs.get("start_equilibrium", UNKNOWN))
    if not said.startswith("{"):
        return said
    by_beta = json.loads(said)
    betas = [str(to_json(b)) for b in np.atleast_1d(ds["beta"].values).tolist()] if "beta" in ds.coords else [*by_beta]
    words = {f"{float(b):g}": by_beta.get(b, UNKNOWN) for b in betas}
    if len(set(words.values())) == 1:
        return next(iter(words.values()))
    return "; ".join(f"beta {b}: {x}" for b, x in words.items())
