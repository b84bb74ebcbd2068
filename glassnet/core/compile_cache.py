"""JAX's folder of compiled programs: used where the key of a program names the processor it was compiled for.

XLA compiles for the processor at hand, so a folder that several machines read (a home on a network) is safe only since
the key of a program on CPU holds features and model of the processor, as part of the fingerprint of the devices. If JAX
cannot make that fingerprint, it takes the word "cpu" in its place; then programs are not read back.

As XLA reads a program back it may print that the feature `+prefer-no-gather` or `+prefer-no-scatter` is not supported
by the host machine. These are preferences of the compiler, which no processor lists among its features: no harm done.
"""

import jax
from jax.experimental.compilation_cache import compilation_cache


def folder() -> str | None:
    """Where JAX keeps compiled programs, None if it does not."""
    setting = jax.config.values
    return setting["jax_compilation_cache_dir"] if setting["jax_enable_compilation_cache"] else None


def names_processor() -> bool:
    """Whether the key of a compiled program tells this processor from others; true on accelerators."""
    devices = jax.local_devices()
    return devices[0].platform != "cpu" or _fingerprint(devices) is not None


def guard() -> None:
    """Let this process compile all programs itself where those kept may be for another processor.

    Changes JAX's configuration, of this process and only then: `jax_enable_compilation_cache` becomes false.
    """
    if folder() and not names_processor():
        jax.config.update("jax_enable_compilation_cache", False)
        compilation_cache.reset_cache()


def status() -> str:
    """What becomes of compiled programs, in words."""
    if not jax.config.values["jax_compilation_cache_dir"]:
        return "not kept (JAX_COMPILATION_CACHE_DIR is not set)"
    if not folder():
        return "not kept (jax_enable_compilation_cache is off)"
    if not names_processor():
        return "not kept: JAX cannot tell for which processor a program was compiled"
    return f"kept in {folder()}, for processors like this one"


def _fingerprint(devices: list[jax.Device]) -> object:
    """What JAX puts into the key of a program for its devices, None if it has nothing to tell them apart."""
    try:
        from jax._src.lib import xla_client

        topology = xla_client.get_topology_for_devices(devices)
        return topology.fingerprint() if hasattr(topology, "fingerprint") else topology.serialize()
    except (ImportError, AttributeError, RuntimeError):  # another JAX, or no such description of these devices
        return None
