/* What one core can do: sweeps of a uniform machine (Gaussian weights, quadratic soft core, Metropolis) by hand.

   It knows one case only and draws its own random numbers, one after another, so that nothing but the arithmetic and
   the caches limits it. Gaps g = S u are kept by row; spins as whole vectors of sign bits. Patterns must be a multiple
   of two vectors, the width even.

   c++ -march=native -Ofast -shared -fPIC yardstick.cpp -o yardstick.so */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__AVX512F__)
#define W 16
#elif defined(__AVX2__)
#define W 8
#else
#define W 4
#endif
#define GROUPS 2
#define SIGN 0x80000000u

typedef float F __attribute__((vector_size(4 * W)));
typedef uint32_t U __attribute__((vector_size(4 * W)));
typedef int32_t I __attribute__((vector_size(4 * W)));

extern "C" int lanes() { return W; }

static inline F set(float x) { return x - F{}; }
static inline F low(F x) { return x < 0.0f ? x : F{}; }
static inline F signed_by(F x, U sign) { return (F)((U)x ^ sign); }
static inline float sum(F x) {
  float s = 0;
  for (int k = 0; k < W; k++) s += x[k];
  return s;
}

/* xoshiro128+, one generator a lane */
typedef struct { U s[4]; } Random;

static void seed(Random* r, uint64_t x) {
  for (int a = 0; a < 4; a++)
    for (int k = 0; k < W; k++) {
      x += 0x9e3779b97f4a7c15ull;
      uint64_t z = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
      r->s[a][k] = (uint32_t)(z >> 16);
    }
}

static inline F uniform(Random* r) {
  U *s = r->s, bits = s[0] + s[3], t = s[1] << 9;
  s[2] ^= s[0]; s[3] ^= s[1]; s[1] ^= s[2]; s[0] ^= s[3]; s[2] ^= t;
  s[3] = (s[3] << 11) | (s[3] >> 21);
  return (__builtin_convertvector((I)(bits >> 9), F) + 0.5f) * (1.0f / 8388608.0f);
}

static void logs(Random* r, float* out, int n) {
  for (int k = 0; k < n; k += W) *(F*)(out + k) = uniform(r);
  for (int k = 0; k < n; k++) out[k] = logf(out[k]);
}

static void gaussians(Random* r, float* out, int n) { /* n: a multiple of 2 W */
  const int half = n / 2;
  logs(r, out, half);
  for (int k = half; k < n; k += W) *(F*)(out + k) = uniform(r);
  for (int k = 0; k < half; k++) {
    const float a = sqrtf(-2.0f * out[k]), b = 6.2831853f * out[half + k];
    out[k] = a * cosf(b);
    out[half + k] = a * sinf(b);
  }
}

/* bits[q] of lane k: pattern 32 W g + W q + k of group g */
static inline U words(const uint32_t* bits, int group) { return *(const U*)(bits + group * W); }

/* sign bits S (L + 1, N, M), 0 or SIGN in each word, packed: (L + 1, N, ceil(M / 32 W), W) */
extern "C" void pack(int L, int N, int M, const uint32_t* S, uint32_t* packed) {
  const int G = (M + 32 * W - 1) / (32 * W), V = M / W;
  for (int row = 0; row < (L + 1) * N; row++)
    for (int h = 0; h < G; h++) {
      U b = {};
      for (int q = 0; q < 32 && 32 * h + q < V; q++) b |= *(const U*)(S + (size_t)row * M + (32 * h + q) * W) >> q;
      *(U*)(packed + ((size_t)row * G + h) * W) = b;
    }
}

/* g (L, N, M), J (L, N, N) row by row, spins (L + 1, N, ceil(M / 32 W), W) packed */
extern "C" long weights(int L, int N, int M, float beta, float d, float* g, float* J, const uint32_t* spins,
                        uint64_t start) {
  const int G = (M + 32 * W - 1) / (32 * W), V = M / W, NP = (N + 2 * W - 1) / (2 * W) * 2 * W;
  const float c = 1.0f / sqrtf(1.0f + d * d), scale = 1.0f / sqrtf((float)N);
  float* buffer = (float*)aligned_alloc(64, 64 * (size_t)(M / 8 + NP / 8 + 4));
  float *x = buffer + 2 * M, *e = x + NP;
  long accepted = 0;
  Random r;
  seed(&r, start);
  for (int l = 0; l < L; l++)
    for (int i = 0; i < N; i++) {
      float *row = g + ((size_t)l * N + i) * M, *Ji = J + ((size_t)l * N + i) * N, *now = buffer, *next = buffer + M;
      const uint32_t *own = spins + ((size_t)(l + 1) * N + i) * G * W, *below = spins + (size_t)l * N * G * W;
      gaussians(&r, x, NP);
      logs(&r, e, NP);
      F total[4] = {};
      for (int q = 0; q < V; q++) {
        F a = *(F*)(row + q * W);
        *(F*)(now + q * W) = a;
        a = low(a);
        total[0] += a * a;
      }
      float cost = sum(total[0]);
      for (int j = 0; j < N; j++) {
        const float change = (Ji[j] + d * x[j]) * c - Ji[j];
        const F plus = set(change * scale);
        for (int k = 0; k < 4; k++) total[k] = F{};
        for (int h = 0; h < G; h++) {
          U b = words(own, h) ^ words(below + (size_t)j * G * W, h);
          const int last = V - 32 * h < 32 ? V - 32 * h : 32;
          const float* from = now + 32 * W * h;
          float* to = next + 32 * W * h;
          int q = 0;
          for (; q + 4 <= last; q += 4)
#pragma GCC unroll 4
            for (int k = 0; k < 4; k++, b <<= 1) {
              F a = *(F*)(from + (q + k) * W) + signed_by(plus, b & SIGN);
              *(F*)(to + (q + k) * W) = a;
              a = low(a);
              total[k] += a * a;
            }
          for (; q < last; q++, b <<= 1) {
            F a = *(F*)(from + q * W) + signed_by(plus, b & SIGN);
            *(F*)(to + q * W) = a;
            a = low(a);
            total[0] += a * a;
          }
        }
        const float offered = sum((total[0] + total[1]) + (total[2] + total[3]));
        if (e[j] < beta * (cost - offered)) {
          float* swap = now;
          now = next;
          next = swap;
          Ji[j] += change;
          cost = offered;
          accepted++;
        }
      }
      memcpy(row, now, 4 * (size_t)M);
    }
  free(buffer);
  return accepted;
}

/* sign bits S (L + 1, N, M): 0 or SIGN in each word */
extern "C" long spins(int L, int N, int M, float beta, float* g, const float* J, uint32_t* S, uint64_t start) {
  const int B = GROUPS * W;
  const float scale = 1.0f / sqrtf((float)N);
  float* JT = (float*)aligned_alloc(64, (4 * (size_t)N * N + 127) / 64 * 64);
  float* u = (float*)aligned_alloc(64, 4 * (size_t)(N * B + 8 * B));
  uint32_t* s = (uint32_t*)aligned_alloc(64, 4 * (size_t)(N * B));
  float* e = u + N * B;
  long accepted = 0;
  Random r;
  seed(&r, start);
  for (int parity = 1; parity <= 2; parity++)
    for (int l = parity; l < L; l += 2) {
      const float* Jl = J + (size_t)l * N * N;
      for (int j = 0; j < N; j++)
        for (int i = 0; i < N; i++) JT[(size_t)j * N + i] = Jl[(size_t)i * N + j] * scale;
      for (int first = 0; first < M; first += B) {
        float *own = g + (size_t)(l - 1) * N * M + first, *fed = g + (size_t)l * N * M + first;
        uint32_t *mine = S + (size_t)l * N * M + first, *above = S + (size_t)(l + 1) * N * M + first;
        F cost[GROUPS] = {}, pending[GROUPS] = {};
        for (int i = 0; i < N; i++)
          for (int k = 0; k < GROUPS; k++) {
            const F a = *(F*)(fed + (size_t)i * M + k * W), b = low(a);
            const U sign = *(U*)(above + (size_t)i * M + k * W);
            cost[k] += b * b;
            *(F*)(u + i * B + k * W) = signed_by(a, sign);
            *(U*)(s + i * B + k * W) = sign;
          }
        const float* before = JT;
        for (int j = 0; j < N; j++) {
          const float* Jj = JT + (size_t)j * N;
          if (j % 8 == 0) logs(&r, e, 8 * B);
          F change[GROUPS], total[2 * GROUPS] = {};
          for (int k = 0; k < GROUPS; k++) change[k] = signed_by(set(-2.0f), *(U*)(mine + (size_t)j * M + k * W));
          for (int i = 0; i < N; i += 2)
#pragma GCC unroll 2
            for (int n = 0; n < 2; n++)
#pragma GCC unroll 4
              for (int k = 0; k < GROUPS; k++) {
                F* at = (F*)(u + (i + n) * B + k * W);
                F a = *at + pending[k] * before[i + n];
                *at = a;
                a = low(signed_by(a + change[k] * Jj[i + n], *(U*)(s + (i + n) * B + k * W)));
                total[n * GROUPS + k] += a * a;
              }
          before = Jj;
          for (int k = 0; k < GROUPS; k++) {
            const F offered = total[k] + total[GROUPS + k], gap = *(F*)(own + (size_t)j * M + k * W);
            const F less = low(gap), more = low(-gap);
            const F rise = offered - cost[k] + more * more - less * less;
            const I yes = *(F*)(e + (j % 8) * B + k * W) < -beta * rise;
            cost[k] = yes ? offered : cost[k];
            pending[k] = yes ? change[k] : F{};
            *(U*)(mine + (size_t)j * M + k * W) ^= (U)yes & SIGN;
            *(F*)(own + (size_t)j * M + k * W) = yes ? -gap : gap;
            for (int n = 0; n < W; n++) accepted -= yes[n];
          }
        }
        for (int i = 0; i < N; i++)
          for (int k = 0; k < GROUPS; k++)
            *(F*)(fed + (size_t)i * M + k * W) =
                signed_by(*(F*)(u + i * B + k * W) + pending[k] * before[i], *(U*)(s + i * B + k * W));
      }
    }
  free(JT);
  free(u);
  free(s);
  return accepted;
}
