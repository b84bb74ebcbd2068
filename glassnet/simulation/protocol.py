"""When configurations are kept, cloned and measured."""

from dataclasses import dataclass

from glassnet.core.check import fail, integer, plain_fields
from glassnet.core.schedule import log_times

LAST_SWEEP = 2**31
"""Sweeps are counted in 32 bits."""


@dataclass(frozen=True)
class Protocol:
    """Samples, waiting times, clones and lags.

    The host of each sample runs from sweep 0 to the last waiting time. At each waiting time its configuration
    is copied into clones, each of which runs `sweeps` further with random numbers of its own. Observables are
    taken at log-spaced times of the hosts and log-spaced lags of the clones.

    Args:
        sweeps: sweeps that each clone runs, the largest lag, >= 1.
        waiting_times: sweeps after which the hosts are cloned, ascending.
        clones: copies of each host at each waiting time, >= 1.
        samples: independent initial conditions, >= 1.
        points_per_decade: measurements per decade of time or lag, >= 1.
        host_sweeps: sweeps that the hosts run, at least the last waiting time; just that if None.
    Raises:
        ValueError: if an argument is out of range, a waiting time lies beyond `host_sweeps`, or the last sweep of a
            host or a clone is not below 2**31.
    """

    sweeps: int = 1000
    waiting_times: tuple[int, ...] = (0, 10, 100, 1000)
    clones: int = 4
    samples: int = 4
    points_per_decade: int = 5
    host_sweeps: int | None = None

    def __post_init__(self) -> None:
        plain_fields(self)
        integer(1, sweeps=self.sweeps, clones=self.clones, samples=self.samples)
        integer(1, points_per_decade=self.points_per_decade)
        times = self.waiting_times
        if not isinstance(times, tuple) or not times:
            raise fail("waiting_times", "hold at least one sweep number", times)
        integer(0, **{f"waiting_times[{n}]": t for n, t in enumerate(times)})
        if any(a >= b for a, b in zip(times[:-1], times[1:], strict=True)):
            raise fail("waiting_times", "ascend", times)
        if self.host_sweeps is not None:
            integer(0, host_sweeps=self.host_sweeps)
            if times[-1] > self.host_sweeps:
                raise fail("waiting_times", f"not exceed the {self.host_sweeps} sweeps of the hosts", times)
        if self.last_host_sweep >= LAST_SWEEP:
            name = "waiting_times" if self.host_sweeps is None else "host_sweeps"
            raise fail(name, "stay below 2**31 sweeps", getattr(self, name))
        if times[-1] + self.sweeps >= LAST_SWEEP:
            raise fail("sweeps", "stay below 2**31 with the last waiting time", self.sweeps)

    @property
    def last_host_sweep(self) -> int:
        """Sweep at which the hosts stop."""
        return self.waiting_times[-1] if self.host_sweeps is None else self.host_sweeps

    def replicas(self, samples: int, temperatures: int) -> int:
        """Configurations that are held at once as the clones start: all clones, and the hosts that they are copies of.

        Args:
            samples: samples that are run together.
            temperatures: temperatures that are run together.
        """
        return samples * temperatures * len(self.waiting_times) * (self.clones + 1)

    @property
    def times(self) -> tuple[int, ...]:
        """Sweeps at which the hosts are measured: log-spaced, and every waiting time."""
        return tuple(sorted({*log_times(self.last_host_sweep, self.points_per_decade), *self.waiting_times}))

    @property
    def lags(self) -> tuple[int, ...]:
        """Lags at which the clones are measured, from 0 to `sweeps`."""
        return log_times(self.sweeps, self.points_per_decade)
