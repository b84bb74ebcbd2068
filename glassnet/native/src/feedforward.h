// Sweeps of the hidden layers where all neurons follow the weights and the outputs alone cost energy.
//
// An offer changes the field of one neuron, its row of patterns. Only where that neuron turns over does anything above
// it move. So the fields of the layers above lie in columns, by pattern, and those of the patterns concerned are computed
// on trial, layer by layer from the neurons that turned over in the one below, and kept if the offer is accepted.
#pragma once

#include <type_traits>

#include "layer.h"
#include "numbers.h"
#include "potential.h"
#include "rows.h"

namespace {

INLINE size_t larger(size_t a, size_t b) { return a > b ? a : b; }

template <int N>
using Number = std::integral_constant<int, N>;

// Vectors of a column that are handled together.
constexpr int AT_ONCE = 4;

// Neurons of a layer in a column: whole vectors, and where these are many, whole groups of them.
INLINE int column_width(int neurons) {
  const int vectors = vectors_of(neurons);
  return (vectors <= AT_ONCE ? vectors : (vectors + AT_ONCE - 1) / AT_ONCE * AT_ONCE) * LANES;
}

// Patterns that are tried side by side.
constexpr int TOGETHER = 16;

// Energy of a pattern, for a potential of strength 1, and a number that its column gets whenever it changes.
struct Energy {
  float energy;
  uint32_t column;
};

// Memory of a call. Padding of rows and columns is infinity: it never turns over and costs nothing.
struct FollowScratch {
  int height = 0, stride;      // of a column: the layers from the second on; of a row
  int mask_stride, words;      // of masks and words, below
  float *columns, *trial;      // (pattern, neuron), (try, neuron)
  float* rows;                 // (neuron, pattern) of the layer that moves
  float *change, *threshold;   // offers of a pass: (block of LANES neurons, slot, neuron of the block)
  Energy* now;                 // of each pattern
  Energy* after;               // (neuron, pattern): after the neuron turned over, and with which column this was found
  float* influence;            // see FollowingLayer
  Link* links;
  float* feeding;              // (neuron, pattern): spins of the layer below
  int8_t* outputs;             // (pattern, neuron)
  float *means, *floors;       // (pattern, neuron): targets of the outputs, times their spins
  Mask* masks;                 // (neuron, vector of patterns): where it would turn over
  int32_t *touched, *unknown;  // patterns where a neuron turns over; those of them whose energy after that is not known
  uint64_t* turned[2];         // (try, word): neurons of a layer that turned over, a bit each
  size_t bytes = 0;

  FollowScratch(const FollowingMachine& m, char* memory) {
    size_t offers = 0, below = 0, dense = 0, sparse = 0, moving = 0;
    words = 0;
    for (int l = 0; l < m.depth; l++) {
      const FollowingLayer& layer = m.layers[l];
      const size_t width = column_width(layer.weights.neurons);
      if (l) {
        height += int(width);
        (layer.targets ? sparse : dense) += size_t(layer.below) * (layer.targets ? size_t(m.most_targets) : width);
      }
      if (l + 1 == m.depth) continue;
      words = int(larger(words, (width + 63) / 64));
      offers = larger(offers, size_t(layer.weights.slots + 1) * width);
      below = larger(below, layer.below);
      moving = larger(moving, layer.weights.neurons);
    }
    stride = vectors_of(m.patterns) * LANES;
    mask_stride = (vectors_of(m.patterns) + MASKS - 1) / MASKS * MASKS;
    const size_t patterns = m.patterns;
    const auto take = [&](auto*& place, size_t count) {
      place = (std::remove_reference_t<decltype(place)>)(memory + bytes);
      bytes += (count * sizeof(*place) + 63) / 64 * 64;
    };
    take(columns, patterns * height);
    take(trial, size_t(TOGETHER) * height);
    take(rows, moving * stride);
    take(change, offers);
    take(threshold, offers);
    take(now, patterns);
    take(after, moving * patterns);
    take(influence, dense);
    take(links, sparse);
    take(feeding, below * stride);
    const size_t outs = patterns * column_width(m.layers[m.depth - 1].weights.neurons);
    take(outputs, outs);
    take(means, m.targets.means ? outs : 0);
    take(floors, m.targets.means ? outs : 0);
    take(masks, moving * mask_stride);
    take(touched, patterns);
    take(unknown, patterns);
    for (uint64_t*& bits : turned) take(bits, TOGETHER * size_t(words));
  }
};

INLINE Floats lanes_of(const float* from, int n) {
  return n == LANES ? load<Floats>(from) : load_part<Floats>(from, n);
}
INLINE Floats lanes_of(const int8_t* from, int n) {
  return (Floats)widened(n == LANES ? load<Bytes>(from) : load_part<Bytes>(from, n));
}
template <class V, class T>
INLINE void put(T* to, V x, int n) {
  if (n == LANES) store(to, x);
  else store_part(to, x, n);
}
INLINE void put_lanes(float* to, Floats x, int n) { put(to, x, n); }
INLINE void put_lanes(int8_t* to, Floats x, int n) { put(to, narrowed((Ints)x), n); }
INLINE int at_most_lanes(int n) { return n < LANES ? n : LANES; }

// Rows become columns: shuffled together by halves as often as LANES can be halved.
INLINE void transpose(Floats (&x)[LANES]) {
  Ints low, high;
  for (int k = 0; k < LANES; k++) {
    low[k] = k / 2 + k % 2 * LANES;
    high[k] = low[k] + LANES / 2;
  }
#pragma GCC unroll 4
  for (int size = 1; size < LANES; size *= 2) {
    Floats y[LANES];
#pragma GCC unroll 8
    for (int n = 0; n < LANES / 2; n++) {
      y[2 * n] = __builtin_shuffle(x[n], x[n + LANES / 2], low);
      y[2 * n + 1] = __builtin_shuffle(x[n], x[n + LANES / 2], high);
    }
#pragma GCC unroll 16
    for (int n = 0; n < LANES; n++) x[n] = y[n];
  }
}

template <class T>
INLINE void transpose_tile(const T* from, size_t from_stride, T* to, size_t to_stride, int rows, int columns) {
  Floats x[LANES];
#pragma GCC unroll 16
  for (int n = 0; n < LANES; n++) x[n] = n < rows ? lanes_of(from + n * from_stride, columns) : Floats{};
  transpose(x);
#pragma GCC unroll 16
  for (int n = 0; n < LANES; n++)
    if (n < columns) put_lanes(to + n * to_stride, x[n], rows);
}

// to[j, i] = from[i, j] for i < rows and j < columns.
template <class T>
void transpose(const T* from, size_t from_stride, T* to, size_t to_stride, int rows, int columns) {
  for (int i = 0; i < rows; i += LANES)
    for (int j = 0; j < columns; j += LANES) {
      const T* source = from + i * from_stride + j;
      T* target = to + j * to_stride + i;
      if (rows - i >= LANES && columns - j >= LANES) transpose_tile(source, from_stride, target, to_stride, LANES, LANES);
      else transpose_tile(source, from_stride, target, to_stride, at_most_lanes(rows - i), at_most_lanes(columns - j));
    }
}

class Following {
 public:
  Following(const FollowingMachine& machine, char* memory)
      : m(machine), last(machine.layers[machine.depth - 1]), scratch(machine, memory),
        potential{Kind(machine.potential.kind), machine.potential.strength, machine.potential.margin,
                  machine.potential.shape} {}

  // Fields and spins of all layers are up to date in the end.
  void run(int32_t* accepted) {
    open();
    for (int l = 0; l + 1 < m.depth; l++) {
      open_rows(m.layers[l]);
      if (!m.layers[l].frozen) accepted[l] = m.layers[l].weights.ensemble == SPHERICAL ? sweep<2>(l) : sweep<1>(l);
      close_rows(m.layers[l]);
    }
    transpose(scratch.columns + last.place, scratch.height, last.weights.fields, m.patterns, m.patterns,
              last.weights.neurons);
  }

 private:
  // Columns

  float* column(int pattern) const { return scratch.columns + size_t(pattern) * scratch.height; }
  float* trial(int k) const { return scratch.trial + size_t(k) * scratch.height; }

  void open() {
    float* influence = scratch.influence;
    Link* links = scratch.links;
    int place = 0;
    for (int l = 1; l < m.depth; l++) {
      FollowingLayer& layer = m.layers[l];
      const int neurons = layer.weights.neurons, width = layer.width = column_width(neurons);
      layer.place = place;
      place += width;
      transpose(layer.weights.fields, m.patterns, scratch.columns + layer.place, scratch.height, neurons, m.patterns);
      for (int mu = 0; mu < m.patterns; mu++) {
        float* fields = column(mu) + layer.place;
        for (int v = 0; v < neurons; v += LANES) store(fields + v, without_minus_zero(load<Floats>(fields + v)));
        for (int i = neurons; i < width; i++) fields[i] = __builtin_inff();
      }
      if (layer.targets) open_links(layer, links);
      else open_influence(layer, influence);
    }
    open_outputs();
  }

  // The top bit of a field then tells its sign, and sums never give -0 again.
  static Floats without_minus_zero(Floats field) { return field + 0.0f; }

  void open_influence(FollowingLayer& layer, float*& to) {
    const float factor = 2.0f * layer.weights.scale;
    layer.influence = to;
    for (int j = 0; j < layer.below; j++, to += layer.width) {
      const float* J = layer.weights.weights + size_t(j) * layer.weights.neurons;
      for (int i = 0; i < layer.width; i++) to[i] = i < layer.weights.neurons ? factor * J[i] : 0.0f;
    }
  }

  void open_links(FollowingLayer& layer, Link*& to) {
    const float factor = 2.0f * layer.weights.scale;
    const int neurons = layer.weights.neurons;
    layer.links = to;
    for (size_t n = 0; n < size_t(layer.below) * m.most_targets; n++, to++) {
      const int target = layer.targets[n];
      *to = {target, target < neurons ? factor * layer.weights.weights[size_t(layer.slots[n]) * neurons + target] : 0};
    }
  }

  void open_outputs() {
    const int outputs = last.weights.neurons;
    transpose(last.spins, m.patterns, scratch.outputs, last.width, outputs, m.patterns);
    for (int mu = 0; mu < m.patterns; mu++) {
      for (int i = outputs; i < last.width; i++) scratch.outputs[size_t(mu) * last.width + i] = 1;
      scratch.now[mu].column = 0;
    }
    if (m.targets.means) open_targets();
    with_cost(potential, m.targets, [&](auto cost) {
      for (int mu = 0; mu < m.patterns; mu++) {
        SumOf<decltype(cost)> total{};
        for (int v = 0; v < last.width; v += LANES) {
          if constexpr (is_aimed<decltype(cost)>)
            if (v && v % (64 * LANES) == 0) cost.fold(total);
          const size_t at = size_t(mu) * last.width + v;
          const Floats field = load<Floats>(column(mu) + last.place + v);
          add_cost(cost, total, signed_by(load<Bytes>(scratch.outputs + at), field) - potential.margin,
                   scratch.means + at, scratch.floors + at);
        }
        scratch.now[mu].energy = sum(value_of(cost, total));
      }
    });
  }

  void open_targets() {
    const int outputs = last.weights.neurons;
    transpose(m.targets.means, m.patterns, scratch.means, last.width, outputs, m.patterns);
    transpose(m.targets.floors, m.patterns, scratch.floors, last.width, outputs, m.patterns);
    for (int mu = 0; mu < m.patterns; mu++) {
      const size_t first = size_t(mu) * last.width;
      for (int i = outputs; i < last.width; i++) scratch.means[first + i] = 1.0f;
      for (int v = 0; v < last.width; v += LANES) {
        float* means = scratch.means + first + v;
        store(means, signed_by(load<Bytes>(scratch.outputs + first + v), load<Floats>(means)));
      }
    }
    with_cost(potential, m.targets, [&](auto cost) {
      using Cost = decltype(cost);
      if constexpr (is_aimed<Cost>)
        for (size_t n = 0; n < size_t(m.patterns) * last.width; n++)
          scratch.floors[n] = int(n % last.width) < outputs ? scratch.floors[n] - Cost::CONSTANT : 0.0f;
    });
  }

  // Adds the costs of a vector of outputs.
  template <class Cost>
  static INLINED void add_cost(const Cost& cost, SumOf<Cost>& sum, Floats gap, const float* means, const float* floors) {
    if constexpr (is_aimed<Cost>)
      cost.add(sum, select(gap < PADDING, gap, floats(PADDING)), load<Floats>(means), load<Floats>(floors));
    else cost.add(sum, gap);
  }

  // Rows

  float* row(int i) const { return scratch.rows + size_t(i) * scratch.stride; }
  Energy* after(int i) const { return scratch.after + size_t(i) * m.patterns; }
  Mask* masks(int i) const { return scratch.masks + size_t(i) * scratch.mask_stride; }

  void open_rows(const FollowingLayer& layer) {
    const bool first = &layer == m.layers;
    const int neurons = layer.weights.neurons, stride = scratch.stride;
    if (!first) transpose(scratch.columns + layer.place, scratch.height, scratch.rows, stride, m.patterns, neurons);
    for (int i = 0; i < neurons; i++) {
      const float* field = layer.weights.fields + size_t(i) * m.patterns;
      for (int mu = 0; first && mu < m.patterns; mu += LANES)
        store(row(i) + mu, without_minus_zero(lanes_of(field + mu, at_most_lanes(m.patterns - mu))));
      for (int mu = m.patterns; mu < stride; mu++) row(i)[mu] = __builtin_inff();
      for (int q = 0; q < scratch.mask_stride; q++) masks(i)[q] = 0;
      for (int mu = 0; mu < m.patterns; mu++) after(i)[mu].column = 0;
    }
    for (int mu = 0; mu < m.patterns; mu++) scratch.now[mu].column = ++column_number;
    const int8_t* below = first ? m.inputs : (&layer)[-1].spins;
    for (int j = 0; j < layer.below; j++, below += m.patterns)
      for (int mu = 0; mu < stride; mu += LANES)
        store(scratch.feeding + size_t(j) * stride + mu,
              converted((Ints)lanes_of(below + mu, at_most_lanes(m.patterns - mu))));
  }

  void close_rows(const FollowingLayer& layer) {
    for (int i = 0; i < layer.weights.neurons; i++)
      for (int mu = 0; mu < m.patterns; mu += LANES) {
        const int n = at_most_lanes(m.patterns - mu);
        const Floats field = load<Floats>(row(i) + mu);
        put(layer.weights.fields + size_t(i) * m.patterns + mu, field, n);
        put(layer.spins + size_t(i) * m.patterns + mu, narrowed((Ints)as_words(field) >> 31 | 1), n);
      }
  }

  // Offers

  template <int TERMS>
  int32_t sweep(int l) {
    const WeightLayer& layer = m.layers[l].weights;
    int32_t accepted = 0;
    for (int number = 0; number < TERMS; number++) {
      const Order order{layer.slots, layer.order[number]};
      draw(layer, Key{layer.key.a, layer.key.b}.at(number), order, layer.slots / TERMS);
      for (int t = 0; t < layer.slots / TERMS; t++) {
        Step<TERMS> step{scratch, layer, t};
        for (int n = 0; n < TERMS; n++) step.slots[n] = TERMS == 1 ? t : order[TERMS * t + n];
        touch(step);
        accepted += decide(l, step);
      }
    }
    return accepted;
  }

  void draw(const WeightLayer& layer, Key pass, const Order& order, int steps) const {
    for (int first = 0; first < layer.neurons; first += LANES) {
      const size_t at = first / LANES * block_of(layer);
      propose(layer, pass, order, first, at_most_lanes(layer.neurons - first), scratch.change + at);
      draw_thresholds(pass.at(1), steps, layer.neurons, first, layer.temperature, false, scratch.threshold + at);
    }
  }

  // Numbers that LANES neurons take of the offers.
  static size_t block_of(const WeightLayer& layer) { return size_t(layer.slots + 1) * LANES; }

  // Offers to all neurons of a layer, at the same slots.
  template <int TERMS>
  struct Step {
    const FollowScratch& scratch;
    const WeightLayer& layer;
    int number;
    int slots[TERMS];

    size_t place(int i) const { return i / LANES * block_of(layer) + i % LANES; }

    float threshold(int i) const { return scratch.threshold[place(i) + size_t(number) * LANES]; }

    float change(int i, int n) const { return scratch.change[place(i) + (size_t(TERMS) * number + n) * LANES]; }

    // Calls f(number, field of neuron i now, its change) for every vector of patterns.
    template <class F>
    INLINED void over_row(int i, F f) const {
      float steps[TERMS];
      const float* spins[TERMS];
      const size_t stride = scratch.stride;
      for (int n = 0; n < TERMS; n++) {
        const int source = layer.sources ? layer.sources[size_t(slots[n]) * layer.neurons + i] : slots[n];
        steps[n] = layer.scale * change(i, n);
        spins[n] = scratch.feeding + source * stride;
      }
      const float* row = scratch.rows + i * stride;
      const size_t vectors = stride / LANES;
#pragma GCC unroll 4
      for (size_t q = 0; q < vectors; q++) {
        Floats total = steps[TERMS - 1] * load<Floats>(spins[TERMS - 1] + q * LANES);
        for (int n = 0; n < TERMS - 1; n++) total += steps[n] * load<Floats>(spins[n] + q * LANES);
        f(q, load<Floats>(row + q * LANES), total);
      }
    }

    // Marks the patterns in which neuron i would turn over.
    void mark(int i) const {
      Mask* masks = scratch.masks + size_t(i) * scratch.mask_stride;
      over_row(i, [=](size_t q, Floats field, Floats change) __attribute__((always_inline)) {
        masks[q] = Mask(top_bits(as_words(field) ^ as_words(field + change)));
      });
    }

    void accept(int i) const {
      float* row = scratch.rows + size_t(i) * scratch.stride;
      over_row(i, [=](size_t q, Floats field, Floats change) __attribute__((always_inline)) {
        store(row + q * LANES, field + change);
      });
      for (int n = 0; n < TERMS; n++) layer.weights[size_t(slots[n]) * layer.neurons + i] += change(i, n);
    }
  };

  // Rows wait for no decision on each other.
  template <int TERMS>
  __attribute__((noinline)) static void touch(const Step<TERMS>& step) {
    for (int i = 0; i < step.layer.neurons; i++) step.mark(i);
  }

  // Decides on the offers of a step, one after another; returns how many were accepted.
  template <int TERMS>
  __attribute__((noinline)) int32_t decide(int l, const Step<TERMS>& step) {
    int32_t accepted = 0;
    for (int i = 0; i < step.layer.neurons; i++)
      if (decided(l, i, step.threshold(i))) {
        step.accept(i);
        accepted++;
      }
    return accepted;
  }

  // Whether neuron i of layer l turns over in all the patterns marked, with what follows.
  //
  // Most offers that are refused turn it over in patterns in which others, that were refused before, did so, too: their
  // energies are known until the column changes. And energies are not negative: once those of some patterns exceed what
  // all of them may have, the others do not matter.
  bool decided(int l, int i, float threshold) {
    int count = 0, unknown = 0;
    float before = 0, after = 0;
    const Mask* turned = masks(i);
    const Energy *const now = scratch.now, *const known = this->after(i);
    int32_t *const all = scratch.touched, *const unknown_ones = scratch.unknown;
    const int stride = scratch.mask_stride;
    for (int q = 0; q < stride; q += MASKS)
      for (uint64_t some = occupied(turned + q); some; some &= some - 1) {
        const int place = q + __builtin_ctzll(some);
        for (uint32_t lanes = turned[place]; lanes; lanes &= lanes - 1, count++) {
          const int mu = place * LANES + __builtin_ctz(lanes);
          const bool is_known = known[mu].column == now[mu].column;
          all[count] = unknown_ones[unknown] = mu;
          unknown += !is_known;
          before += now[mu].energy;
          after += is_known ? known[mu].energy : 0.0f;
        }
      }
    if (!count) return true;
    const auto too_much = [&] { return !((after - before) * potential.strength <= threshold); };
    if (too_much()) return false;
    for (int n = 0; n < unknown; n += TOGETHER) {
      const int tries = unknown - n < TOGETHER ? unknown - n : TOGETHER;
      follow(l, i, scratch.unknown + n, tries);
      for (int k = 0; k < tries; k++) after += known[scratch.unknown[n + k]].energy;
      if (too_much()) return false;
    }
    if (unknown) {  // in their order: what stays the same, stays the same to the bit
      after = 0;
      for (int n = 0; n < count; n++) after += known[scratch.touched[n]].energy;
      if (too_much()) return false;
    }
    keep(l, i, count, unknown);
    return true;
  }

  // Brings the columns of all patterns touched up to date. Those on trial are there where few were unknown.
  void keep(int l, int i, int count, int unknown) {
    if (unknown > TOGETHER) unknown = 0;
    settle(l, i, scratch.unknown, unknown);
    int others = 0;
    for (int n = 0, k = 0; n < count; n++)
      if (k < unknown && scratch.unknown[k] == scratch.touched[n]) k++;
      else scratch.touched[others++] = scratch.touched[n];
    for (int n = 0; n < others; n += TOGETHER) {
      const int tries = others - n < TOGETHER ? others - n : TOGETHER;
      follow(l, i, scratch.touched + n, tries);
      settle(l, i, scratch.touched + n, tries);
    }
  }

  // Makes columns on trial those of their patterns.
  void settle(int l, int i, const int32_t* patterns, int count) {
    const int first = m.layers[l + 1].place;
    for (int k = 0; k < count; k++) {
      const int mu = patterns[k];
      const float* now = trial(k);
      for (int v = first; v < tops[k]; v += LANES) store(column(mu) + v, load<Floats>(now + v));
      scratch.now[mu] = {after(i)[mu].energy, ++column_number};
    }
  }

  // Tries

  // Some patterns in which the same neuron turned over, on their way up: those that go on, and what its spins are now.
  struct Climb {
    const int32_t* patterns;
    int neuron, count;
    int32_t going[TOGETHER];
    float spins[TOGETHER];
  };

  // What follows in the layers above where neuron i of layer l turns over in some patterns, TOGETHER at most: columns on
  // trial, and energies. All of them climb a layer before any climbs the next, so that none waits for another.
  __attribute__((noinline)) void follow(int l, int i, const int32_t* patterns, int count) {
    Climb climb{patterns, i, count};
    for (int k = 0; k < count; k++) {
      const int mu = patterns[k];
      climb.going[k] = k;
      climb.spins[k] = turned_over(row(i)[mu]);
      after(i)[mu] = scratch.now[mu];
    }
    to_next_layer<true>(l + 1, climb);
    for (int q = l + 2; q < m.depth && climb.count; q++) to_next_layer<false>(q, climb);
  }

  // The spin that a field has no longer, without a branch.
  static float turned_over(float field) { return __builtin_copysignf(1.0f, -field); }

  template <bool LOWEST>
  void to_next_layer(int q, Climb& climb) {
    const auto to = [&](auto vectors) {
      if (q + 1 < m.depth) turn_over<vectors, LOWEST>(q, climb);
      else with_cost(potential, m.targets, [&](auto cost) { try_outputs<vectors, LOWEST>(cost, climb); });
    };
    if (m.layers[q].targets) return to(Number<0>{});
    switch (m.layers[q].width / LANES) {
      case 1: return to(Number<1>{});
      case 2: return to(Number<2>{});
      case 3: return to(Number<3>{});
      default: return to(Number<AT_ONCE>{});
    }
  }

  static constexpr int at_once(int vectors) { return vectors ? vectors : 1; }

  // Finds the neurons of a hidden layer that turn over; tries without any stop here.
  template <int VECTORS, bool LOWEST>
  __attribute__((noinline)) void turn_over(int q, Climb& climb) {
    constexpr int COUNT = at_once(VECTORS);
    struct Turning {
      uint64_t *words, any;

      INLINED void take(int v, const Floats (&before)[COUNT], const Floats (&after)[COUNT]) {
        Words both[COUNT];
        for (int k = 0; k < COUNT; k++) both[k] = as_words(before[k]) ^ as_words(after[k]);
        const uint64_t bits = all_top_bits(both) << (v % 64);
        words[v / 64] = v % 64 ? words[v / 64] | bits : bits;
        any |= bits;
      }
    };
    uint64_t* const turned = scratch.turned[q % 2];
    int left = 0;
    const auto make = [&](int k) __attribute__((always_inline)) { return Turning{turned + size_t(k) * scratch.words, 0}; };
    over_tries<VECTORS, LOWEST>(q, climb, make, [&](int k, const Turning& part) __attribute__((always_inline)) {
      tops[k] = m.layers[q].place + m.layers[q].width;
      climb.going[left] = k;
      left += part.any != 0;
    });
    climb.count = left;
  }

  // Energies of the tries.
  template <int VECTORS, bool LOWEST, class Cost>
  __attribute__((noinline)) void try_outputs(Cost cost, Climb& climb) {
    constexpr int COUNT = at_once(VECTORS);
    struct Costing {
      const int8_t* outputs;
      Floats margin;
      SumOf<Cost> total;
      Cost cost;
      const float *means, *floors;

      INLINED void take(int v, const Floats (&)[COUNT], const Floats (&after)[COUNT]) {
        for (int k = 0; k < COUNT; k++) {
          const int at = v + k * LANES;
          add_cost(cost, total, signed_by(load<Bytes>(outputs + at), after[k]) - margin, means + at, floors + at);
        }
        if constexpr (is_aimed<Cost>)
          if (v && v % (64 * LANES) == 0) cost.fold(total);
      }
    };
    const int8_t* outputs = scratch.outputs;
    const Floats margin = floats(potential.margin);
    const auto make = [&](int k) __attribute__((always_inline)) {
      const size_t at = size_t(climb.patterns[k]) * last.width;
      return Costing{outputs + at, margin, {}, cost, scratch.means + at, scratch.floors + at};
    };
    Energy* const after = this->after(climb.neuron);
    over_tries<VECTORS, LOWEST>(m.depth - 1, climb, make, [&](int k, const Costing& part) __attribute__((always_inline)) {
      tops[k] = scratch.height;
      after[climb.patterns[k]].energy = sum(value_of(cost, part.total));
    });
  }

  // Fields of layer q in the tries that go on. VECTORS: of a column of the layer that are computed at once; 0: the layer
  // is not fully connected. For each try `make(k)` is shown the fields before and after, then given to `done(k, made)`.
  template <int VECTORS, bool LOWEST, class Make, class Done>
  INLINED void over_tries(int q, const Climb& climb, Make make, Done done) const {
    constexpr bool SPARSE = VECTORS == 0;
    constexpr int COUNT = at_once(VECTORS);
    const FollowingLayer& layer = m.layers[q];
    const int width = layer.width, words = scratch.words, tries = climb.count;
    const int below_words = LOWEST ? 0 : (m.layers[q - 1].width + 63) / 64;
    const size_t height = scratch.height, below_place = LOWEST ? 0 : m.layers[q - 1].place;
    const float *const influence = layer.influence, *const columns = scratch.columns + layer.place;
    float* const trial = scratch.trial;
    const uint64_t* const turned = scratch.turned[(q + 1) % 2];
    for (int t = 0; t < tries; t++) {
      const int k = climb.going[t];
      const float* old = columns + climb.patterns[k] * height;
      float* now = trial + k * height + layer.place;
      const float* fields = trial + k * height + below_place;
      const auto each = [&](auto f) __attribute__((always_inline)) {
        if (LOWEST) return f(climb.neuron, floats(climb.spins[k]));
        for (int w = 0; w < below_words; w++)
          for (uint64_t bits = turned[size_t(k) * words + w]; bits; bits &= bits - 1) {
            const int neuron = 64 * w + __builtin_ctzll(bits);
            f(neuron, as_floats((as_words(floats(fields[neuron])) & SIGN) | as_words(floats(1.0f))));
          }
      };
      if (SPARSE) {
        memcpy(now, old, width * sizeof(float));
        each([&](int neuron, Floats spin) { add_links(layer, neuron, spin[0], now); });
      }
      auto part = make(k);
      for (int v = 0; v < width; v += COUNT * LANES) {
        Floats before[COUNT], after[COUNT];
        for (int c = 0; c < COUNT; c++) before[c] = load<Floats>(old + v + c * LANES);
        for (int c = 0; c < COUNT; c++) after[c] = SPARSE ? load<Floats>(now + v + c * LANES) : before[c];
        if (!SPARSE) each([&](int neuron, Floats spin) __attribute__((always_inline)) {
          const float* change = influence + size_t(neuron) * width + v;
          for (int c = 0; c < COUNT; c++) after[c] += spin * load<Floats>(change + c * LANES);
        });
        for (int c = 0; c < COUNT; c++) store(now + v + c * LANES, after[c]);
        part.take(v, before, after);
      }
      done(k, part);
    }
  }

  void add_links(const FollowingLayer& layer, int neuron, float spin, float* fields) const {
    const Link* link = layer.links + size_t(neuron) * m.most_targets;
    const Link* end = link + m.most_targets;
    for (; link < end && link->target < layer.weights.neurons; link++)  // what is missing stands last
      fields[link->target] += spin * link->change;
  }

  const FollowingMachine& m;
  const FollowingLayer& last;
  const FollowScratch scratch;
  const Potential potential;
  uint32_t column_number = 0;
  int32_t tops[TOGETHER];  // up to where the columns on trial have changed
};

void follow(const FollowingMachine& machine, int32_t* accepted, char* scratch) {
  Following(machine, scratch).run(accepted);
}

}  // namespace
