"""Where trained networks are kept: a folder, or memory."""

import io
import zipfile
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from glassnet.store.durable import remove_left_over, whole


class Shelf:
    """Pytrees of arrays by name.

    Args:
        folder: where they lie, one file each, written whole or not at all; in memory if None.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._memory: dict[str, list[np.ndarray]] = {}
        if folder is not None:
            folder.mkdir(exist_ok=True)
            remove_left_over(folder, "*.npz")

    def put(self, name: str, tree: Any) -> None:
        """Keep a copy."""
        leaves = [np.array(leaf) for leaf in jax.tree.leaves(tree)]
        if self.folder is None:
            self._memory[name] = leaves
            return
        with whole(self.folder / f"{name}.npz") as part, part.open("wb") as file:
            np.savez(file, *leaves)

    def get(self, name: str, like: Any) -> Any:
        """What was kept; None if nothing was.

        Args:
            name: its name.
            like: a pytree of the same structure, whose leaves have shape and dtype.
        Raises:
            ValueError: if the file is damaged, or holds something else.
        """
        wanted, structure = jax.tree.flatten(like)
        leaves = self._memory.get(name) if self.folder is None else self._read(self.folder / f"{name}.npz")
        if leaves is None:
            return None
        if [(x.shape, x.dtype) for x in leaves] != [(x.shape, x.dtype) for x in wanted]:
            raise ValueError(f"The network {name} that was kept has other shapes; remove it, and it is trained anew.")
        return jax.tree.unflatten(structure, [jnp.asarray(leaf) for leaf in leaves])

    def drop(self, name: str) -> None:
        """Keep it no longer."""
        self._memory.pop(name, None)
        if self.folder is not None:
            (self.folder / f"{name}.npz").unlink(missing_ok=True)

    @staticmethod
    def _read(path: Path) -> list[np.ndarray] | None:
        if not path.is_file():
            return None
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
                return [file[f"arr_{n}"] for n in range(len(file.files))]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"File {path} is damaged ({error}); remove it, and it is made anew.") from error
