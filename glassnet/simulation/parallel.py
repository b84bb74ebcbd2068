"""How a batch of replicas is spread over cores and devices.

On a CPU the batch is cut into chunks that fit the cache, run by one compiled program on all cores; the size of a
chunk depends on the system and the size of its data alone. Native kernels take one replica at a time, and spread it
over the cores that no other replica needs. On accelerators a call is one array, its first axis sharded over the devices
of this process, with a number of replicas a device that depends on the same alone: so each device runs the same
program, and a replica has the same bits, however many devices there are.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from glassnet.sampling.plan import NATIVE, Plan, plan_for
from glassnet.sampling.system import System, Work
from glassnet.simulation.parts import Parts

LARGEST_CHUNK = 8
"""Replicas of one call on a CPU at most: small systems gain little beyond, and few replicas fill their chunk."""

NUMBERS_OF_A_CALL = 3 * 2**20
"""Array entries that a sweep of one call on one accelerator reads or writes: about as many as fill it."""

MOST_REPLICAS = 256
"""Replicas of one call on one accelerator at most: small systems come in small numbers, too."""


@dataclass(frozen=True)
class Placement:
    """Where replicas run.

    Attributes:
        platform: JAX platform.
        chunk: replicas of one call; None for calls sharded over devices.
        each: replicas of one call on each of these devices.
        native: whether the sweeps are native kernels.
    """

    platform: str
    chunk: int | None
    each: int = LARGEST_CHUNK
    native: bool = False

    @property
    def plan(self) -> Plan:
        """How the sweeps of one call are cut."""
        return NATIVE if self.native else plan_for(self.platform, self.chunk or 1)

    @property
    def alone(self) -> bool:
        """Whether a call holds a single replica."""
        return self.chunk == 1


def placed(system: System, work: Work, platform: str | None = None, *, native: bool = True) -> Placement:
    """Placement of replicas of a system on `platform` or JAX's default one.

    Args:
        system: the system.
        work: its sizes.
        platform: JAX platform.
        native: whether native kernels may be used where the system has them.
    """
    platform = platform or jax.default_backend()
    block = plan_for(platform).block
    if block is None:
        return Placement(platform, None, int(np.clip(NUMBERS_OF_A_CALL // work.replica, 1, MOST_REPLICAS)))
    if native and system.native:
        return Placement(platform, 1, native=True)
    return Placement(platform, int(np.clip(block // work.step, 1, LARGEST_CHUNK)))


def batched(placement: Placement, function: Callable, in_axes: Any) -> Callable:
    """`function` of one replica for a chunk of them; a lone replica keeps real branches instead of selects."""
    if not placement.alone:
        return _on_each_device(placement, jax.vmap(function, in_axes), in_axes)

    def take(axis: int | None, part: Any) -> Any:
        return part if axis is None else jax.tree.map(lambda x: x[0], part)

    @wraps(function)
    def one(*arguments: Any) -> Any:
        bare = jax.tree.map(take, tuple(in_axes), arguments, is_leaf=lambda axis: axis is None)
        return jax.tree.map(lambda x: x[None], function(*bare))

    return one


def _on_each_device(placement: Placement, function: Callable, in_axes: Any) -> Callable:
    """`function` of a batch, run by every device on its own replicas.

    The compiler cannot cut a kernel that is written for one device; it would gather the batch or give up.
    """
    devices = jax.local_devices(backend=placement.platform)
    if placement.chunk is not None or len(devices) == 1:
        return function
    mesh, whole, cut = Mesh(np.array(devices), ("replica",)), PartitionSpec(), PartitionSpec("replica")
    specs = jax.tree.map(lambda axis: whole if axis is None else cut, tuple(in_axes), is_leaf=lambda axis: axis is None)
    return jax.shard_map(function, mesh=mesh, in_specs=specs, out_specs=cut, check_vma=False)


class Batch:
    """Replicas in chunks; a batch that does not fill its last chunk is padded with copies of its last replica."""

    def __init__(self, chunks: list[Any], size: int) -> None:
        self.chunks = chunks
        self.size = size

    def whole(self) -> Any:
        """All replicas as one pytree with the replica as leading axis, without padding.

        Chunks are joined with NumPy; a single one stays where it is.
        """
        if len(self.chunks) > 1:
            return jax.tree.map(lambda *x: np.concatenate(x)[: self.size], *self.chunks)
        if not jax.tree.leaves(self.chunks[0]) or _size(self.chunks[0]) == self.size:
            return self.chunks[0]
        return jax.tree.map(lambda x: x[: self.size], self.chunks[0])

    def in_parts(self) -> Any:
        """As `whole`, with arrays in `Parts`: valid until the next sweep."""
        return jax.tree.map(lambda *x: Parts(x, self.size), *self.chunks)

    def one(self, n: int) -> Any:
        """Replica n with a leading axis of one place: its chunk where it is alone there, else a copy in NumPy."""
        size = _size(self.chunks[0])
        chunk, place = self.chunks[n // size], n % size
        return chunk if size == 1 else jax.tree.map(lambda x: np.asarray(x[place : place + 1]), chunk)


def _size(replicas: Any) -> int:
    return jax.tree.leaves(replicas)[0].shape[0]


def split(placement: Placement, replicas: Any) -> Batch:
    """Cut a pytree with the replica as leading axis into chunks (CPU), or into calls sharded over the devices.

    What fills a single chunk is that chunk, not a copy.
    """
    size = _size(replicas)
    places = _places(placement, size)
    if len(places) > 1:
        replicas = jax.tree.map(_on_host, replicas)
    alone = len(places) == 1 and size == len(places[0])
    cuts = [slice(p[0], p[-1] + 1) if p[-1] - p[0] == len(p) - 1 else p for p in places]  # a slice is no copy
    chunks = [replicas] if alone else [jax.tree.map(lambda x, cut=cut: x[cut], replicas) for cut in cuts]
    return Batch(_sharded(placement, chunks), size)


def owned(batch: Batch) -> Batch:
    """The batch with its NumPy arrays, which may be views, copied to the devices: no call has to copy them again."""
    for n, chunk in enumerate(batch.chunks):
        batch.chunks[n] = jax.tree.map(lambda x: jnp.array(x) if isinstance(x, np.ndarray) else x, chunk)
    return batch


ALIGNED = 64
"""Compiled functions copy NumPy arrays that do not begin at a multiple of so many bytes, and read others in place."""


def copied(x: np.ndarray | Array) -> np.ndarray:
    """A copy in NumPy that compiled functions on a CPU read in place."""
    buffer = np.empty(x.nbytes + ALIGNED, np.uint8)
    begin = -buffer.ctypes.data % ALIGNED
    copy = buffer[begin : begin + x.nbytes].view(x.dtype).reshape(x.shape)
    copy[...] = x
    return copy


def gathered(placement: Placement, batches: Sequence[Any], which: np.ndarray, place: np.ndarray) -> Batch:
    """Replicas `place[n]` of `batches[which[n]]`, n = 0, 1, ..., as a batch of arrays in NumPy: nothing is compiled.

    Where a call holds a single replica, it is a view of those in `batches`, not a copy.
    """

    def chunk(places: np.ndarray) -> Any:
        def pick(*x: Any) -> np.ndarray:
            arrays = list(map(np.asarray, x))
            parts = [arrays[which[n]][place[n]][None] for n in places]
            return parts[0] if len(parts) == 1 else np.concatenate(parts)

        return jax.tree.map(pick, *batches)

    chunks = [chunk(places) for places in _places(placement, len(which))]
    return Batch(_sharded(placement, chunks), len(which))


def _places(placement: Placement, size: int) -> np.ndarray:
    """Which of so many replicas go into each call, (call, place); the last one fills the last call."""
    step = placement.chunk or placement.each * len(jax.local_devices(backend=placement.platform))
    return np.minimum(np.arange(-(-size // step) * step), size - 1).reshape(-1, step)


def _sharded(placement: Placement, chunks: list[Any]) -> list[Any]:
    """The chunks, spread over the devices where there are several."""
    devices = jax.local_devices(backend=placement.platform)
    if placement.chunk is not None or len(devices) == 1:
        return chunks
    sharding = NamedSharding(Mesh(np.array(devices), ("replica",)), PartitionSpec("replica"))
    return [jax.device_put(chunk, sharding) for chunk in chunks]


def _on_host(x: Any) -> Any:
    """`x` as a NumPy array, which is quick to index; keys have no NumPy type and stay."""
    return x if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else np.asarray(x)


def for_chunks(placement: Placement, function: Callable, *batches: Batch, then: tuple = ()) -> Batch:
    """`function(*chunk_of_each_batch, *then)` for every chunk, chunks in parallel on a CPU.

    The first chunk goes alone, so that one thread compiles.
    """
    columns = list(zip(*(b.chunks for b in batches), strict=True))

    def call(column: tuple) -> Any:
        return jax.block_until_ready(function(*column, *then))

    new = len(columns) > 1 and getattr(function, "_cache_size", lambda: 0)() == 0
    results = [call(columns.pop(0))] if new else []
    several = placement.chunk is not None and len(columns) > 1
    results += _threads().map(call, columns) if several else map(call, columns)
    return Batch(results, batches[0].size)


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    """One thread a core: XLA runs a chunk in the thread that calls it."""
    return ThreadPoolExecutor(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())
