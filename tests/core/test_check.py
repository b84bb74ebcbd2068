import numpy as np
import pytest

from glassnet.core import check


@pytest.mark.parametrize(("call", "message"), [
    (lambda: check.finite(margin=float("inf")), "Argument `margin` must be a finite number, but is inf."),
    (lambda: check.finite(margin="1"), "Argument `margin` must be a finite number, but is '1'."),
    (lambda: check.finite(margin=True), "Argument `margin` must be a finite number, but is True."),
    (lambda: check.positive(a=1, alpha=-0.1), "Argument `alpha` must be a positive finite number, but is -0.1."),
    (lambda: check.positive(alpha=0), "Argument `alpha` must be a positive finite number, but is 0."),
    (lambda: check.integer(2, depth=1), "Argument `depth` must be an integer of at least 2, but is 1."),
    (lambda: check.integer(2, depth=3.0), "Argument `depth` must be an integer of at least 2, but is 3.0."),
    (lambda: check.integer(0, depth=True), "Argument `depth` must be an integer of at least 0, but is True."),
    (lambda: check.one_of(("a", "b"), rule="c"), "Argument `rule` must be one of 'a', 'b', but is 'c'."),
    (lambda: check.one_of(("a", "b"), rule=["a"]), "Argument `rule` must be one of 'a', 'b', but is ['a']."),
])  # fmt: skip
def test_one_clear_error(call, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        call()
    assert str(error.value) == message


def test_good_values_pass():
    check.finite(a=1, b=np.float32(2), c=-3.5)
    check.positive(a=1, b=np.float64(0.1))
    check.integer(0, a=np.int32(0), b=7)
    check.one_of({"x": 1}, a="x")
