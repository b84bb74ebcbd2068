// Costs of gaps: what a gap adds to the energy, before the factor `strength`. A gap of infinity costs nothing: it pads.
#pragma once

#include "layer.h"
#include "vector.h"

#define INLINED inline __attribute__((always_inline))

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

// Any of these, told apart at every gap: beside targets, where each cost of its own would make the library large.
struct Any {
  Potential v;

  INLINED void add(Floats& total, Floats gap) const {
    if (v.kind == Kind::quadratic) Quadratic{}.add(total, gap);
    else if (v.kind == Kind::linear) Linear{}.add(total, gap);
    else total += other(v, gap);
  }

  INLINED void take(Floats& total, Floats gap) const {
    Floats cost{};
    add(cost, gap);
    total -= cost;
  }

  static __attribute__((noinline)) Floats other(const Potential& v, Floats gap) {
    Floats total{};
    with_cost(v, [&](auto cost) { cost.add(total, gap); });
    return total;
  }
};

// 2^t for t <= 0, relative error 2e-7; taken for 2^-126 below.
INLINE Floats power_of_two(Floats t) {
  t = select(t > -126.0f, t, floats(-126.0f));
  const Floats shifted = t + 12582912.0f;  // the lowest bits are the nearest whole number
  const Floats f = t - (shifted - 12582912.0f);
  Floats p = floats(1.3276469058e-03f);
  p = p * f + 9.6755413112e-03f;
  p = p * f + 5.5507132826e-02f;
  p = p * f + 2.4022119724e-01f;
  p = p * f + 6.9314696706e-01f;
  p = p * f + 1.0000000717e+00f;
  return as_floats(as_words(p) + (as_words(shifted) << 23));
}

INLINE Floats size_of(Floats x) { return as_floats(as_words(x) & ~SIGN); }

// ln cosh x, up to 1.2 a series in x^2, beyond |x| + ln(1 + exp(-2|x|)) - ln 2.
INLINE Floats log_cosh(Floats x) {
  const Floats size = size_of(x), square = x * x;
  Floats near = floats(5.7880569726e-05f);
  near = near * square - 4.6144249868e-04f;
  near = near * square + 1.9596196156e-03f;
  near = near * square - 6.6429996942e-03f;
  near = near * square + 2.2199150275e-02f;
  near = near * square - 8.3331355803e-02f;
  near = (near * square + 4.9999997200e-01f) * square;
  const Ints far = size >= 1.2f;
  if (!any(far)) return near;
  const Floats whole = 1.0f + power_of_two(-2.885390082f * size);
  return select(far, size + (logarithm(whole) - 0.69314718056f), near);
}

// Costs of outputs that have targets. A gap comes with its target, m times the spin, and with a floor of the cost. What
// they add up has a type of its own, `Sum`; `value` is the cost so far, up to a constant. Padding has gaps of PADDING and
// targets of 1, and adds nothing.
constexpr float PADDING = 1e6f, ALMOST = 1e5f;

// Soft targets at low temperatures: sum_k ln(1 + z_k) is the logarithm of a product. It grows by a factor of 2 at most
// with every term, and is folded in time: after 30 terms where four of them are added at the end.
template <class Cost>
struct Soft {
  struct Sum {
    Floats own{}, linear{}, product = floats(1.0f);

    Sum operator+(const Sum& other) const {
      return {own + other.own, linear + other.linear, product * other.product};
    }
  };

  Cost cost;
  float keep, pull, scale, margin;  // 1 - lambda, lambda tau^2 / strength, 1 / tau

  INLINED void add(Sum& sum, Floats gap, Floats mean, Floats floor = Floats{}) const {
    cost.add(sum.own, gap);
    const Floats x = (gap + margin) * scale, size = size_of(x);
    sum.linear += (size - mean * x) + floor;
    sum.product += sum.product * power_of_two(-2.885390082f * size);
  }

  INLINED void fold(Sum& sum) const {
    sum.linear += logarithm(sum.product);
    sum.product = floats(1.0f);
  }

  INLINED Floats value(const Sum& sum) const {
    return keep * sum.own + pull * (sum.linear + logarithm(sum.product));
  }

  static constexpr float CONSTANT = 0.69314718056f;  // what `value` has too much with every term
};

// Soft targets at high temperatures, where small differences of large terms matter.
template <class Cost>
struct Spring {
  struct Sum {
    Floats own{}, linear{};

    Sum operator+(const Sum& other) const { return {own + other.own, linear + other.linear}; }
  };

  Cost cost;
  float keep, pull, scale, margin;

  INLINED void add(Sum& sum, Floats gap, Floats mean, Floats floor = Floats{}) const {
    cost.add(sum.own, gap);
    const Floats x = (gap + margin) * scale;
    sum.linear += select(gap < ALMOST, (log_cosh(x) - mean * x) + floor, Floats{});
  }

  INLINED void fold(Sum&) const {}
  INLINED Floats value(const Sum& sum) const { return keep * sum.own + pull * sum.linear; }
  static constexpr float CONSTANT = 0.0f;
};

// The parents' spins as labels: (1 + m)/2 of them agree with the label.
template <class Cost>
struct Hard {
  struct Sum {
    Floats own{}, told{};

    Sum operator+(const Sum& other) const { return {own + other.own, told + other.told}; }
  };

  Cost cost;
  float keep, pull, scale, margin;  // 1 - lambda, lambda

  INLINED void add(Sum& sum, Floats gap, Floats mean, Floats = Floats{}) const {
    Floats own{}, other{};
    cost.add(own, gap);
    cost.add(other, -gap - 2.0f * margin);
    sum.own += own;
    sum.told += select(gap < ALMOST, 0.5f * ((1.0f + mean) * own + (1.0f - mean) * other), Floats{});
  }

  INLINED void fold(Sum&) const {}
  INLINED Floats value(const Sum& sum) const { return keep * sum.own + pull * sum.told; }
  static constexpr float CONSTANT = 0.0f;
};

template <class Mix>
struct Aimed : Mix {
  // The cost of a single gap, added or taken off.
  INLINED void add_one(Floats& total, Floats gap, Floats mean, Floats floor = Floats{}) const {
    total += one(gap, mean, floor);
  }
  INLINED void take_one(Floats& total, Floats gap, Floats mean) const { total -= one(gap, mean, Floats{}); }

 private:
  INLINED Floats one(Floats gap, Floats mean, Floats floor) const {
    typename Mix::Sum sum;
    this->add(sum, gap, mean, floor - Mix::CONSTANT);
    return this->value(sum);
  }
};

// Whether a cost asks for targets, and what its costs add up to.
template <class Cost>
constexpr bool is_aimed = false;
template <class Mix>
constexpr bool is_aimed<Aimed<Mix>> = true;

template <class Cost>
struct SumOf_ {
  using type = Floats;
};
template <class Mix>
struct SumOf_<Aimed<Mix>> {
  using type = typename Mix::Sum;
};
template <class Cost>
using SumOf = typename SumOf_<Cost>::type;

template <class Cost>
INLINED Floats value_of(const Cost& cost, const SumOf<Cost>& sum) {
  if constexpr (is_aimed<Cost>) return cost.value(sum);
  else return sum;
}

template <class Cost>
INLINED Floats value_of_four(const Cost& cost, const SumOf<Cost> (&sum)[4]) {
  return value_of(cost, (sum[0] + sum[1]) + (sum[2] + sum[3]));
}

// From this temperature on, targets are springs.
constexpr float HOT = 4.0f;

// Calls f with the cost of the potential, mixed with that of the targets if there are any.
template <class F>
INLINE auto with_cost(const Potential& v, const TargetSpec& targets, F f) {
  if (!targets.means) return with_cost(v, f);
  const float keep = 1.0f - targets.weight, tau = targets.temperature;
  const float pull = targets.weight * tau * tau / v.strength;
  const auto mixed = [&](auto cost) {
    using Cost = decltype(cost);
    if (tau >= HOT) return f(Aimed<Spring<Cost>>{{cost, keep, pull, 1.0f / tau, v.margin}});
    if (tau > 0.0f) return f(Aimed<Soft<Cost>>{{cost, keep, pull, 1.0f / tau, v.margin}});
    return f(Aimed<Hard<Cost>>{{cost, keep, targets.weight, 0.0f, v.margin}});
  };
  return v.kind == Kind::count ? mixed(Count{}) : mixed(Any{v});
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
double energy(const PotentialSpec& spec, const TargetSpec& targets, const float* fields, const int8_t* own,
              size_t count) {
  constexpr size_t BLOCK = 4096;
  const Potential v{Kind(spec.kind), spec.strength, spec.margin, spec.shape};
  return with_cost(v, targets, [&](auto cost) {
    using Cost = decltype(cost);
    double whole = 0;
    for (size_t first = 0; first < count; first += BLOCK) {
      const size_t last = count - first < BLOCK ? count : first + BLOCK;
      Floats total[4];
      for (Floats& t : total) t = Floats{};
      const auto add = [&](size_t n, Floats& t) __attribute__((always_inline)) {
        const Words spin = (Words)widened(load<Bytes>(own + n));
        const Floats gap = flipped(load<Floats>(fields + n), spin) - v.margin;
        if constexpr (is_aimed<Cost>)
          cost.add_one(t, gap, flipped(load<Floats>(targets.means + n), spin), load<Floats>(targets.floors + n));
        else cost.add(t, gap);
      };
      size_t n = first;
      for (; n + 4 * LANES <= last; n += 4 * LANES)
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++) add(n + k * LANES, total[k]);
      for (; n + LANES <= last; n += LANES) add(n, total[0]);
      if (n < last) {
        Floats gap = floats(is_aimed<Cost> ? PADDING : __builtin_inff());  // padding costs nothing
        for (int k = 0; n + k < last; k++) gap[k] = own[n + k] * fields[n + k] - v.margin;
        if constexpr (is_aimed<Cost>) {
          Floats mean = floats(1.0f), floor = floats(Cost::CONSTANT);
          for (int k = 0; n + k < last; k++) {
            mean[k] = own[n + k] * targets.means[n + k];
            floor[k] = targets.floors[n + k];
          }
          cost.add_one(total[0], gap, mean, floor);
        } else {
          cost.add(total[0], gap);
        }
      }
      whole += double(sum((total[0] + total[1]) + (total[2] + total[3])) * v.strength);
    }
    return whole;
  });
}

}  // namespace
