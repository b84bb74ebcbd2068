"""Numbers, durations and lists of layers in words."""

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import SupportsFloat

SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(x: float, digits: int = 3) -> str:
    """A number with some significant digits; a dash for NaN, powers of ten for what is very large or small."""
    if math.isnan(x):
        return "–"
    if math.isinf(x):
        return "∞" if x > 0 else "−∞"
    if x and not 1e-4 <= abs(x) < 1e6:
        mantissa, power = f"{x:.{digits - 1}e}".split("e")
        return _minus(f"{mantissa} × 10{str(int(power)).translate(SUPERSCRIPT)}")
    places = digits - 1 - math.floor(math.log10(abs(x))) if x else 0
    return _minus(f"{x:.{max(places, 0)}f}")


def with_error(mean: float, error: float) -> str:
    """Mean ± error, both to the second significant digit of the error; the mean alone where there is no error."""
    if not (math.isfinite(mean) and math.isfinite(error)):
        return number(mean)
    power = math.floor(math.log10(max(abs(mean), error))) if mean or error else 0
    if -3 < power < 6:
        return _minus(_pair(mean, error))
    return _minus(f"({_pair(mean / 10.0**power, error / 10.0**power)}) × 10{str(power).translate(SUPERSCRIPT)}")


def _pair(mean: float, error: float) -> str:
    """Mean ± error to the second digit of the error, at most ten digits behind the point."""
    places = min(max(1 - math.floor(math.log10(error)), 0), 10) if error > 0 else 3
    return f"{mean:.{places}f} ± {error:.{places}f}" if error > 0 else f"{mean:.{places}f} ± 0"


def _minus(text: str) -> str:
    return text.replace("-", "−")


def count(n: SupportsFloat) -> str:
    """A whole number with thin spaces between thousands."""
    return f"{round(float(n)):,}".replace(",", "\u202f")


def lag_in_words(tau: float, lags: Iterable[SupportsFloat]) -> str:
    """A relaxation time to two digits; "> longest lag" for NaN, "< shortest lag" below the first one above 0."""
    measured = sorted(map(float, lags))
    first = next((t for t in measured if t > 0), 0.0)
    if math.isnan(tau):
        return f"> {count(measured[-1])}"
    return f"< {count(first)}" if tau < first else count(tau) if tau >= 10 else number(tau, 2)


def percent(x: float) -> str:
    """A fraction in percent, two significant digits at least; never rounded to 100 % before it is whole."""
    if math.isnan(x):
        return "–"
    if 99.9 < 100 * x < 100:
        return "> 99.9 %"
    return f"{100 * x:.0f} %" if x == 0 or 100 * x >= 10 else f"{number(100 * x, 2)} %"


def duration(seconds: float) -> str:
    """Seconds in the two largest units that fit: 3 h 50 min, 2 d 4 h, 28.5 s."""
    if not math.isfinite(seconds):
        return "–"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    units = {"d": 86400, "h": 3600, "min": 60, "s": 1}
    rest, parts = round(seconds), []
    for unit, size in units.items():
        whole, rest = divmod(rest, size)
        if whole or parts:
            parts.append(f"{whole} {unit}")
    return " ".join(parts[:2])


def moment(text: str) -> str:
    """A time in ISO format as 2026-11-22 15:53:54 UTC; text that is no time as it is."""
    try:
        return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return text


def layers(numbers: Iterable[int]) -> str:
    """Layers in words: layer 3, or layers 1–3 and 5."""
    runs = _runs(sorted({int(n) for n in numbers}))
    words = [str(a) if a == b else f"{a}–{b}" if b > a + 1 else f"{a} and {b}" for a, b in runs]
    several = len(runs) > 1 or (len(runs) == 1 and runs[0][0] != runs[0][1])
    return f"layer{'s' if several else ''} {listed(' and '.join(words).split(' and '))}"


def _runs(ascending: list[int]) -> list[tuple[int, int]]:
    """First and last of each run of consecutive numbers."""
    starts = [n for n in ascending if n - 1 not in ascending]
    ends = [n for n in ascending if n + 1 not in ascending]
    return list(zip(starts, ends, strict=True))


def listed(words: Sequence[str]) -> str:
    """Words with commas, and an "and" before the last."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
