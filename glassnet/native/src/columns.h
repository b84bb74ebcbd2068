// Sweeps of spins: the neurons of a pattern one after another, patterns side by side in the lanes.
#pragma once

#include "layer.h"
#include "numbers.h"
#include "potential.h"

namespace {

// Vectors of patterns handled together, which share every weight that is read: many of them where the fields of so
// many patterns stay in the nearest cache, or where it is the list of targets that costs.
constexpr int FEW = 2, MANY = 4;
constexpr int SHORT_LAYER = 96;

int spin_block(const SpinLayer& layer) {
  return (layer.targets || layer.fed <= SHORT_LAYER ? MANY : FEW) * LANES;
}

// Memory of one thread for a block of patterns: leading axis neuron (own or fed), then the lanes of the block.
struct ColumnScratch {
  float *threshold, *fields;
  uint32_t* signs;

  ColumnScratch(const SpinLayer& layer, int block, char* memory) {
    threshold = (float*)memory;
    fields = threshold + size_t(layer.neurons + 1) * block;
    signs = (uint32_t*)(fields + size_t(layer.fed) * block + APART);
  }

  static size_t bytes(const SpinLayer& layer) {
    return 4 * (size_t(spin_block(layer)) * (layer.neurons + 1 + 2 * size_t(layer.fed)) + APART);
  }

 private:
  // Keeps a field and its sign at different places of their pages: what reads the one need not wait for the other.
  static constexpr size_t APART = 528;
};

template <class Cost, int WIDE>
class ColumnSweep {
  static constexpr int BLOCK = WIDE * LANES;

 public:
  ColumnSweep(const SpinLayer& layer, Cost cost, int first, int patterns, char* memory)
      : layer(layer), cost(cost), first(first), patterns(patterns), scratch(layer, BLOCK, memory) {}

  int64_t run() {
    const Key key{layer.key.a, layer.key.b};
    const Draws draws{key, layer.neurons, layer.patterns};
    if (layer.coin) draw<Logistic>(draws);
    else draw<Exponential>(draws);
    open();
    const int64_t accepted = layer.potential.margin == 0 ? scanned<false>() : scanned<true>();
    close();
    return accepted;
  }

 private:
  template <bool MARGIN>
  int64_t scanned() { return layer.targets ? scan_targets<MARGIN>() : scan<MARGIN>(); }

  int left(int g) const {
    const int n = patterns - g * LANES;
    return n < 0 ? 0 : n < LANES ? n : LANES;
  }

  template <class V, class T>
  inline V read(const T* from, int g) const {
    return left(g) == LANES ? load<V>(from + g * LANES) : load_part<V>(from + g * LANES, left(g));
  }

  template <class V, class T>
  inline void write(T* to, int g, V x) const {
    if (left(g) == LANES) store(to + g * LANES, x);
    else store_part(to + g * LANES, x, left(g));
  }

  // Thresholds; no energy change is as low as those of the padding.
  template <class Numbers>
  void draw(const Draws& draws) {
    const float least = layer.coin ? 1e-30f : 0.0f;  // the coin's sign must survive T = 0
    const Floats never = floats(-__builtin_inff()), T = floats(layer.temperature > least ? layer.temperature : least);
    Ints lane;
    for (int k = 0; k < LANES; k++) lane[k] = k;
#pragma GCC unroll 1
    for (int g = 0; g < WIDE; g++) {
      const Ints inside = lane < left(g);
      float* out = scratch.threshold + g * LANES;
      draws.at<Numbers>(first + g * LANES,
                        [&](int j, Floats x) { store(out + size_t(j) * BLOCK, select(inside, T * x, never)); });
    }
  }

  void open() {
    for (int i = 0; i < layer.fed; i++)
      for (int g = 0; g < WIDE; g++) {
        const size_t at = size_t(i) * layer.patterns + first;
        store(scratch.fields + size_t(i) * BLOCK + g * LANES, read<Floats>(layer.fields + at, g));
        const Bytes above = read<Bytes>(layer.above + at, g);
        if (layer.targets) store(compact() + size_t(i) * BLOCK + g * LANES, above);
        else store(scratch.signs + size_t(i) * BLOCK + g * LANES, (Words)widened(above) & SIGN);
      }
  }

  // The spins above as bytes, where targets are picked out of order: so they stay in the nearest cache.
  int8_t* compact() const { return (int8_t*)scratch.signs; }

  void close() {
    for (int i = 0; i < layer.fed; i++)
      for (int g = 0; g < WIDE; g++)
        write(layer.fields + size_t(i) * layer.patterns + first, g,
              load<Floats>(scratch.fields + size_t(i) * BLOCK + g * LANES));
  }

  // The flip of neuron j: what its spins change by, and the energy change of their own gaps.
  inline void own_part(int j, Floats* change, Floats* energy) const {
    for (int g = 0; g < WIDE; g++) {
      const size_t at = size_t(j) * layer.patterns + first;
      const Floats spin = converted(widened(read<Bytes>(layer.spins + at, g)));
      const Floats own = spin * read<Floats>(layer.own_fields + at, g), margin = floats(layer.potential.margin);
      Floats before{}, after{};
      cost.add(before, own - margin);
      cost.add(after, -own - margin);
      change[g] = -2.0f * spin;
      energy[g] = (after - before) * layer.potential.strength;
    }
  }

  // Flip the accepted spins of neuron j; returns their number.
  inline int flip(int j, const Ints* yes) const {
    int8_t* spins = layer.spins + size_t(j) * layer.patterns + first;
    if (patterns == BLOCK) return flip_bytes<WIDE>(spins, yes);
    int count = 0;
    for (int g = 0; g < WIDE; g++) {
      const Bytes flips = narrowed(yes[g]);
      write(spins, g, (Bytes)((read<Bytes>(spins, g) ^ flips) - flips));
      count += count_of(yes[g]);
    }
    return count;
  }

  template <bool MARGIN>
  inline Floats gap(Floats field, const uint32_t* sign) const {
    const Floats r = as_floats(as_words(field) ^ load<Words>(sign));
    return MARGIN ? r - layer.potential.margin : r;
  }

  template <bool MARGIN, bool PENDING>
  static inline __attribute__((always_inline)) void offer(Cost cost, float margin, float* field, const uint32_t* sign,
                                                          Floats J, Floats change, Floats before, Floats pending,
                                                          Floats& total) {
    Floats u = load<Floats>(field);
    if (PENDING) {
      u += pending * before;
      store(field, u);
    }
    const Floats r = as_floats(as_words(u + change * J) ^ load<Words>(sign));
    cost.add(total, MARGIN ? r - margin : r);
  }

  // Cost of the offered flips of neuron j over all fed gaps. Accepted flips of the neuron before, `pending`, are
  // applied on the way if there are any.
  template <bool MARGIN, bool PENDING>
  inline void offered(const float* before, const Floats* pending, const float* J, const Floats* change,
                      Floats* out) const {
    constexpr int APIECE = WIDE == FEW ? 2 : 1;  // sums of each vector, as many as there are registers for
    Floats total[APIECE * WIDE];
    for (Floats& t : total) t = Floats{};
    const int fed = layer.fed;
    const float margin = layer.potential.margin;
    const Cost cost = this->cost;
    float* field = scratch.fields;
    const uint32_t* sign = scratch.signs;
    Floats flips[WIDE], late[WIDE];
    for (int g = 0; g < WIDE; g++) {
      flips[g] = change[g];
      late[g] = pending[g];
    }
    const auto row = [&](int i, int n, int place) __attribute__((always_inline)) {
      const Floats a = floats(J[i]), b = PENDING ? floats(before[i]) : a;
#pragma GCC unroll 4
      for (int g = 0; g < WIDE; g++)
        offer<MARGIN, PENDING>(cost, margin, field + n * BLOCK + g * LANES, sign + n * BLOCK + g * LANES, a, flips[g],
                               b, late[g], total[place * WIDE + g]);
    };
    int i = 0;
    for (; i + APIECE <= fed; i += APIECE, field += APIECE * BLOCK, sign += APIECE * BLOCK)
#pragma GCC unroll 2
      for (int n = 0; n < APIECE; n++) row(i + n, n, n);
    if (i < fed) row(i, 0, 0);
    for (int g = 0; g < WIDE; g++) {
      const Floats second = APIECE > 1 ? total[(APIECE - 1) * WIDE + g] : Floats{};
      out[g] = (total[g] + second) * layer.potential.strength;
    }
  }

  // A function of its own, whose registers no other code claims.
  template <bool MARGIN>
  __attribute__((noinline)) int64_t scan() {
    int64_t accepted = 0;
    Floats cost_now[WIDE] = {}, pending[WIDE] = {};
    for (int i = 0; i < layer.fed; i++)
      for (int g = 0; g < WIDE; g++)
        cost.add(cost_now[g], gap<MARGIN>(load<Floats>(scratch.fields + size_t(i) * BLOCK + g * LANES),
                                          scratch.signs + size_t(i) * BLOCK + g * LANES));
    for (int g = 0; g < WIDE; g++) cost_now[g] *= layer.potential.strength;
    const float* before = nullptr;
    for (int j = 0; j < layer.neurons; j++) {
      const float* J = layer.weights + size_t(j) * layer.fed;
      Floats change[WIDE], energy[WIDE], proposed[WIDE];
      own_part(j, change, energy);
      for (int g = 0; g < WIDE; g++) change[g] *= layer.scale;
      if (before) offered<MARGIN, true>(before, pending, J, change, proposed);
      else offered<MARGIN, false>(before, pending, J, change, proposed);
      Ints yes[WIDE];
      for (int g = 0; g < WIDE; g++) {
        yes[g] = proposed[g] - cost_now[g] + energy[g] <=
                 load<Floats>(scratch.threshold + size_t(j) * BLOCK + g * LANES);
        cost_now[g] = select(yes[g], proposed[g], cost_now[g]);
        pending[g] = select(yes[g], change[g], Floats{});
      }
      const int count = flip(j, yes);
      accepted += count;
      before = count ? J : nullptr;
    }
    if (before) apply(before, pending);
    return accepted;
  }

  void apply(const float* J, const Floats* pending) {
    for (int i = 0; i < layer.fed; i++)
      for (int g = 0; g < WIDE; g++) {
        float* field = scratch.fields + size_t(i) * BLOCK + g * LANES;
        store(field, load<Floats>(field) + pending[g] * J[i]);
      }
  }

  // As `scan`, where a neuron feeds a few targets only.
  template <bool MARGIN>
  __attribute__((noinline)) int64_t scan_targets() {
    int64_t accepted = 0;
    for (int j = 0; j < layer.neurons; j++) {
      const int32_t* targets = layer.targets + size_t(j) * layer.most_targets;
      const float* J = layer.outgoing + size_t(j) * layer.most_targets;
      Floats change[WIDE], energy[WIDE], before[WIDE], after[WIDE];
      own_part(j, change, energy);
      for (int g = 0; g < WIDE; g++) change[g] *= layer.scale;
      const int count = offered_to_targets<MARGIN>(targets, J, change, before, after);
      Ints yes[WIDE];
      for (int g = 0; g < WIDE; g++) {
        yes[g] = (after[g] - before[g]) * layer.potential.strength + energy[g] <=
                 load<Floats>(scratch.threshold + size_t(j) * BLOCK + g * LANES);
        change[g] = select(yes[g], change[g], Floats{});
      }
      const int flips = flip(j, yes);
      accepted += flips;
      for (int n = 0; flips && n < count; n++) {
        float* field = scratch.fields + size_t(targets[n]) * BLOCK;
        const Floats a = floats(J[n]);
        for (int g = 0; g < WIDE; g++) store(field + g * LANES, load<Floats>(field + g * LANES) + change[g] * a);
      }
    }
    return accepted;
  }

  // Costs of the targets' gaps without and with the offered flips; returns how many targets there are.
  template <bool MARGIN>
  inline int offered_to_targets(const int32_t* targets, const float* J, const Floats* change, Floats* before,
                                Floats* after) const {
    const Cost cost = this->cost;
    const float* fields = scratch.fields;
    const int8_t* signs = compact();
    const Floats margin = floats(layer.potential.margin);
    Floats flips[WIDE], old[WIDE], now[WIDE];
    for (int g = 0; g < WIDE; g++) {
      flips[g] = change[g];
      old[g] = now[g] = Floats{};
    }
    int n = 0;
#pragma GCC unroll 2
    for (; n < layer.most_targets && targets[n] < layer.fed; n++) {  // what is missing stands last
      const float* field = fields + size_t(targets[n]) * BLOCK;
      const int8_t* sign = signs + size_t(targets[n]) * BLOCK;
      const Floats a = floats(J[n]);
#pragma GCC unroll 4
      for (int g = 0; g < WIDE; g++) {
        const Floats u = load<Floats>(field + g * LANES);
        const Words s = signs_of(sign, g);
        const Floats r = as_floats(as_words(u) ^ s), v = as_floats(as_words(u + flips[g] * a) ^ s);
        cost.add(old[g], MARGIN ? r - margin : r);
        cost.add(now[g], MARGIN ? v - margin : v);
      }
    }
    for (int g = 0; g < WIDE; g++) {
      before[g] = old[g];
      after[g] = now[g];
    }
    return n;
  }

  // The signs of vector g of a row of bytes.
  static inline Words signs_of(const int8_t* row, int g) {
    return (Words)widened(load<Bytes>(row + g * LANES)) & SIGN;
  }

  const SpinLayer& layer;
  const Cost cost;
  const int first, patterns;
  const ColumnScratch scratch;
};

// Sweep the patterns first..first + patterns - 1, at most spin_block of them; returns how many flips were accepted.
int64_t sweep_spins(const SpinLayer& layer, int first, int patterns, char* scratch) {
  const Potential v{Kind(layer.potential.kind), layer.potential.strength, layer.potential.margin,
                    layer.potential.exponent};
  return with_cost(v, [&](auto cost) {
    using Cost = decltype(cost);
    return patterns > FEW * LANES ? ColumnSweep<Cost, MANY>(layer, cost, first, patterns, scratch).run()
                                  : ColumnSweep<Cost, FEW>(layer, cost, first, patterns, scratch).run();
  });
}

}  // namespace
