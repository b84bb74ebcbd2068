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
  return (layer.edges || layer.fed <= SHORT_LAYER ? MANY : FEW) * LANES;
}

// Memory of one thread for a block of patterns: leading axis neuron (own or fed), then the lanes of the block. Where
// neurons feed a few targets only, the signs are bytes, and the accepted flips of every neuron are kept.
struct ColumnScratch {
  float *threshold, *flips, *fields;
  uint32_t* signs;

  ColumnScratch(const SpinLayer& layer, int block, char* memory) {
    const size_t own = size_t(layer.neurons + 1) * block;
    threshold = (float*)memory;
    flips = threshold + own;
    fields = flips + (layer.edges ? own : 0);
    signs = (uint32_t*)(fields + size_t(layer.fed) * block + APART);
  }

  static size_t bytes(const SpinLayer& layer) {
    const size_t rows = (layer.edges ? 2 : 1) * size_t(layer.neurons + 1) + 2 * size_t(layer.fed);
    return 4 * (spin_block(layer) * rows + APART);
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
  int64_t scanned() { return layer.edges ? scan_targets<MARGIN>() : scan<MARGIN>(); }

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
    const float temperature = layer.temperature > least ? layer.temperature : least;
    const Floats never = floats(-__builtin_inff()), T = floats(temperature / layer.potential.strength);
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
        if (layer.edges) store(compact() + size_t(i) * BLOCK + g * LANES, above);
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

  // The flip of neuron j: what its spins change by, times `scale`, and the change of the cost of their own gaps.
  template <bool MARGIN>
  inline void own_part(int j, Floats* change, Floats* rise) const {
    const float margin = layer.potential.margin;
    const Floats step = floats(-2.0f * layer.scale);
    for (int g = 0; g < WIDE; g++) {
      const size_t at = size_t(j) * layer.patterns + first;
      const Words sign = (Words)widened(read<Bytes>(layer.spins + at, g));
      const Floats own = flipped(read<Floats>(layer.own_fields + at, g), sign), flipped_own = -own;
      Floats total{};
      cost.take(total, MARGIN ? own - margin : own);
      cost.add(total, MARGIN ? flipped_own - margin : flipped_own);
      change[g] = flipped(step, sign);
      rise[g] = total;
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
      out[g] = total[g] + second;
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
    const float* before = nullptr;
    for (int j = 0; j < layer.neurons; j++) {
      const float* J = layer.weights + size_t(j) * layer.fed;
      Floats change[WIDE], own[WIDE], proposed[WIDE];
      own_part<MARGIN>(j, change, own);
      if (before) offered<MARGIN, true>(before, pending, J, change, proposed);
      else offered<MARGIN, false>(before, pending, J, change, proposed);
      Ints yes[WIDE];
      for (int g = 0; g < WIDE; g++) {
        yes[g] = proposed[g] - cost_now[g] + own[g] <=
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

  // As `scan`, where a neuron feeds a few targets only: what a target has pending is the flip of the neuron that fed it
  // last.
  template <bool MARGIN>
  __attribute__((noinline)) int64_t scan_targets() {
    int64_t accepted = 0;
    for (int g = 0; g < WIDE; g++) store(flips_of(layer.neurons) + g * LANES, Floats{});
    for (int j = 0; j < layer.neurons; j++) {
      Floats change[WIDE], own[WIDE], rise[WIDE];
      own_part<MARGIN>(j, change, own);
      offered_to_targets<MARGIN>(layer.edges + size_t(j) * layer.most_targets, change, rise);
      Ints yes[WIDE];
      for (int g = 0; g < WIDE; g++) {
        yes[g] = rise[g] + own[g] <=
                 load<Floats>(scratch.threshold + size_t(j) * BLOCK + g * LANES);
        store(flips_of(j) + g * LANES, select(yes[g], change[g], Floats{}));
      }
      accepted += flip(j, yes);
    }
    for (int i = 0; i < layer.fed; i++) {
      float* field = scratch.fields + size_t(i) * BLOCK;
      const Edge& edge = layer.last[i];
      const float* flips = flips_of(edge.previous);
      for (int g = 0; g < WIDE; g++)
        store(field + g * LANES, load<Floats>(field + g * LANES) + load<Floats>(flips + g * LANES) * edge.previous_weight);
    }
    return accepted;
  }

  // Costs of the targets' gaps without and with the offered flips; what they have pending is applied.
  template <bool MARGIN>
  inline void offered_to_targets(const Edge* edge, const Floats* change, Floats* rise) const {
    const Cost cost = this->cost;
    float* fields = scratch.fields;
    const int8_t* signs = compact();
    const float* pending = scratch.flips;
    const Floats margin = floats(layer.potential.margin);
    const int fed = layer.fed;
    const Edge* end = edge + layer.most_targets;
    Floats flips[WIDE], total[WIDE];
    for (int g = 0; g < WIDE; g++) {
      flips[g] = change[g];
      total[g] = Floats{};
    }
    for (; edge < end && edge->target < fed; edge++) {  // what is missing stands last
      float* field = fields + size_t(edge->target) * BLOCK;
      const int8_t* sign = signs + size_t(edge->target) * BLOCK;
      const float* late = pending + size_t(edge->previous) * BLOCK;
      const Floats a = floats(edge->weight), b = floats(edge->previous_weight);
#pragma GCC unroll 4
      for (int g = 0; g < WIDE; g++) {
        const Floats u = load<Floats>(field + g * LANES) + load<Floats>(late + g * LANES) * b;
        store(field + g * LANES, u);
        const Words s = signs_of(sign, g);
        const Floats r = as_floats(as_words(u) ^ s), v = as_floats(as_words(u + flips[g] * a) ^ s);
        cost.take(total[g], MARGIN ? r - margin : r);
        cost.add(total[g], MARGIN ? v - margin : v);
      }
    }
    for (int g = 0; g < WIDE; g++) rise[g] = total[g];
  }

  // What the accepted flips of neuron j change; zeros for the neuron after the last.
  float* flips_of(int j) const { return scratch.flips + size_t(j) * BLOCK; }

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
