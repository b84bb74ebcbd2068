"""What a report says of the model and its moves."""

import json

import pytest
from report.runs import demo

import glassnet as gn
from glassnet.perceptron.describe import described
from glassnet.report.moves import moves
from glassnet.report.source import run_of


def said(machine, dynamics):
    """The section of a run of a machine."""
    ds = demo().assign_attrs(machine=json.dumps(described(machine)), dynamics=dynamics)
    return str(moves(run_of(ds, "run.nc")).body)


@pytest.mark.parametrize(("machine", "dynamics", "words"), [
    (gn.Machine(3, 4, potential=gn.SoftCore(1.5, 2.0, margin=0.1)), "metropolis",
     ["v(r) = 2 (−r)^1.5", "− 0.1", "turned by the angle d x", "min(1, exp(−β ΔH))", "layers 1, 3, …"]),
    (gn.Machine(3, 4, ensemble="ising", potential=gn.Counting()), "heat_bath",
     ["v(r) = 1 for r &lt; 0", "J′ = −J, one weight of a row after the other, accepted with probability 1/(1"]),
    (gn.Machine(3, 4, ensemble="gaussian", potential=gn.Probit(0.7)), "heat_bath",
     ["−ln Φ(r/0.7)", "√(1 + d²), x Gaussian, one weight of a row after the other (d = 0.3), accepted with probability "
      "min(1", "S′ = −S, accepted with probability 1/(1"]),
    (gn.Machine(3, 4, potential=gn.Logistic(0.7)), "metropolis", ["v(r) = ln(1 + exp(−r/0.7))"]),
    (gn.Machine(3, 4, potential=gn.HardCore()), "feedforward", ["v(r) = ∞ for r &lt; 0", "the neurons follow"]),
    (gn.Machine(3, 4), "heat_bath+gauge+rows+collapsed",
     ["S′ = −S, accepted with probability 1/(1", "and J_{l+1,ki}", "V a random tangent", "by Metropolis on the"]),
    (gn.Machine(3, 4), "metropolis+permute", ["all orders equally likely"]),
    (gn.Machine(3, 4), "box:build", ["The moves are those of box:build."]),
])  # fmt: skip
def test_formulas_are_those_of_the_machine(machine, dynamics, words):
    found = said(machine, dynamics)
    for part in words:
        assert part in found, found
    assert ("Neurons:" in found) == dynamics.startswith(("metropolis", "heat_bath"))
