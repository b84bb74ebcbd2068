// Vectors of floats and of 32-bit words, as wide as the instruction set of this translation unit.
//
// Everything here has internal linkage: the same source is compiled once for each instruction set.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX512F__) && defined(__AVX512DQ__)
#define GLASSNET_LANES 16
#elif defined(__AVX2__)
#define GLASSNET_LANES 8
#else
#define GLASSNET_LANES 4
#endif

#if GLASSNET_LANES > 4
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

namespace {

constexpr int LANES = GLASSNET_LANES;
typedef float Floats __attribute__((vector_size(4 * GLASSNET_LANES)));
typedef uint32_t Words __attribute__((vector_size(4 * GLASSNET_LANES)));
typedef int32_t Ints __attribute__((vector_size(4 * GLASSNET_LANES)));
typedef int8_t Bytes __attribute__((vector_size(GLASSNET_LANES)));

INLINE Floats floats(float x) { return x - Floats{}; }
INLINE Words words(uint32_t x) { return x - Words{}; }

template <class V, class T>
INLINE V load(const T* from) {
  V x;
  memcpy(&x, from, sizeof(V));
  return x;
}
template <class V, class T>
INLINE void store(T* to, V x) { memcpy(to, &x, sizeof(V)); }

// The first n lanes; the others are zero, or stay untouched in memory.
template <class V, class T>
INLINE V load_part(const T* from, int n) {
  V x{};
  memcpy(&x, from, n * sizeof(T));
  return x;
}
template <class V, class T>
INLINE void store_part(T* to, V x, int n) { memcpy(to, &x, n * sizeof(T)); }

INLINE Floats as_floats(Words x) { return (Floats)x; }
INLINE Words as_words(Floats x) { return (Words)x; }

constexpr uint32_t SIGN = 0x80000000u;

// x, its sign changed in the lanes where the top bit of `sign` is set.
INLINE Floats flipped(Floats x, Words sign) { return as_floats(as_words(x) ^ (sign & SIGN)); }

INLINE Floats select(Ints mask, Floats yes, Floats no) { return mask ? yes : no; }

// The bits of each word turned left by r.
INLINE Words turned_left(Words x, int r) {
#if GLASSNET_LANES == 8
  const auto bytes = [&](int64_t low, int64_t high) {
    return (Words)_mm256_shuffle_epi8((__m256i)x, _mm256_set_epi64x(high, low, high, low));
  };
  if (r == 16) return bytes(0x0504070601000302, 0x0d0c0f0e09080b0a);
  if (r == 24) return bytes(0x0407060500030201, 0x0c0f0e0d080b0a09);
#endif
  return (x << r) | (x >> (32 - r));
}
INLINE uint32_t turned_left(uint32_t x, int r) { return (x << r) | (x >> (32 - r)); }

INLINE Floats negative_part(Floats x) {
#if GLASSNET_LANES == 16
  return (Floats)_mm512_min_ps(_mm512_setzero_ps(), (__m512)x);
#elif GLASSNET_LANES == 8
  return (Floats)_mm256_min_ps(_mm256_setzero_ps(), (__m256)x);
#else
  return x > Floats{} ? Floats{} : x;
#endif
}

// One of table[0..3] in each lane, by the low bits of `index`: the lowest one (BITS = 1, table[2..3] = table[0..1])
// or the lowest two. The table repeats in every four lanes.
template <int BITS>
INLINE Floats looked_up(Floats table, Words index) {
#if GLASSNET_LANES == 16
  return (Floats)_mm512_permutevar_ps((__m512)table, (__m512i)index);
#elif GLASSNET_LANES == 8
  return (Floats)_mm256_permutevar_ps((__m256)table, (__m256i)index);
#else
  Ints odd = (Ints)(index << 31) < 0;
  Floats first = select(odd, floats(table[1]), floats(table[0]));
  if (BITS == 1) return first;
  Floats second = select(odd, floats(table[3]), floats(table[2]));
  return select((Ints)(index << 30) < 0, second, first);
#endif
}

// The tables of a sign flip of a, and of those of a and b: a, -a, a, -a and a + b, b - a, a - b, -a - b.
INLINE Floats table_of(float a) {
  Words first;
  for (int k = 0; k < LANES; k++) first[k] = k & 1 ? SIGN : 0;
  return flipped(floats(a), first);
}
INLINE Floats table_of(float a, float b) {
  Words second;
  for (int k = 0; k < LANES; k++) second[k] = k & 2 ? SIGN : 0;
  return table_of(a) + flipped(floats(b), second);
}

INLINE bool any(Ints mask) {
#if GLASSNET_LANES == 16
  return _mm512_movepi32_mask((__m512i)mask) != 0;
#elif GLASSNET_LANES == 8
  return _mm256_movemask_ps((__m256)mask) != 0;
#else
  int32_t found = 0;
  for (int k = 0; k < LANES; k++) found |= mask[k];
  return found != 0;
#endif
}

// The top bits of the lanes, that of the first lane lowest.
INLINE uint32_t top_bits(Words x) {
#if GLASSNET_LANES == 16
  return _cvtmask16_u32(_mm512_movepi32_mask((__m512i)x));
#elif GLASSNET_LANES == 8
  return uint32_t(_mm256_movemask_ps((__m256)x));
#else
  uint32_t bits = 0;
  for (int k = 0; k < LANES; k++) bits |= (x[k] >> 31) << k;
  return bits;
#endif
}

// A bit for each lane.
#if GLASSNET_LANES > 8
typedef uint16_t Mask;
#else
typedef uint8_t Mask;
#endif
constexpr int MASKS = 64 / sizeof(Mask);  // of a cache line

// Which masks of a cache line have a bit set, a bit each.
INLINE uint64_t occupied(const Mask* masks) {
#if GLASSNET_LANES == 16
  const __m512i x = _mm512_load_si512(masks);
  return _cvtmask32_u32(_mm512_test_epi16_mask(x, x));
#elif GLASSNET_LANES == 8
  const auto empty = [](const Mask* masks) {
    return uint32_t(_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_load_si256((const __m256i*)masks), __m256i{})));
  };
  return ~(empty(masks) | uint64_t(empty(masks + 32)) << 32);
#else
  uint64_t bits = 0;
  for (int k = 0; k < MASKS; k++) bits |= uint64_t(masks[k] != 0) << k;
  return bits;
#endif
}

// The same of several vectors.
template <int COUNT>
INLINE uint64_t all_top_bits(const Words (&x)[COUNT]) {
#if GLASSNET_LANES == 16
  if constexpr (COUNT == 4) {
    const auto pair = [&](int k) {
      return _mm512_kunpackw(_mm512_movepi32_mask((__m512i)x[k + 1]), _mm512_movepi32_mask((__m512i)x[k]));
    };
    return _cvtmask64_u64(_mm512_kunpackd(pair(2), pair(0)));
  }
#endif
  uint64_t bits = 0;
  for (int k = 0; k < COUNT; k++) bits |= uint64_t(top_bits(x[k])) << (k * LANES);
  return bits;
}

// Lanes of a mask that are set.
INLINE int count_of(Ints mask) {
#if GLASSNET_LANES == 16
  return __builtin_popcount(_mm512_movepi32_mask((__m512i)mask));
#elif GLASSNET_LANES == 8
  return __builtin_popcount(_mm256_movemask_ps((__m256)mask));
#else
  int32_t set = 0;
  for (int k = 0; k < LANES; k++) set -= mask[k];
  return set;
#endif
}

INLINE Floats square_root(Floats x) {
#if GLASSNET_LANES == 16
  return (Floats)_mm512_sqrt_ps((__m512)x);
#elif GLASSNET_LANES == 8
  return (Floats)_mm256_sqrt_ps((__m256)x);
#else
  for (int k = 0; k < LANES; k++) x[k] = __builtin_sqrtf(x[k]);
  return x;
#endif
}

INLINE float sum(Floats x) {
#if GLASSNET_LANES == 16
  return _mm512_reduce_add_ps((__m512)x);
#elif GLASSNET_LANES == 8
  __m128 four = _mm_add_ps(_mm256_castps256_ps128((__m256)x), _mm256_extractf128_ps((__m256)x, 1));
  four = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
#else
  float total[LANES];
  store(total, x);
  for (int step = LANES / 2; step; step /= 2)
    for (int k = 0; k < step; k++) total[k] += total[k + step];
  return total[0];
#endif
}

// Four numbers, one for each of four rows, whatever the width of a vector.
typedef float Four __attribute__((vector_size(16)));
typedef int32_t FourInts __attribute__((vector_size(16)));

// Sums of the lanes of four vectors.
INLINE Four sums(const Floats* x) {
#if GLASSNET_LANES >= 8
  __m256 half[4];
  for (int k = 0; k < 4; k++) {
#if GLASSNET_LANES == 16
    half[k] = _mm256_add_ps(_mm512_castps512_ps256((__m512)x[k]), _mm512_extractf32x8_ps((__m512)x[k], 1));
#else
    half[k] = (__m256)x[k];
#endif
  }
  const __m256 all = _mm256_hadd_ps(_mm256_hadd_ps(half[0], half[1]), _mm256_hadd_ps(half[2], half[3]));
  return (Four)_mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1));
#else
  return Four{sum(x[0]), sum(x[1]), sum(x[2]), sum(x[3])};
#endif
}

INLINE Floats converted(Ints x) { return __builtin_convertvector(x, Floats); }

// Between bytes and words (compilers take single lanes for these).
INLINE Ints widened(Bytes x) {
#if GLASSNET_LANES == 16
  return (Ints)_mm512_cvtepi8_epi32((__m128i)x);
#elif GLASSNET_LANES == 8
  return (Ints)_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i*)&x));
#else
  return __builtin_convertvector(x, Ints);
#endif
}
INLINE Bytes narrowed(Ints x) {
#if GLASSNET_LANES == 16
  return (Bytes)_mm512_cvtepi32_epi8((__m512i)x);
#elif GLASSNET_LANES == 8
  const __m256i pairs = _mm256_packs_epi32((__m256i)x, (__m256i)x);
  const __m128i four = _mm_unpacklo_epi64(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
  Bytes out;
  _mm_storel_epi64((__m128i*)&out, _mm_packs_epi16(four, four));
  return out;
#else
  return __builtin_convertvector(x, Bytes);
#endif
}

// Bytes of four vectors, in an order from which `top_bytes` takes each of the vectors in one step.
typedef int8_t FourBytes __attribute__((vector_size(4 * GLASSNET_LANES)));

INLINE FourBytes arranged(const int8_t* bytes) {
#if GLASSNET_LANES == 16
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  return (FourBytes)_mm512_permutexvar_epi32(order, _mm512_loadu_si512(bytes));
#elif GLASSNET_LANES == 8
  const __m256i order = _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7);
  return (FourBytes)_mm256_permutevar8x32_epi32(_mm256_loadu_si256((const __m256i*)bytes), order);
#else
  return load<FourBytes>(bytes);
#endif
}

// Words whose top bytes are those of vector VECTOR, and whose other bytes are zero.
template <int VECTOR>
INLINE Words top_bytes(FourBytes x) {
#if GLASSNET_LANES > 4
  constexpr uint32_t place = 0x00808080u | (4 * VECTOR) << 24;
  const __m128i places = _mm_setr_epi32(place, place + 0x01000000, place + 0x02000000, place + 0x03000000);
#if GLASSNET_LANES == 16
  return (Words)_mm512_shuffle_epi8((__m512i)x, _mm512_broadcast_i32x4(places));
#else
  return (Words)_mm256_shuffle_epi8((__m256i)x, _mm256_broadcastsi128_si256(places));
#endif
#else
  Words out;
  for (int k = 0; k < LANES; k++) out[k] = uint32_t(uint8_t(x[LANES * VECTOR + k])) << 24;
  return out;
#endif
}

// Flips the signs of COUNT vectors of bytes, COUNT = 2 or 4, where the masks are set; returns how many these are.
template <int COUNT>
INLINE int flip_bytes(int8_t* bytes, const Ints* masks) {
#if GLASSNET_LANES == 8
  const __m256i first = _mm256_packs_epi32((__m256i)masks[0], (__m256i)masks[1]);
  const __m256i second = COUNT == 4 ? _mm256_packs_epi32((__m256i)masks[COUNT - 2], (__m256i)masks[COUNT - 1]) : first;
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  const __m256i flips = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(first, second), order);
  if (COUNT == 2) {
    const __m128i few = _mm256_castsi256_si128(flips);
    const __m128i old = _mm_loadu_si128((const __m128i*)bytes);
    _mm_storeu_si128((__m128i*)bytes, _mm_sub_epi8(_mm_xor_si128(old, few), few));
    return __builtin_popcount(_mm_movemask_epi8(few));
  }
  const __m256i old = _mm256_loadu_si256((const __m256i*)bytes);
  _mm256_storeu_si256((__m256i*)bytes, _mm256_sub_epi8(_mm256_xor_si256(old, flips), flips));
  return __builtin_popcount(_mm256_movemask_epi8(flips));
#else
  int count = 0;
  for (int n = 0; n < COUNT; n++) {
    const Bytes flips = narrowed(masks[n]);
    store(bytes + n * LANES, (Bytes)((load<Bytes>(bytes + n * LANES) ^ flips) - flips));
    count += count_of(masks[n]);
  }
  return count;
#endif
}

// One of table[0..7] in each lane, by the lowest three bits of `index`.
INLINE Floats of_eight(const float* table, Words index) {
#if GLASSNET_LANES == 16
  return (Floats)_mm512_permutexvar_ps((__m512i)(index & 7), _mm512_castps256_ps512(_mm256_loadu_ps(table)));
#elif GLASSNET_LANES == 8
  return (Floats)_mm256_permutevar8x32_ps(_mm256_loadu_ps(table), (__m256i)index);
#else
  Floats found;
  for (int k = 0; k < LANES; k++) found[k] = table[index[k] & 7];
  return found;
#endif
}

// Natural logarithms of x / 2^POWER, positive and normal, within 1e-7 + 2.2e-7 |log x|. Those of COUNT vectors overlap
// in time.
//
// The mantissa lies in one of eight bins, cut at odd multiples of 1/16 so that one holds 1 in its midst, and log x is
// e log 2 - log c + log(1 + r) with the bin's c and r = c m - 1, at most 1/16.
template <int POWER, int COUNT>
INLINE void take_logarithms(Floats (&x)[COUNT]) {
  constexpr uint32_t least = 0x3f380000u;  // 23/32: the mantissa is brought into [23/32, 23/16)
  static constexpr float c[8] = {1.3333334f, 1.2307693f, 1.1428572f, 1.0666667f, 1.0f, 0.8888889f, 0.8f, 0.72727275f};
  static constexpr float minus_log_c[8] = {-2.876821023e-01f, -2.076394020e-01f, -1.335314373e-01f, -6.453857329e-02f,
                                           0.0f,              1.177830282e-01f,  2.231435364e-01f,  3.184537013e-01f};
  Floats r[COUNT], p[COUNT], rest[COUNT];
#define EACH _Pragma("GCC unroll 4") for (int n = 0; n < COUNT; n++)
  EACH {
    const Words shifted = as_words(x[n]) - (least + (uint32_t(POWER) << 23)), bin = shifted >> 20;
    rest[n] = converted((Ints)shifted >> 23) * 0.69314718056f + of_eight(minus_log_c, bin);
    r[n] = as_floats((shifted & 0x007fffffu) + least) * of_eight(c, bin) - 1.0f;
  }
  // log(1 + r) = r + r^2 p(r), p fitted to an error of 2e-8
  EACH p[n] = -2.4743296153e-01f * r[n] + 3.3392336171e-01f;
  EACH p[n] = p[n] * r[n] - 5.0000517497e-01f;
  EACH x[n] = r[n] * r[n] * p[n] + (r[n] + rest[n]);
#undef EACH
}

INLINE Floats logarithm(Floats x) {
  Floats one[1] = {x};
  take_logarithms<0>(one);
  return one[0];
}

// Exponential, relative error about 1e-7 between -87 and 88, where it is cut.
INLINE Floats exponential_of(Floats x) {
  x = select(x < -87.0f, floats(-87.0f), select(x > 88.0f, floats(88.0f), x));
  Floats t = x * 1.4426950409f;
  Ints n = __builtin_convertvector(t + select(t < 0.0f, floats(-0.5f), floats(0.5f)), Ints);
  Floats e = converted(n);
  Floats r = (x - e * 0.693359375f) + e * 2.12194440e-4f;
  Floats p = floats(1.0f / 5040);
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return p * (Floats)((n + 127) << 23);
}


// Sine, absolute error about 1e-7 for |x| < 1000.
INLINE Floats sine(Floats x) {
  Floats t = x * 0.31830988618f;
  Ints n = __builtin_convertvector(t + select(t < 0.0f, floats(-0.5f), floats(0.5f)), Ints);
  Floats e = converted(n);
  Floats r = ((x - e * 3.140625f) - e * 9.67502593994140625e-4f) - e * 1.509957990978376e-7f;
  Floats s = r * r;
  Floats p = floats(-2.5052108385e-8f);  // Taylor series: |r| <= pi/2
  p = p * s + 2.7557319224e-6f;
  p = p * s - 1.9841269841e-4f;
  p = p * s + 8.3333333333e-3f;
  p = p * s - 1.6666666667e-1f;
  Floats y = flipped(r + r * s * p, (Words)n << 31);
  const Ints far = (Ints)(as_words(x) & ~SIGN) > 0x447a0000;  // |x| > 1000, or not a number
  if (any(far))
    for (int k = 0; k < LANES; k++)
      if (far[k]) y[k] = __builtin_sinf(x[k]);
  return y;
}

}  // namespace
