// Random numbers by address: the same bits, and up to rounding the same numbers, as glassnet.core.keys.
#pragma once

#include "vector.h"

namespace {

// Threefry-2x32 with 20 rounds [Salmon et al. 2011] of COUNT blocks, whose rounds overlap in time.
template <int COUNT, class W>
INLINE void threefry(uint32_t key0, uint32_t key1, W (&x)[COUNT], W (&y)[COUNT]) {
  constexpr int ROTATION[8] = {13, 15, 26, 6, 17, 29, 16, 24};
  const uint32_t keys[3] = {key0, key1, key0 ^ key1 ^ 0x1BD11BDAu};
#define EACH _Pragma("GCC unroll 4") for (int n = 0; n < COUNT; n++)
  EACH { x[n] += keys[0]; y[n] += keys[1]; }
#pragma GCC unroll 20
  for (int round = 0; round < 20; round++) {
    const int r = ROTATION[round % 8], part = round / 4 + 1;
    EACH {
      x[n] += y[n];
      y[n] = turned_left(y[n], r) ^ x[n];
    }
    if (round % 4 == 3) EACH { x[n] += keys[part % 3]; y[n] += keys[(part + 1) % 3] + uint32_t(part); }
  }
#undef EACH
}

struct Key {
  uint32_t a, b;

  Key at(uint32_t index) const {
    uint32_t x[1] = {0}, y[1] = {index};
    threefry(a, b, x, y);
    return {x[0], y[0]};
  }
};

// Uniform in (0, 1), odd multiples of 2^-24; and the same times 2^23.
INLINE Floats scaled_uniform(Words bits) { return converted((Ints)(bits >> 9)) + 0.5f; }
INLINE Floats uniform(Words bits) { return scaled_uniform(bits) * 0x1p-23f; }

// What turns COUNT vectors of random words into numbers of a distribution.
struct Exponential {
  template <int COUNT>
  INLINE void turn(const Words (&bits)[COUNT], Floats (&out)[COUNT]) {
    for (int n = 0; n < COUNT; n++) out[n] = scaled_uniform(bits[n]);
    take_logarithms<23>(out);
    for (int n = 0; n < COUNT; n++) out[n] = -out[n];
  }
};

struct Logistic {
  template <int COUNT>
  INLINE void turn(const Words (&bits)[COUNT], Floats (&out)[COUNT]) {
    Floats rest[COUNT];
    for (int n = 0; n < COUNT; n++) {
      out[n] = scaled_uniform(bits[n]);
      rest[n] = 0x1p23f - out[n];
    }
    take_logarithms<23>(out);
    take_logarithms<23>(rest);
    for (int n = 0; n < COUNT; n++) out[n] -= rest[n];
  }
};

// sqrt(2) erfinv(x) = x g(w), x = 2u - 1, w = -log(1 - x^2); g fitted below w = 5, and above in sqrt(w).
INLINE Floats normal(Words bits) {
  Floats u = uniform(bits);
  Floats w = -logarithm(4.0f * u * (1.0f - u));
  Floats v = w - 2.5f;
  Floats g = floats(-1.2645068991e-08f);
  g = g * v + 3.2901397162e-08f;
  g = g * v + 6.6222952455e-07f;
  g = g * v - 4.8975530262e-06f;
  g = g * v - 7.0329824666e-06f;
  g = g * v + 3.0878771213e-04f;
  g = g * v - 1.7716210568e-03f;
  g = g * v - 5.9077194892e-03f;
  g = g * v + 3.4880203009e-01f;
  g = g * v + 2.1233134270e+00f;
  Ints far = w >= 5.0f;
  if (any(far)) {
    Floats s = square_root(w) - 3.0f;
    Floats t = floats(-2.2490117407e-04f);
    t = t * s + 1.1250472016e-04f;
    t = t * s + 1.8273267196e-03f;
    t = t * s - 5.1657846197e-03f;
    t = t * s + 8.1535065547e-03f;
    t = t * s - 1.0787137784e-02f;
    t = t * s + 1.3343139552e-02f;
    t = t * s + 1.4165815115e+00f;
    t = t * s + 4.0064344406e+00f;
    g = select(far, t, g);
  }
  return (2.0f * u - 1.0f) * g;
}

struct Normal {
  template <int COUNT>
  INLINE void turn(const Words (&bits)[COUNT], Floats (&out)[COUNT]) {
    for (int n = 0; n < COUNT; n++) out[n] = normal(bits[n]);
  }
};

// The words of an array of shape (rows, width), as glassnet.core.keys.bits draws them: rows j and j + half share
// their blocks, half = ceil(rows / 2).
struct Draws {
  Key key;
  int rows, width;

  int half() const { return (rows + 1) / 2; }

  // Calls put(j, g, numbers) with the lanes of every row j, for VECTORS vectors g from `first` on.
  template <class Numbers, int VECTORS, class Put>
  inline __attribute__((always_inline)) void at(int first, Put put) const {
    Words lane;
    for (int k = 0; k < LANES; k++) lane[k] = k;
    rows_from<Numbers, VECTORS, (VECTORS < TOGETHER ? TOGETHER / VECTORS : 1)>(0, lane + uint32_t(first), put);
  }

 private:
  static constexpr int TOGETHER = 4;

  // Rows j, j + 1, ... of the first half and their fellows, ROWS of them together as long as there are as many.
  template <class Numbers, int VECTORS, int ROWS, class Put>
  inline __attribute__((always_inline)) void rows_from(int j, Words lane, Put put) const {
    for (; j + ROWS <= half(); j += ROWS) blocks<Numbers, VECTORS, ROWS>(j, lane, put);
    if constexpr (ROWS > 1) rows_from<Numbers, VECTORS, ROWS / 2>(j, lane, put);
  }

  template <class Numbers, int VECTORS, int ROWS, class Put>
  inline __attribute__((always_inline)) void blocks(int j, Words lane, Put put) const {
    constexpr int COUNT = ROWS * VECTORS;
    Words x[COUNT], y[COUNT];
    for (int n = 0; n < COUNT; n++) {
      x[n] = lane + uint32_t(n % VECTORS * LANES) + uint32_t(j + n / VECTORS) * uint32_t(width);
      y[n] = x[n] + uint32_t(half()) * uint32_t(width);
    }
    threefry(key.a, key.b, x, y);
    Floats numbers[COUNT];
    Numbers::turn(x, numbers);
    for (int n = 0; n < COUNT; n++) put(j + n / VECTORS, n % VECTORS, numbers[n]);
    Numbers::turn(y, numbers);
    for (int n = 0; n < COUNT; n++)
      if (j + n / VECTORS + half() < rows) put(j + n / VECTORS + half(), n % VECTORS, numbers[n]);
  }
};

}  // namespace
