"""How far a number of the theory is to be believed: one of three words on every curve and every result.

exact: proved for machines of any size growing to infinity, or without approximation.
dense limit: what replicas give for N >> c >> 1 (fully connected: N -> infinity) where nothing more is assumed: the
    exact closure, where replica symmetry is stable or holds by itself (a teacher: Nishimori). Not proved.
heuristic: more is assumed, which is known or suspected to fail: the factorised closure of two layers or more, replica
    symmetry where it is unstable or not tested, finitely many steps of breaking, loads above the rigorous bound on the
    capacity, conjectures.

The word is about the equations. Of two branches that solve them, that of the larger free entropy is the equilibrium.
"""

from collections.abc import Iterable

EXACT, DENSE, HEURISTIC = LABELS = ("exact", "dense limit", "heuristic")
"""From what is proved to what is guessed."""


def weakest(labels: Iterable[str]) -> str:
    """The label of numbers that are shown together: that of the least certain one.

    Args:
        labels: at least one of `LABELS`.
    """
    return max(labels, key=LABELS.index)
