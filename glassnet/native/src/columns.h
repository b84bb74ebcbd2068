// Sweeps of spins: the neurons of a pattern one after another, patterns side by side in the lanes.
#pragma once

#include <type_traits>

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
// neurons feed a few targets only, these are picked out of order: the fields are times the spin above, which is kept as
// the top byte of a word, as are the accepted flips of every neuron.
struct ColumnScratch {
  float *threshold, *fields;
  uint32_t* signs;
  FourBytes *top_signs, *flips;
  float* means;  // targets of the fed neurons, times their spins

  ColumnScratch(const SpinLayer& layer, int block, char* memory) {
    threshold = (float*)memory;
    fields = threshold + size_t(layer.neurons) * block;
    signs = (uint32_t*)(fields + size_t(layer.fed) * block + APART);
    top_signs = (FourBytes*)signs;
    flips = top_signs + layer.fed;
    means = (float*)(memory + without_means(layer, block));
  }

  static size_t bytes(const SpinLayer& layer) {
    const size_t means = layer.targets.means ? 4 * size_t(spin_block(layer)) * layer.fed : 0;
    return without_means(layer, spin_block(layer)) + means;
  }

 private:
  static size_t without_means(const SpinLayer& layer, int block) {
    const size_t own = layer.neurons, fed = layer.fed;
    const size_t of_signs = layer.edges ? sizeof(FourBytes) * (fed + own + 1) : 4 * block * fed;
    return 4 * (block * (own + fed) + APART) + of_signs;
  }

  // Keeps a field and its sign at different places of their pages: what reads the one need not wait for the other.
  static constexpr size_t APART = 528;
};

// Cost: of the spins' own gaps; Fed: of those that they feed.
template <class Cost, class Fed, int WIDE>
class ColumnSweep {
  static constexpr int BLOCK = WIDE * LANES;

 public:
  ColumnSweep(const SpinLayer& layer, Cost cost, Fed fed_cost, int first, int patterns, char* memory)
      : layer(layer), cost(cost), fed_cost(fed_cost), first(first), patterns(patterns), scratch(layer, BLOCK, memory) {}

  int64_t run() {
    const Key key{layer.key.a, layer.key.b};
    const Draws draws{key, layer.neurons, layer.patterns};
    if (layer.coin) draw<Logistic>(draws);
    else draw<Exponential>(draws);
    return layer.potential.margin == 0 ? swept<false>() : swept<true>();
  }

 private:
  template <bool MARGIN>
  int64_t swept() {
    if constexpr (is_aimed<Fed>) open_means();
    if (layer.edges) return scan_targets<MARGIN>();
    open();
    const int64_t accepted = scan<MARGIN>();
    close();
    return accepted;
  }

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
    const Floats T = floats(temperature / layer.potential.strength);
    draws.at<Numbers, WIDE>(first, [&](int j, int g, Floats x) { store(threshold_of(j) + g * LANES, T * x); });
    if (patterns == BLOCK) return;
    for (int j = 0; j < layer.neurons; j++)
      for (int k = patterns; k < BLOCK; k++) threshold_of(j)[k] = -__builtin_inff();
  }

  float* threshold_of(int j) const { return scratch.threshold + size_t(j) * BLOCK; }

  INLINED void open() {
    for (int i = 0; i < layer.fed; i++)
      for (int g = 0; g < WIDE; g++) {
        const size_t at = size_t(i) * layer.patterns + first;
        store(scratch.fields + size_t(i) * BLOCK + g * LANES, read<Floats>(layer.fields + at, g));
        const Bytes above = read<Bytes>(layer.above + at, g);
        store(scratch.signs + size_t(i) * BLOCK + g * LANES, (Words)widened(above) & SIGN);
      }
  }

  void open_means() {
    for (int i = 0; i < layer.fed; i++)
      for (int g = 0; g < WIDE; g++) {
        const size_t at = size_t(i) * layer.patterns + first;
        const Words above = (Words)widened(read<Bytes>(layer.above + at, g));
        store(scratch.means + size_t(i) * BLOCK + g * LANES, flipped(read<Floats>(layer.targets.means + at, g), above));
      }
  }

  INLINED void close() {
    for (int i = 0; i < layer.fed; i++)
      for (int g = 0; g < WIDE; g++)
        write(layer.fields + size_t(i) * layer.patterns + first, g,
              load<Floats>(scratch.fields + size_t(i) * BLOCK + g * LANES));
  }

  // The flip of neuron j: what its spins change by, times the scale, and the change of the cost of their own gaps.
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
  static inline __attribute__((always_inline)) void offer(Fed cost, float margin, float* field, const uint32_t* sign,
                                                          const float* mean, Floats J, Floats change, Floats before,
                                                          Floats pending, SumOf<Fed>& total) {
    Floats u = load<Floats>(field);
    if (PENDING) {
      u += pending * before;
      store(field, u);
    }
    const Floats r = as_floats(as_words(u + change * J) ^ load<Words>(sign));
    const Floats gap = MARGIN ? r - margin : r;
    if constexpr (is_aimed<Fed>) cost.add(total, gap, load<Floats>(mean));
    else cost.add(total, gap);
  }

  // Cost of the offered flips of neuron j over all fed gaps. Accepted flips of the neuron before, `pending`, are
  // applied on the way if there are any.
  template <bool MARGIN, bool PENDING>
  inline void offered(const float* before, const Floats* pending, const float* J, const Floats* change,
                      Floats* out) const {
    constexpr int APIECE = WIDE == FEW ? 2 : 1;  // sums of each vector, as many as there are registers for
    SumOf<Fed> total[APIECE * WIDE];
    for (SumOf<Fed>& t : total) t = SumOf<Fed>{};
    const int fed = layer.fed;
    const float margin = layer.potential.margin;
    const Fed cost = this->fed_cost;
    float* field = scratch.fields;
    const uint32_t* sign = scratch.signs;
    const float* mean = scratch.means;
    Floats flips[WIDE], late[WIDE];
    for (int g = 0; g < WIDE; g++) {
      flips[g] = change[g];
      late[g] = pending[g];
    }
    const auto row = [&](int i, int n, int place) __attribute__((always_inline)) {
      const Floats a = floats(J[i]), b = PENDING ? floats(before[i]) : a;
#pragma GCC unroll 4
      for (int g = 0; g < WIDE; g++)
        offer<MARGIN, PENDING>(cost, margin, field + n * BLOCK + g * LANES, sign + n * BLOCK + g * LANES,
                               mean + n * BLOCK + g * LANES, a, flips[g], b, late[g], total[place * WIDE + g]);
    };
    int i = 0;
    for (; i + APIECE <= fed; i += APIECE, field += APIECE * BLOCK, sign += APIECE * BLOCK) {
#pragma GCC unroll 2
      for (int n = 0; n < APIECE; n++) row(i + n, n, n);
      if constexpr (is_aimed<Fed>) {
        mean += APIECE * BLOCK;
        if (i && i % 64 == 0)
          for (SumOf<Fed>& t : total) cost.fold(t);
      }
    }
    if (i < fed) row(i, 0, 0);
    for (int g = 0; g < WIDE; g++) {
      const SumOf<Fed> second = APIECE > 1 ? total[(APIECE - 1) * WIDE + g] : SumOf<Fed>{};
      out[g] = value_of(cost, total[g] + second);
    }
  }

  inline __attribute__((always_inline)) void add_now(SumOf<Fed>& total, Floats gap, const float* mean) const {
    if constexpr (is_aimed<Fed>) {
      fed_cost.add(total, gap, load<Floats>(mean));
      fed_cost.fold(total);
    } else {
      fed_cost.add(total, gap);
    }
  }

  // A function of its own, whose registers no other code claims.
  template <bool MARGIN>
  __attribute__((noinline)) int64_t scan() {
    int64_t accepted = 0;
    SumOf<Fed> sum_now[WIDE] = {};
    Floats cost_now[WIDE], pending[WIDE] = {};
    for (int i = 0; i < layer.fed; i++)
      for (int g = 0; g < WIDE; g++)
        add_now(sum_now[g], gap<MARGIN>(load<Floats>(scratch.fields + size_t(i) * BLOCK + g * LANES),
                                         scratch.signs + size_t(i) * BLOCK + g * LANES),
                scratch.means + size_t(i) * BLOCK + g * LANES);
    for (int g = 0; g < WIDE; g++) cost_now[g] = value_of(fed_cost, sum_now[g]);
    const float* before = nullptr;
    for (int j = 0; j < layer.neurons; j++) {
      const float* J = layer.weights + size_t(j) * layer.fed;
      Floats change[WIDE], own[WIDE], proposed[WIDE];
      own_part<MARGIN>(j, change, own);
      if (before) offered<MARGIN, true>(before, pending, J, change, proposed);
      else offered<MARGIN, false>(before, pending, J, change, proposed);
      Ints yes[WIDE];
      for (int g = 0; g < WIDE; g++) {
        yes[g] = proposed[g] - cost_now[g] + own[g] <= load<Floats>(threshold_of(j) + g * LANES);
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
    open_targets();
    scratch.flips[layer.neurons] = FourBytes{};
    int64_t accepted = 0;
    for (int j = 0; j < layer.neurons; j++) {
      Floats unused[WIDE], own[WIDE], rise[WIDE];
      own_part<MARGIN>(j, unused, own);
      const FourBytes old = signs_of(layer.spins, j);
      offered_to_targets<MARGIN>(layer.edges + size_t(j) * layer.most_targets, TOP_TWO | (old ^ TOP_SIGN), rise);
      Ints yes[WIDE];
      for (int g = 0; g < WIDE; g++) yes[g] = rise[g] + own[g] <= load<Floats>(threshold_of(j) + g * LANES);
      accepted += flip(j, yes);
      const FourBytes now = signs_of(layer.spins, j), flips = old ^ now;  // the sign where a spin was flipped
      scratch.flips[j] = (flips & now) | ((flips >> 1) & TOP_TWO);
    }
    close_targets();
    return accepted;
  }

  // Costs of the targets' gaps without and with the flips offered; what they have pending is applied.
  template <bool MARGIN>
  inline void offered_to_targets(const Edge* edge, FourBytes offered, Floats* rise) const {
    const Fed cost = this->fed_cost;
    float* fields = scratch.fields;
    const FourBytes *signs = scratch.top_signs, *kept = scratch.flips;
    const Floats margin = floats(layer.potential.margin);
    const int fed = layer.fed;
    const Edge* end = edge + layer.most_targets;
    Floats total[WIDE];
    for (Floats& t : total) t = Floats{};
    for (; edge < end && edge->target < fed; edge++) {  // what is missing stands last
      float* field = fields + size_t(edge->target) * BLOCK;
      const FourBytes sign = signs[edge->target], late = kept[edge->previous] ^ sign, flips = offered ^ sign;
      const Floats a = floats(edge->weight), b = floats(edge->previous_weight);
      each([&](auto g) __attribute__((always_inline)) {
        const Floats r = load<Floats>(field + g * LANES) + as_floats(top_bytes<g>(late)) * b;
        store(field + g * LANES, r);
        const Floats v = r + as_floats(top_bytes<g>(flips)) * a;
        if constexpr (is_aimed<Fed>) {
          const Floats mean = load<Floats>(scratch.means + size_t(edge->target) * BLOCK + g * LANES);
          cost.take_one(total[g], MARGIN ? r - margin : r, mean);
          cost.add_one(total[g], MARGIN ? v - margin : v, mean);
        } else {
          cost.take(total[g], MARGIN ? r - margin : r);
          cost.add(total[g], MARGIN ? v - margin : v);
        }
      });
    }
    for (int g = 0; g < WIDE; g++) rise[g] = total[g];
  }

  void open_targets() {
    for (int i = 0; i < layer.fed; i++) {
      const FourBytes sign = scratch.top_signs[i] = signs_of(layer.above, i);
      each([&](auto g) {
        const Floats field = read<Floats>(layer.fields + size_t(i) * layer.patterns + first, g);
        store(scratch.fields + size_t(i) * BLOCK + g * LANES, flipped(field, top_bytes<g>(sign)));
      });
    }
  }

  void close_targets() {
    for (int i = 0; i < layer.fed; i++) {
      const Edge& edge = layer.last[i];
      const FourBytes sign = scratch.top_signs[i], late = scratch.flips[edge.previous] ^ sign;
      each([&](auto g) {
        const Floats gap = load<Floats>(scratch.fields + size_t(i) * BLOCK + g * LANES);
        const Floats settled = gap + as_floats(top_bytes<g>(late)) * edge.previous_weight;
        write(layer.fields + size_t(i) * layer.patterns + first, g, flipped(settled, top_bytes<g>(sign)));
      });
    }
  }

  // Top bytes of floats: that of -0, and that which makes it -2 (and 0 a 2).
  static constexpr int8_t TOP_SIGN = -0x80, TOP_TWO = 0x40;

  // The signs of row j of a matrix of spins, as top bytes.
  FourBytes signs_of(const int8_t* spins, int j) const {
    const int8_t* row = spins + size_t(j) * layer.patterns + first;
    if (patterns == 4 * LANES) return arranged(row) & TOP_SIGN;
    int8_t padded[4 * LANES] = {};
    memcpy(padded, row, patterns);
    return arranged(padded) & TOP_SIGN;
  }

  template <int G>
  using Place = std::integral_constant<int, G>;

  // Calls f with the place of every vector of the block.
  template <class F>
  static inline __attribute__((always_inline)) void each(F f) {
    f(Place<0>{});
    f(Place<1>{});
    if constexpr (WIDE == 4) {
      f(Place<2>{});
      f(Place<3>{});
    }
  }

  const SpinLayer& layer;
  const Cost cost;
  const Fed fed_cost;
  const int first, patterns;
  const ColumnScratch scratch;
};

// Sweep the patterns first..first + patterns - 1, at most spin_block of them; returns how many flips were accepted.
int64_t sweep_spins(const SpinLayer& layer, int first, int patterns, char* scratch) {
  const Potential v{Kind(layer.potential.kind), layer.potential.strength, layer.potential.margin,
                    layer.potential.shape};
  return with_cost(v, layer.targets, [&](auto fed) {
    using Fed = decltype(fed);
    const auto run = [&](auto cost) {
      using Cost = decltype(cost);
      return patterns > FEW * LANES ? ColumnSweep<Cost, Fed, MANY>(layer, cost, fed, first, patterns, scratch).run()
                                    : ColumnSweep<Cost, Fed, FEW>(layer, cost, fed, first, patterns, scratch).run();
    };
    if constexpr (is_aimed<Fed>) return run(fed.cost);
    else return run(fed);
  });
}

}  // namespace
