// Costs of gaps: what a negative gap adds to the energy, before the factor `strength`.
#pragma once

#include "vector.h"

namespace {

// Each cost adds v(gap) / strength of one vector of gaps to a running sum.
struct Quadratic {
  void add(Floats& total, Floats gap) const {
    Floats depth = negative_part(gap);
    total += depth * depth;
  }
  void take(Floats& total, Floats gap) const {
    Floats depth = negative_part(gap);
    total -= depth * depth;
  }
};

struct Linear {
  void add(Floats& total, Floats gap) const { total -= negative_part(gap); }
  void take(Floats& total, Floats gap) const { total += negative_part(gap); }
};

struct Count {
  void add(Floats& total, Floats gap) const { total -= converted(gap < Floats{}); }
  void take(Floats& total, Floats gap) const { total += converted(gap < Floats{}); }
};

// Any other exponent: powers of two and up by products, the rest through logarithm and exponential.
struct Power {
  float exponent;

  void add(Floats& total, Floats gap) const {
    Ints violated = gap < Floats{};
    if (!any(violated)) return;
    Floats depth = select(violated, -gap, floats(1.0f));
    total += select(violated, raised(depth), Floats{});
  }

  void take(Floats& total, Floats gap) const {
    Floats cost{};
    add(cost, gap);
    total -= cost;
  }

  Floats raised(Floats depth) const {
    const int whole = int(exponent);
    if (whole == exponent && whole <= 8) {
      Floats product = depth;
      for (int n = 1; n < whole; n++) product *= depth;
      return product;
    }
    return exponential_of(exponent * logarithm(depth));
  }
};

enum class Kind : int32_t { quadratic, linear, count, power };

struct Potential {
  Kind kind;
  float strength, margin, exponent;
};

// Calls f with the cost of the potential.
template <class F>
INLINE auto with_cost(const Potential& v, F f) {
  switch (v.kind) {
    case Kind::quadratic: return f(Quadratic{});
    case Kind::linear: return f(Linear{});
    case Kind::count: return f(Count{});
    default: return f(Power{v.exponent});
  }
}

}  // namespace
