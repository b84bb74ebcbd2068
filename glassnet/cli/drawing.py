"""Settings of matplotlib for commands, which draw into files."""

import shutil
import warnings


def into_files() -> None:
    """No window; and no LaTeX where a user's settings ask for it (`text.usetex`) but there is none."""
    import matplotlib as mpl

    mpl.use("Agg")
    if mpl.rcParams["text.usetex"] and shutil.which("latex") is None:
        mpl.rcParams["text.usetex"] = False
        words = "matplotlib's settings ask for LaTeX (text.usetex), which is not here: drawn without it"
        warnings.warn(words, RuntimeWarning, stacklevel=2)
