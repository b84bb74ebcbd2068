"""Builds the native kernels where a C++ compiler is present; everything else is in pyproject.toml."""

import hashlib
import importlib.util
import platform
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

SOURCE = Path("glassnet/native/src")
FLAGS = ["-std=c++17", "-O3", "-fPIC", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-g0", "-w"]
X86_SETS = {
    "base": [],
    "avx2": ["-mavx2", "-mfma"],
    "avx512": ["-mavx512f", "-mavx512dq", "-mavx512vl", "-mavx512bw", "-mfma"],
}
SETS = X86_SETS if platform.machine().lower() in ("x86_64", "amd64") else {"base": []}
"""Instruction sets and the flags that switch them on; the fastest one that a processor has is chosen at run time."""


class BuildKernels(build_ext):
    """Compiles the kernels once for each instruction set, side by side, and links them into one library."""

    def build_extension(self, extension: Extension) -> None:
        """Compile and link; what goes wrong leaves the extension out, since it is optional."""
        jobs = [("kernels", name, [*FLAGS, *flags, f"-DGLASSNET_SET={name}"]) for name, flags in SETS.items()]
        about = [f'-DGLASSNET_SOURCE="{_digest()}"', *(["-DGLASSNET_X86"] if len(SETS) > 1 else [])]
        jobs += [("handlers", "ffi", [*FLAGS, *about])]
        with ThreadPoolExecutor() as pool:
            objects = list(pool.map(lambda job: self._compiled(*job), jobs))
        self.compiler.link_shared_object(
            objects, self.get_ext_fullpath(extension.name), extra_postargs=["-pthread"], target_lang="c++"
        )

    def _compiled(self, source: str, name: str, flags: list[str]) -> str:
        directory = Path(self.build_temp) / name
        (found,) = self.compiler.compile(
            [str(SOURCE / f"{source}.cpp")],
            output_dir=str(directory),
            include_dirs=[_headers()],
            extra_postargs=flags,
        )
        return found


def _digest() -> str:
    """Digest of the sources, by which glassnet.native.library knows a library that was built from others."""
    files = sorted(path for path in SOURCE.iterdir() if path.suffix in (".h", ".cpp"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]


def _headers() -> str:
    """Directory of XLA's headers, which jaxlib brings."""
    spec = importlib.util.find_spec("jaxlib")
    if spec is None or not spec.submodule_search_locations:
        raise CompileError("jaxlib, whose headers the native kernels need, is not installed")
    return str(Path(spec.submodule_search_locations[0]) / "include")


SOURCES = [str(SOURCE / name) for name in ("kernels.cpp", "handlers.cpp")]
HEADERS = sorted(str(path) for path in SOURCE.glob("*.h"))
KERNELS = Extension("glassnet.native._kernels", SOURCES, depends=HEADERS, optional=True, language="c++")

setup(ext_modules=[KERNELS], cmdclass={"build_ext": BuildKernels})
