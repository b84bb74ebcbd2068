// Costs of gaps: what a gap adds to the energy, before the factor `strength`. A gap of infinity costs nothing: it pads.
#pragma once

#include "layer.h"
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
  void add(Floats& total, Floats gap) const { total += select(gap < Floats{}, floats(1.0f), Floats{}); }
  void take(Floats& total, Floats gap) const { total -= select(gap < Floats{}, floats(1.0f), Floats{}); }
};

// Any other exponent: powers of two and up by products, the rest through logarithm and exponential.
struct Power {
  float exponent;

  __attribute__((always_inline)) void add(Floats& total, Floats gap) const {
    Ints violated = gap < Floats{};
    if (!any(violated)) return;
    Floats depth = select(violated, -gap, floats(1.0f));
    total += select(violated, raised(depth), Floats{});
  }

  __attribute__((always_inline)) void take(Floats& total, Floats gap) const {
    Floats cost{};
    add(cost, gap);
    total -= cost;
  }

  __attribute__((always_inline)) Floats raised(Floats depth) const {
    const int whole = int(exponent);
    if (whole == exponent && whole <= 8) {
      Floats product = depth;
      for (int n = 1; n < whole; n++) product *= depth;
      return product;
    }
    return exponential_of(exponent * logarithm(depth));
  }
};

// -ln Phi(gap / width), Phi the normal distribution function. Relative error: below 1e-6 (2.5e-6 without fused
// multiply-add) for gaps below 2 widths, 5e-6 up to 12.5 widths, where less than 4e-36 is left and taken for 0.
//
// With t = |gap| / width, Phi(-t) = exp(-t^2/2) g(t), and g(t) = s p(s), s = 1/(1 + t/4), p fitted to an error of 4e-8.
// So the cost is t^2/2 - ln g left of 0, and -ln(1 - exp(-t^2/2) g) right of it.
struct Probit {
  float scale;  // 1 / width

  __attribute__((always_inline)) void add(Floats& total, Floats gap) const { total += cost(gap); }
  __attribute__((always_inline)) void take(Floats& total, Floats gap) const { total -= cost(gap); }

  __attribute__((always_inline)) Floats cost(Floats gap) const {
    const Floats x = gap * scale, t = as_floats(as_words(x) & ~SIGN), s = 1.0f / (1.0f + 0.25f * t);
    const Ints right = x > 0.0f;
    Floats p = floats(1.9782265028e-02f);
    p = p * s - 8.0878446824e-02f;
    p = p * s + 9.5599193053e-02f;
    p = p * s - 3.1719647993e-02f;
    p = p * s + 6.3700373657e-02f;
    p = p * s + 5.8974700375e-02f;
    p = p * s + 8.1603201982e-02f;
    p = p * s + 9.3466344937e-02f;
    p = p * s + 9.9736432135e-02f;
    p = p * s + 9.9735566715e-02f;
    const Floats g = p * s, half = 0.5f * t * t;
    const Floats missing = select(t < 12.5f, exponential_of(-half) * g, Floats{});  // 1 - Phi(t)
    const Floats rest = 1.0f - missing, rounding = (1.0f - rest) - missing;
    const Floats log = logarithm(select(right, rest, g));
    return select(right, -rounding, half) - log;
  }
};

// ln(1 + exp(-gap / width)). Relative error: below 1e-6 for gaps below 80 widths; from 87 on less than 2e-38 is left and
// taken for 0.
struct LogisticCost {
  float scale;  // 1 / width

  __attribute__((always_inline)) void add(Floats& total, Floats gap) const { total += cost(gap); }
  __attribute__((always_inline)) void take(Floats& total, Floats gap) const { total -= cost(gap); }

  __attribute__((always_inline)) Floats cost(Floats gap) const {
    const Floats x = gap * scale, t = as_floats(as_words(x) & ~SIGN);
    const Floats e = select(t < 87.0f, exponential_of(-t), Floats{});
    const Floats one = 1.0f + e, rounding = e - (one - 1.0f);
    return select(x > 0.0f, Floats{}, t) + (logarithm(one) + rounding);
  }
};

enum class Kind : int32_t { quadratic, linear, count, power, probit, logistic };

struct Potential {
  Kind kind;
  float strength, margin, shape;  // shape: exponent of a power, 1 / width of a probit or a logistic
};

// Calls f with the cost of the potential.
template <class F>
INLINE auto with_cost(const Potential& v, F f) {
  switch (v.kind) {
    case Kind::quadratic: return f(Quadratic{});
    case Kind::linear: return f(Linear{});
    case Kind::count: return f(Count{});
    case Kind::probit: return f(Probit{v.shape});
    case Kind::logistic: return f(LogisticCost{v.shape});
    default: return f(Power{v.shape});
  }
}

// The costs of many gaps, less the margin, times the strength; for tests.
void costs(const PotentialSpec& spec, const float* gaps, int count, float* out) {
  const Potential v{Kind(spec.kind), spec.strength, spec.margin, spec.shape};
  with_cost(v, [&](auto cost) {
    for (int first = 0; first < count; first += LANES) {
      const int lanes = count - first < LANES ? count - first : LANES;
      Floats total{};
      cost.add(total, load_part<Floats>(gaps + first, lanes) - v.margin);
      store_part(out + first, total * v.strength, lanes);
    }
  });
}

// Sum of the costs of many neurons at their spins, in double precision from one block to the next.
double energy(const PotentialSpec& spec, const float* fields, const int8_t* own, size_t count) {
  constexpr size_t BLOCK = 4096;
  const Potential v{Kind(spec.kind), spec.strength, spec.margin, spec.shape};
  return with_cost(v, [&](auto cost) {
    double whole = 0;
    for (size_t first = 0; first < count; first += BLOCK) {
      const size_t last = count - first < BLOCK ? count : first + BLOCK;
      Floats total[4];
      for (Floats& t : total) t = Floats{};
      const auto add = [&](size_t n, Floats& t) __attribute__((always_inline)) {
        const Words spin = (Words)widened(load<Bytes>(own + n));
        cost.add(t, flipped(load<Floats>(fields + n), spin) - v.margin);
      };
      size_t n = first;
      for (; n + 4 * LANES <= last; n += 4 * LANES)
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++) add(n + k * LANES, total[k]);
      for (; n + LANES <= last; n += LANES) add(n, total[0]);
      if (n < last) {
        Floats gap = floats(__builtin_inff());  // padding costs nothing
        for (int k = 0; n + k < last; k++) gap[k] = own[n + k] * fields[n + k] - v.margin;
        cost.add(total[0], gap);
      }
      whole += double(sum((total[0] + total[1]) + (total[2] + total[3])) * v.strength);
    }
    return whole;
  });
}

}  // namespace
