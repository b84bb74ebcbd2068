"""Flags with which XLA compiles quickly. `processors.py` tests what users get."""

import mmap
from importlib.util import find_spec
from pathlib import Path

QUICK = ("--xla_backend_optimization_level=0", "--xla_cpu_use_fusion_emitters=false")
"""With these, compiling takes a third of the time that it takes without them."""


def quick_flags() -> str:
    """Those that XLA has: one that it does not know ends the process, and they may go one day."""
    for library in Path(find_spec("jaxlib").origin).parent.glob("libjax_common.*"):
        with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as code:
            return " ".join(flag for flag in QUICK if code.find(flag.strip("-").partition("=")[0].encode()) >= 0)
    return ""
