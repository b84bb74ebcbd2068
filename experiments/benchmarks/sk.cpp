// Sweeps of fully connected spins with pair couplings: decisions from local fields, replicas side by side in the
// lanes; the accepted flips of a block of sites reach all fields in one pass, in which the couplings stay in cache.
//
// The vectors and the random numbers are those of the package's kernels: glassnet/native/src.
#include <cstdlib>

#include "numbers.h"

namespace {

// Replicas of one set of spins with pair couplings, E = -1/2 sum_ij J_ij s_i s_j; J symmetric, its diagonal zero.
struct SkModel {
  int sites, columns, stride, replicas;  // columns: sites and padding, a multiple of 64; stride: at least as many
  const float* couplings;        // (site, stride)
  int8_t* spins;                 // (site, replica)
  float* fields;                 // (replica, column): sum_j J_ij s_j
  float temperature;
};

// Sites that decide on one tile of fields before all fields follow; columns of the couplings handled together.
constexpr int SITES = 64;

class SkSweep {
 public:
  SkSweep(const SkModel& model, char* memory)
      : m(model), groups((model.replicas + LANES - 1) / LANES), change((float*)memory) {
    threshold = change + size_t(SITES) * groups * LANES;
    tile = threshold + size_t(m.sites) * groups * LANES;
    value = tile + SITES * LANES;
    site = (int32_t*)(value + size_t(groups) * LANES * SITES);
    flips = site + size_t(groups) * LANES * SITES;
  }

  static size_t bytes(const SkModel& m) {
    const size_t replicas = (m.replicas + LANES - 1) / LANES * LANES;
    return 4 * (replicas * (3 * SITES + m.sites + 1) + SITES * LANES);
  }

  // The fields of the spins as they are: as if all had just turned from zero.
  void fill() {
    memset(m.fields, 0, sizeof(float) * m.replicas * m.columns);
    for (int first = 0; first < m.sites; first += SITES) {
      const int count = m.sites - first < SITES ? m.sites - first : SITES;
      for (int r = 0; r < m.replicas; r++) {
        flips[r] = count;
        for (int j = 0; j < count; j++) {
          value[size_t(r) * SITES + j] = m.spins[size_t(first + j) * m.replicas + r];
          site[size_t(r) * SITES + j] = j;
        }
      }
      for (int column = 0; column < m.columns; column += SITES)
        for (int r = 0; r < m.replicas; r++) follow(r, first, column);
    }
  }

  // Offer every spin of every replica once; adds to `accepted`, by replica.
  void run(Key key, int64_t* accepted) {
    for (int g = 0; g < groups; g++) draw(key, g);
    for (int first = 0; first < m.sites; first += SITES) {
      const int count = m.sites - first < SITES ? m.sites - first : SITES;
      for (int g = 0; g < groups; g++) decide(g, first, count);
      for (int r = 0; r < m.replicas; r++) {
        collect(r, count);
        accepted[r] += flips[r];
      }
      for (int column = 0; column < m.columns; column += SITES)
        for (int r = 0; r < m.replicas; r++) follow(r, first, column);
    }
  }

 private:
  int left(int g) const {
    const int n = m.replicas - g * LANES;
    return n < LANES ? n : LANES;
  }

  void draw(Key key, int g) {
    const Draws draws{key, m.sites, m.replicas};
    float* out = threshold + size_t(g) * m.sites * LANES;
    const Floats T = floats(m.temperature);
    draws.at<Exponential, 1>(g * LANES, [&](int j, int, Floats x) { store(out + size_t(j) * LANES, T * x); });
  }

  // Offer the flips of `count` sites to the replicas of a group; the fields of these sites alone are kept up to date.
  void decide(int g, int first, int count) {
    const int n = left(g);
    for (int k = 0; k < LANES; k++) {
      const float* fields = m.fields + size_t(g * LANES + (k < n ? k : 0)) * m.columns + first;
      for (int j = 0; j < count; j++) tile[j * LANES + k] = fields[j];
    }
    Ints lane;
    for (int k = 0; k < LANES; k++) lane[k] = k;
    const Ints inside = lane < n;
    for (int j = 0; j < count; j++) {
      int8_t* spins = m.spins + size_t(first + j) * m.replicas + g * LANES;
      const Bytes old = n == LANES ? load<Bytes>(spins) : load_part<Bytes>(spins, n);
      const Floats step = -2.0f * converted(widened(old));
      const Floats rise = -step * load<Floats>(tile + j * LANES);
      const Ints yes = (rise <= load<Floats>(threshold + (size_t(g) * m.sites + first + j) * LANES)) & inside;
      const Floats taken = select(yes, step, Floats{});
      store(change + (size_t(g) * SITES + j) * LANES, taken);
      if (!any(yes)) continue;
      const Bytes flip = narrowed(yes), now = (Bytes)((old ^ flip) - flip);
      if (n == LANES) store(spins, now);
      else store_part(spins, now, n);
      const float* J = m.couplings + size_t(first + j) * m.stride + first;
      for (int i = j + 1; i < count; i++) store(tile + i * LANES, load<Floats>(tile + i * LANES) + taken * J[i]);
    }
  }

  // The flips of a replica as a list.
  void collect(int r, int count) {
    const float* from = change + size_t(r / LANES) * SITES * LANES + r % LANES;
    float* values = value + size_t(r) * SITES;
    int32_t* sites = site + size_t(r) * SITES;
    int n = 0;
    for (int j = 0; j < count; j++) {
      values[n] = from[j * LANES];
      sites[n] = j;
      n += from[j * LANES] != 0;
    }
    flips[r] = n;
  }

  // Add what the listed flips do to SITES fields of a replica.
  void follow(int r, int first, int column) const {
    constexpr int VECTORS = SITES / LANES < 8 ? SITES / LANES : 8;
    const float* values = value + size_t(r) * SITES;
    const int32_t* sites = site + size_t(r) * SITES;
    for (int part = 0; part < SITES; part += VECTORS * LANES) {
      float* fields = m.fields + size_t(r) * m.columns + column + part;
      const float* couplings = m.couplings + size_t(first) * m.stride + column + part;
      Floats sum[VECTORS];
#pragma GCC unroll 8
      for (int k = 0; k < VECTORS; k++) sum[k] = load<Floats>(fields + k * LANES);
      for (int n = 0; n < flips[r]; n++) {
        const float* J = couplings + size_t(sites[n]) * m.stride;
        const Floats by = floats(values[n]);
#pragma GCC unroll 8
        for (int k = 0; k < VECTORS; k++) sum[k] += by * load<Floats>(J + k * LANES);
      }
#pragma GCC unroll 8
      for (int k = 0; k < VECTORS; k++) store(fields + k * LANES, sum[k]);
    }
  }

  const SkModel& m;
  const int groups;
  float *change, *threshold, *tile, *value;
  int32_t *site, *flips;
};

char* aligned(size_t bytes) {
  char* memory = static_cast<char*>(aligned_alloc(64, (bytes + 4095) / 4096 * 4096));
  if (!memory) abort();
  return memory;
}

}  // namespace

extern "C" int lanes() { return LANES; }

// Sweeps start..stop - 1 of all replicas, each with the numbers at its address below the key; `accepted` counts flips
// by replica.
extern "C" void sweeps(int sites, int columns, int stride, int replicas, const float* couplings, int8_t* spins,
                       float temperature, uint32_t a, uint32_t b, int start, int stop, int64_t* accepted) {
  float* fields = (float*)aligned(sizeof(float) * replicas * columns);
  const SkModel model{sites, columns, stride, replicas, couplings, spins, fields, temperature};
  char* scratch = aligned(SkSweep::bytes(model));
  SkSweep sweep(model, scratch);
  sweep.fill();
  for (int t = start; t < stop; t++) sweep.run(Key{a, b}.at(uint32_t(t)), accepted);
  free(scratch);
  free(fields);
}
