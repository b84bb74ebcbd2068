// Sweeps of weights: the entries of a row one after another, its gaps in the nearest cache.
#pragma once

#include "layer.h"
#include "numbers.h"
#include "potential.h"

namespace {

// Vectors of patterns whose signs share one vector of words: bit 8 r + b of lane k belongs to vector 4 b + r, and there
// to lane k.
constexpr int WORD = 32;

INLINE int vectors_of(int patterns) { return (patterns + LANES - 1) / LANES; }
// x, its sign changed where the spin is -1.
INLINE Floats signed_by(Bytes spin, Floats x) { return flipped(x, (Words)widened(spin)); }
INLINE int groups_of(int patterns) { return (vectors_of(patterns) + WORD - 1) / WORD; }

size_t packed_words(int patterns) { return size_t(groups_of(patterns)) * LANES; }

// Byte r LANES + k of x goes to byte r of word k.
INLINE Words gathered_bytes(Words x) {
  typedef uint8_t All __attribute__((vector_size(4 * LANES)));
  All order;
  for (int k = 0; k < LANES; k++)
    for (int r = 0; r < 4; r++) order[4 * k + r] = uint8_t(r * LANES + k);
  return (Words)__builtin_shuffle((All)x, order);
}

void pack(const int8_t* spins, int patterns, uint32_t* packed) {
  constexpr int AT_ONCE = 4 * LANES;
  for (int first = 0; first < patterns; first += WORD * LANES, packed += LANES) {
    const auto signs = [&](int b) __attribute__((always_inline)) {
      const int start = first + b * AT_ONCE, left = patterns - start;
      const Words x = left >= AT_ONCE ? load<Words>(spins + start)
                                      : load_part<Words>(spins + (left > 0 ? start : 0), left > 0 ? left : 0);
      return b ? x & (0x01010101u << b) : (x >> 1) & 0x01010101u;  // but for the lowest, all bits of +1 and -1 are signs
    };
    Words bits = signs(0);
#pragma GCC unroll 7
    for (int b = 1; b < 8; b++) bits |= signs(b);
    store(packed, gathered_bytes(bits));
  }
}

// The low four bits of each byte of x, spread over its even bits.
INLINE Words spread(Words x) {
  x &= 0x0f0f0f0fu;
  x = (x | (x << 2)) & 0x33333333u;
  return (x | (x << 1)) & 0x55555555u;
}

// Signs of the patterns of a step, TERMS bits each: those of the feeding spins that move together. Bits 8 r + TERMS b
// and up belong to vector 4 b + r.
template <int TERMS>
INLINE void interleaved(const uint32_t* const* feeding, int groups, uint32_t* out) {
  for (int g = 0; g < groups; g++) {
    Words x = load<Words>(feeding[0] + g * LANES);
    if (TERMS == 1) {
      store(out + g * LANES, x);
      continue;
    }
    Words y = load<Words>(feeding[TERMS - 1] + g * LANES);
    store(out + 2 * g * LANES, spread(x) | (spread(y) << 1));
    store(out + (2 * g + 1) * LANES, spread(x >> 4) | (spread(y >> 4) << 1));
  }
}

// Memory of one thread for LANES rows.
struct RowScratch {
  float *change, *threshold, *gaps;
  uint32_t *own, *signs, *own_packed;
  float* means;  // targets, times the spins; a row for each
  int stride;    // of a row of gaps

  RowScratch(const WeightLayer& layer, char* memory) {
    const size_t entries = size_t(layer.slots + 1) * LANES;
    const size_t packed = 2 * packed_words(layer.patterns);
    stride = vectors_of(layer.patterns) * LANES;
    change = (float*)memory;
    threshold = change + entries;
    gaps = threshold + entries;
    own = (uint32_t*)(gaps + 2 * size_t(LANES) * stride);
    signs = own + LANES * packed;
    own_packed = signs + packed;
    means = (float*)(own_packed + packed);
  }

  static size_t bytes(const WeightLayer& layer) {
    const size_t entries = size_t(layer.slots + 1) * LANES;
    const size_t packed = 2 * packed_words(layer.patterns);
    const size_t stride = size_t(vectors_of(layer.patterns)) * LANES;
    return 4 * (2 * entries + (layer.targets.means ? 3 : 2) * LANES * stride + (LANES + 2) * packed);
  }
};

INLINE int common_divisor(int a, int b) {
  while (b) {
    int rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

// The order of one pass: a random step without a divisor in common with the number of slots, and a random turn.
SlotOrder order_of(const WeightLayer& layer, Key pass) {
  int units = 0;
  for (int a = 1; a <= layer.slots; a++) units += common_divisor(a, layer.slots) == 1;
  Key key = pass.at(2);
  uint32_t x[1] = {0}, y[1] = {1};
  threefry(key.a, key.b, x, y);
  const float u = (float(x[0] >> 9) + 0.5f) * 0x1p-23f, v = (float(y[0] >> 9) + 0.5f) * 0x1p-23f;
  int choice = int(u * float(units)), factor = 0;
  for (int a = 1; a <= layer.slots; a++)
    if (common_divisor(a, layer.slots) == 1 && choice-- == 0) factor = a;
  return {factor, int64_t(int(v * float(layer.slots)))};
}

void draw_order(WeightLayer& layer) {
  const Key key{layer.key.a, layer.key.b};
  for (int number = 0; number < 2; number++)
    layer.order[number] = layer.ensemble == SPHERICAL ? order_of(layer, key.at(number)) : SlotOrder{1, 0};
}

struct Order {
  int slots;
  SlotOrder steps;

  int operator[](int place) const { return int((steps.factor * place + steps.turn) % slots); }
};

INLINE Floats row_part(const float* from, int rows) {
  return rows == LANES ? load<Floats>(from) : load_part<Floats>(from, rows);
}

// Proposed changes of the weights of LANES rows, in the order of the steps.
void propose(const WeightLayer& layer, Key pass, const Order& order, int first, int rows, float* change) {
  const float d = layer.step;
  const auto J = [&](int slot) { return row_part(layer.weights + size_t(slot) * layer.neurons + first, rows); };
  if (layer.ensemble == ISING) {
    for (int j = 0; j < layer.slots; j++) store(change + j * LANES, -2.0f * J(j));
  } else if (layer.ensemble == GAUSSIAN) {
    const float norm = __builtin_sqrtf(1.0f + d * d);
    Draws{pass.at(0), layer.slots, layer.neurons}.at<Normal, 1>(first, [&](int j, int, Floats x) {
      Floats old = J(j);
      store(change + j * LANES, (old + d * x) / norm - old);
    });
  } else {
    Draws{pass.at(0), layer.slots / 2, layer.neurons}.at<Normal, 1>(first, [&](int t, int, Floats x) {
      Floats angle = d * x, a = J(order[2 * t]), b = J(order[2 * t + 1]);
      Floats half = sine(0.5f * angle), versine = 2.0f * half * half, whole = sine(angle);
      store(change + 2 * t * LANES, -versine * a - whole * b);
      store(change + (2 * t + 1) * LANES, whole * a - versine * b);
    });
  }
}

void draw_thresholds(Key key, int steps, int width, int first, float temperature, bool coin, float* out) {
  const Draws draws{key, steps, width};
  const float least = temperature > 1e-30f ? temperature : 1e-30f;  // the coin's sign must survive T = 0
  const float T = coin ? least : temperature;
  const auto put = [&](int j, int, Floats x) { store(out + size_t(j) * LANES, T * x); };
  if (coin) draws.at<Logistic, 1>(first, put);
  else draws.at<Exponential, 1>(first, put);
}

// Sum of the costs of `from` + change, which goes to `to`; the change of a pattern is looked up by its signs.
template <int TERMS, class Cost>
INLINE Floats offered(Cost cost, const float* from, float* to, int vectors, Floats table, const uint32_t* signs,
                      const uint32_t* own, const float* means) {
  constexpr int PER_WORD = WORD / TERMS;
  SumOf<Cost> total[4];
  for (SumOf<Cost>& t : total) t = SumOf<Cost>{};
  for (int first = 0; first < vectors; first += PER_WORD, signs += LANES, own += LANES) {
    Words index = load<Words>(signs) ^ load<Words>(own);
    const int last = vectors - first < PER_WORD ? vectors - first : PER_WORD;
    const float* source = from + first * LANES;
    float* target = to + first * LANES;
    if constexpr (is_aimed<Cost>)
      if (first && first % (2 * WORD) == 0)
        for (SumOf<Cost>& t : total) cost.fold(t);
    const auto add = [&](SumOf<Cost>& sum, Floats gap, int q) __attribute__((always_inline)) {
      if constexpr (is_aimed<Cost>) cost.add(sum, gap, load<Floats>(means + (first + q) * LANES));
      else cost.add(sum, gap);
    };
    int q = 0;
    for (; q + 4 <= last; q += 4) {
#pragma GCC unroll 4
      for (int k = 0; k < 4; k++) {
        Floats gap = load<Floats>(source + (q + k) * LANES) + looked_up<TERMS>(table, index >> (8 * k));
        store(target + (q + k) * LANES, gap);
        add(total[k], gap, q + k);
      }
      index >>= TERMS;
    }
    for (; q < last; q++, index >>= 8) {
      Floats gap = load<Floats>(source + q * LANES) + looked_up<TERMS>(table, index);
      store(target + q * LANES, gap);
      add(total[0], gap, q);
    }
  }
  return value_of_four(cost, total);
}

template <int TERMS, class Cost>
class RowSweep {
 public:
  RowSweep(const WeightLayer& layer, Cost cost, int first, char* memory)
      : layer(layer), cost(cost), first(first), scratch(layer, memory),
        vectors(vectors_of(layer.patterns)), groups(groups_of(layer.patterns)) {}

  int64_t pass(int number, int rows) {
    const Key key = Key{layer.key.a, layer.key.b}.at(number);
    const Order order{layer.slots, layer.order[number]};
    const int steps = layer.slots / TERMS;
    propose(layer, key, order, first, rows, scratch.change);
    draw_thresholds(key.at(1), steps, layer.neurons, first, layer.temperature, layer.coin, scratch.threshold);
    const int together = scratch.stride <= SHORT ? 8 : scratch.stride <= LONG ? 4 : 1;
    int64_t accepted = 0;
    for (int row = 0; row < rows; row += together)
      accepted += scan(order, steps, row, rows < row + together ? rows : row + together);
    return accepted;
  }

  void open(int rows) {
    for (int k = 0; k < rows; k++) {
      const size_t start = size_t(first + k) * layer.patterns;
      const int8_t* own = layer.own + start;
      pack(own, layer.patterns, scratch.own_packed);
      const uint32_t* both[2] = {scratch.own_packed, scratch.own_packed};
      interleaved<TERMS>(both, groups, own_of(k));
      now[k] = 0;
      SumOf<Cost> total[4];
      for (SumOf<Cost>& t : total) t = SumOf<Cost>{};
      const int whole = layer.patterns / LANES, left = layer.patterns % LANES;
      const float* field = layer.fields + start;
      float* gaps = gaps_of(k, 0);
      float* means = means_of(k);
      if constexpr (is_aimed<Cost>)
        for (int mu = 0; mu < scratch.stride; mu++)
          means[mu] = mu < layer.patterns ? own[mu] * layer.targets.means[start + mu] : 1.0f;
      const auto add = [&](int q, SumOf<Cost>& sum, Floats gap) __attribute__((always_inline)) {
        if constexpr (is_aimed<Cost>) {
          if (q % 16 == 0) cost.fold(sum);
          cost.add(sum, gap, load<Floats>(means + q * LANES));
        } else {
          cost.add(sum, gap);
        }
      };
      const auto opened = [&](int q, SumOf<Cost>& sum) __attribute__((always_inline)) {
        const Floats gap = signed_by(load<Bytes>(own + q * LANES), load<Floats>(field + q * LANES)) - layer.potential.margin;
        store(gaps + q * LANES, gap);
        add(q, sum, gap);
      };
      int q = 0;
      for (; q + 4 <= whole; q += 4)
#pragma GCC unroll 4
        for (int n = 0; n < 4; n++) opened(q + n, total[n]);
      for (; q < whole; q++) opened(q, total[0]);
      if (left) {
        Floats gap = floats(is_aimed<Cost> ? PADDING : __builtin_inff());  // costs nothing, whatever is added to it
        for (int n = 0; n < left; n++)
          gap[n] = own[q * LANES + n] * field[q * LANES + n] - layer.potential.margin;
        store(gaps + q * LANES, gap);
        add(q, total[0], gap);
      }
      energy[k] = sum(value_of_four(cost, total)) * layer.potential.strength;
    }
  }

  void close(int rows) {
    const int whole = layer.patterns / LANES, left = layer.patterns % LANES, last = whole * LANES;
    for (int k = 0; k < rows; k++) {
      const size_t start = size_t(first + k) * layer.patterns;
      const int8_t* own = layer.own + start;
      float* field = layer.fields + start;
      const float* gaps = gaps_of(k, now[k]);
      for (int q = 0; q < last; q += LANES)
        store(field + q, signed_by(load<Bytes>(own + q), load<Floats>(gaps + q) + layer.potential.margin));
      for (int q = last; q < last + left; q++) field[q] = float(own[q]) * (gaps[q] + layer.potential.margin);
    }
  }

 private:
  // Longest rows of which eight, or four, fit the nearest cache with both buffers. Groups of four under way at once
  // hide the time of each other's decisions.
  static constexpr int SHORT = 288, LONG = 1024;

  float* gaps_of(int k, int buffer) const { return scratch.gaps + (2 * size_t(k) + buffer) * scratch.stride; }

  float* means_of(int k) const { return scratch.means + size_t(k) * scratch.stride; }

  uint32_t* own_of(int k) const { return scratch.own + size_t(k) * TERMS * groups * LANES; }

  const uint32_t* feeding(int slot, int row) const {
    const int source = layer.sources ? layer.sources[size_t(slot) * layer.neurons + first + row] : slot;
    return layer.feeding + size_t(source) * groups * LANES;
  }

  // Rows first..last - 1, four at a time and all of them in every step.
  int64_t scan(const Order& order, int steps, int start, int last) {
    FourInts accepted{};
    for (int t = 0; t < steps; t++) {
      int slots[TERMS];
      for (int n = 0; n < TERMS; n++) slots[n] = TERMS == 1 ? t : order[TERMS * t + n];
      const uint32_t* signs = layer.sources ? nullptr : gathered(slots, start);
      for (int row = start; row < last; row += 4) {
        const int rows = last - row < 4 ? last - row : 4;
        Floats totals[4];
        for (Floats& total : totals) total = Floats{};
#pragma GCC unroll 1
        for (int k = row; k < row + rows; k++) {
          if (layer.sources) signs = gathered(slots, k);
          totals[k - row] = offered<TERMS>(cost, gaps_of(k, now[k]), gaps_of(k, 1 - now[k]), vectors, table(t, k),
                                           signs, own_of(k), means_of(k));
        }
        accepted -= decide(totals, slots, t, row, rows);
      }
    }
    return accepted[0] + accepted[1] + accepted[2] + accepted[3];
  }

  // Signs of the feeding spins of one step, for a row.
  inline const uint32_t* gathered(const int* slots, int row) const {
    if (TERMS == 1) return feeding(slots[0], row);
    const uint32_t* both[2] = {feeding(slots[0], row), feeding(slots[TERMS - 1], row)};
    interleaved<TERMS>(both, groups, scratch.signs);
    return scratch.signs;
  }

  inline Floats table(int t, int row) const {
    const float a = layer.scale * scratch.change[TERMS * t * LANES + row];
    if (TERMS == 1) return table_of(a);
    return table_of(a, layer.scale * scratch.change[(TERMS * t + TERMS - 1) * LANES + row]);
  }

  // Decide on four rows: keep what is accepted; returns -1 where it is.
  inline FourInts decide(const Floats* totals, const int* slots, int t, int row, int rows) {
    const Four proposed = sums(totals) * layer.potential.strength, old = load<Four>(energy + row);
    FourInts yes = proposed - old <= load<Four>(scratch.threshold + t * LANES + row);
    if (rows < 4) yes &= FourInts{-1, rows > 1 ? -1 : 0, rows > 2 ? -1 : 0, 0};
    for (int n = 0; n < TERMS; n++) {
      float* J = layer.weights + size_t(slots[n]) * layer.neurons + first + row;
      const FourInts change = load<FourInts>(scratch.change + (TERMS * t + n) * LANES + row) & yes;
      if (rows == 4) store(J, load<Four>(J) + (Four)change);
      else store_part(J, load_part<Four>(J, rows) + (Four)change, rows);
    }
    store(energy + row, yes ? proposed : old);
    store(now + row, load<FourInts>(now + row) ^ (yes & 1));
    return yes;
  }

  const WeightLayer& layer;
  const Cost cost;
  const int first;
  const RowScratch scratch;
  const int vectors, groups;
  float energy[LANES + 3] = {};  // of each row
  int32_t now[LANES + 3] = {};   // which of its two buffers holds the gaps of a row
};

template <int TERMS, class Cost>
int64_t sweep_rows(const WeightLayer& layer, Cost cost, int first, int rows, char* memory) {
  RowSweep<TERMS, Cost> sweep(layer, cost, first, memory);
  sweep.open(rows);
  int64_t accepted = 0;
  for (int number = 0; number < TERMS; number++) accepted += sweep.pass(number, rows);
  sweep.close(rows);
  return accepted;
}

// Sweep the rows first..first + rows - 1, at most LANES of them; returns how many offers were accepted.
int64_t sweep_weights(const WeightLayer& layer, int first, int rows, char* scratch) {
  const Potential v{Kind(layer.potential.kind), layer.potential.strength, layer.potential.margin,
                    layer.potential.shape};
  return with_cost(v, layer.targets, [&](auto cost) {
    return layer.ensemble == SPHERICAL ? sweep_rows<2>(layer, cost, first, rows, scratch)
                                       : sweep_rows<1>(layer, cost, first, rows, scratch);
  });
}

}  // namespace
