"""The share of a run that falls to one of several processes."""

from dataclasses import dataclass

from glassnet.core.check import fail, integer


@dataclass(frozen=True)
class Share:
    """A block of samples and a block of temperatures: what one part of a run computes.

    Attributes:
        part: number of the part, from 0.
        parts: number of parts of the whole run.
        samples: samples of the block, as numbered in the whole run.
        temperatures: temperatures of the block, as numbered in the whole run.
    """

    part: int
    parts: int
    samples: range
    temperatures: range


def share(part: int, parts: int, samples: int, temperatures: int) -> Share:
    """The share of one part of a run, a rectangle of samples and temperatures.

    Samples are split into as many blocks as divide `parts`, temperatures into the rest; blocks are contiguous and
    differ by one at most. Later parts go along the temperatures first.

    Args:
        part: number of the part, 0 <= part < parts.
        parts: number of parts.
        samples: samples of the run.
        temperatures: temperatures of the run.
    Raises:
        ValueError: if `part` is out of range, or the run cannot be split into so many rectangles.
    """
    integer(1, parts=parts)
    integer(0, part=part)
    if part >= parts:
        raise fail("part", f"be below the number of parts, {parts}", part)
    rows = max(n for n in range(1, min(samples, parts) + 1) if parts % n == 0)
    columns = parts // rows
    if columns > temperatures:
        have = f"{samples} samples and {temperatures} temperatures"
        raise fail("parts", f"split into blocks of samples times blocks of temperatures, at most {have}", parts)
    row, column = divmod(part, columns)
    return Share(part, parts, _block(row, rows, samples), _block(column, columns, temperatures))


def _block(index: int, blocks: int, size: int) -> range:
    """The block `index` of `size` things in order, cut into `blocks` as even as can be."""
    return range(index * size // blocks, (index + 1) * size // blocks)
