// Entry points for XLA: one call sweeps all weights, or all hidden spins, or all weights that neurons follow, of its
// replicas, in place, several replicas side by side. A replica at a temperature that is no number stays as it is.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <memory>
#include <new>
#include <vector>

#include "layer.h"
#include "machine.h"
#include "threads.h"

namespace ffi = xla::ffi;
using namespace glassnet;

extern const Kernels kernels_base;
#if defined(GLASSNET_X86)
extern const Kernels kernels_avx2, kernels_avx512;
#endif

namespace {

std::vector<const Kernels*> usable() {
  std::vector<const Kernels*> found;
#if defined(GLASSNET_X86)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw"))
    found.push_back(&kernels_avx512);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found.push_back(&kernels_avx2);
#endif
  found.push_back(&kernels_base);
  return found;
}

std::atomic<const Kernels*> kernels{usable().front()};

// Memory of this thread that lasts from call to call, aligned to a cache line.
template <int PURPOSE>
char* memory(size_t bytes) {
  struct Block {
    std::unique_ptr<char, decltype(&free)> data{nullptr, &free};
    size_t size = 0;
  };
  static thread_local Block block;
  if (block.size < bytes) {
    block.size = 0;
    block.data.reset(static_cast<char*>(aligned_alloc(64, (bytes + 4095) / 4096 * 4096)));
    if (!block.data) throw std::bad_alloc();
    block.size = bytes;
  }
  return block.data.get();
}

enum { TASK, CALL, FOLLOW };

LayerKey key_of(const Kernels& k, LayerKey key, int layer) {
  LayerKey result;
  k.fold(key, uint32_t(layer), &result);
  return result;
}

// Rows, or patterns, first..first + count - 1 of a layer.
struct Part {
  int layer, first, count;
};

std::vector<Part> cut(int layer, int sites, int block) {
  std::vector<Part> parts;
  for (int first = 0; first < sites; first += block) parts.push_back({layer, first, std::min(block, sites - first)});
  return parts;
}

template <class T>
void append(std::vector<T>& all, std::vector<T> more) { all.insert(all.end(), more.begin(), more.end()); }

ffi::Error wrong_operands() {
  return ffi::Error(ffi::ErrorCode::kInvalidArgument, "glassnet: operands do not fit the machine");
}

// Signs of the spins of layers first, first + 1, ..., up to the last hidden one, packed.
std::vector<const uint32_t*> packed(ffi::ThreadPool& pool, const Kernels& k, const Machine& m, int first) {
  const size_t words = k.packed_words(m.patterns);
  std::vector<std::pair<int, int>> rows;
  for (int l = first; l < m.depth(); l++)
    for (int i = 0; i < m.holding(l + 1).fan_in; i++) rows.push_back({l, i});
  uint32_t* all = reinterpret_cast<uint32_t*>(memory<CALL>(4 * words * rows.size()));
  constexpr int GROUP = 64;
  const int groups = (int(rows.size()) + GROUP - 1) / GROUP;
  for_all(pool, groups, int64_t(rows.size()) * m.patterns, [&](int group) {
    for (int n = group * GROUP; n < std::min(int(rows.size()), (group + 1) * GROUP); n++)
      k.pack(m.layer(rows[n].first) + size_t(rows[n].second) * m.patterns, m.patterns, all + n * words);
  });
  std::vector<const uint32_t*> starts;
  for (size_t n = 0; n < rows.size(); n++)
    if (rows[n].second == 0) starts.push_back(all + n * words);
  return starts;
}

WeightLayer weight_layer(const Kernels& k, const Machine& m, int l, const uint32_t* feeding) {
  const Stack& s = m.holding(l);
  const int32_t* sources = s.sources ? s.sources + size_t(l - s.first) * s.slots * s.fan_out : nullptr;
  WeightLayer layer{s.slots, s.fan_out, m.patterns, m.weights(l), m.fields(l), m.layer(l), feeding, sources,
                    s.scale, m.step, m.temperature, m.coin, m.ensemble, m.potential, key_of(k, m.key, l), {},
                    m.targets_of(l)};
  k.order(layer);
  return layer;
}

ffi::Error sweep_weights(ffi::ThreadPool pool, const Operands& operands, ffi::Dictionary about) {
  const Kernels& k = *kernels;
  Machine m = described(operands, about);
  const size_t stacks = m.stacks.size();
  if (!operands.count(FIRST_STACK + (m.diluted ? 3 : 2) * stacks, m.targets.means, 2 * stacks + 1)) return wrong_operands();
  m.spins = const_cast<int8_t*>(operands.input<int8_t>(SPINS, m.hidden_spins()));  // only read here
  for (size_t g = 0; g < stacks; g++) {
    Stack& s = m.stacks[g];
    s.weights = operands.updated<float>(FIRST_STACK + g, g, s.weight_count());
    s.fields = operands.updated<float>(FIRST_STACK + stacks + g, stacks + g, s.field_count(m.patterns));
    if (m.diluted) s.sources = operands.input<int32_t>(FIRST_STACK + 2 * stacks + g, s.weight_count());
  }
  int32_t* const counts = operands.result<int32_t>(2 * stacks, size_t(m.depth()));
  std::fill_n(counts, m.depth(), 0);
  if (std::isnan(m.temperature)) return ffi::Error::Success();
  const std::vector<const uint32_t*> feeding = packed(pool, k, m, 0);
  std::vector<WeightLayer> layers;
  std::vector<Part> parts;
  int64_t work = 0;
  for (int l = 1; l <= m.depth(); l++) {
    layers.push_back(weight_layer(k, m, l, feeding[l - 1]));
    if (m.weights_rest(l)) continue;
    append(parts, cut(l, layers.back().neurons, k.lanes));
    work += int64_t(layers.back().slots) * layers.back().neurons * m.patterns;
  }
  std::vector<std::atomic<int32_t>> accepted(m.depth());
  for_all(pool, int(parts.size()), work, [&](int n) {
    const WeightLayer& layer = layers[parts[n].layer - 1];
    char* scratch = memory<TASK>(k.weight_scratch(layer));
    accepted[parts[n].layer - 1] += int32_t(k.weights(layer, parts[n].first, parts[n].count, scratch));
  });
  std::copy(accepted.begin(), accepted.end(), counts);
  return ffi::Error::Success();
}

// The connections of every hidden layer of a diluted machine towards the next: by neuron and target, then the last one of
// each fed neuron. None if `targets` is null.
std::vector<std::pair<const Edge*, const Edge*>> edges(const Machine& m, const int32_t* targets, const int32_t* slots,
                                                       int most) {
  std::vector<std::pair<const Edge*, const Edge*>> found(m.depth() - 1);
  if (!targets) return found;
  const size_t each = size_t(m.width) * most;
  size_t total = 0;
  for (int l = 1; l < m.depth(); l++) total += each + m.holding(l + 1).fan_out;
  Edge* edge = reinterpret_cast<Edge*>(memory<CALL>(total * sizeof(Edge)));
  for (int l = 1; l < m.depth(); l++, targets += each, slots += each) {
    const int fed = m.holding(l + 1).fan_out;
    const float scale = m.holding(l + 1).scale;
    const float* weights = m.weights(l + 1);
    Edge* last = edge + each;
    found[l - 1] = {edge, last};
    for (int i = 0; i < fed; i++) last[i] = {i, m.width, 0.0f, 0.0f};
    for (size_t n = 0; n < each; n++) {
      const int i = targets[n];
      edge[n] = {i, m.width, 0.0f, 0.0f};
      if (i >= fed) continue;
      edge[n] = {i, last[i].previous, scale * weights[size_t(slots[n]) * fed + i], last[i].previous_weight};
      last[i] = {i, int(n / most), 0.0f, edge[n].weight};
    }
    edge = last + fed;
  }
  return found;
}

ffi::Error sweep_spins(ffi::ThreadPool pool, const Operands& operands, ffi::Dictionary about) {
  const Kernels& k = *kernels;
  Machine m = described(operands, about);
  const size_t stacks = m.stacks.size(), graphs = FIRST_STACK + 2 * stacks;
  if (!operands.count(graphs + (m.diluted ? 2 : 0), m.targets.means, stacks + 2)) return wrong_operands();
  m.spins = operands.updated<int8_t>(SPINS, 0, m.hidden_spins());
  for (size_t g = 0; g < stacks; g++) {
    Stack& s = m.stacks[g];
    s.weights = const_cast<float*>(operands.input<float>(FIRST_STACK + g, s.weight_count()));  // only read here
    s.fields = operands.updated<float>(FIRST_STACK + stacks + g, 1 + g, s.field_count(m.patterns));
  }
  int32_t* const counts = operands.result<int32_t>(stacks + 1, size_t(m.depth() - 1));
  std::fill_n(counts, m.depth() - 1, 0);
  if (std::isnan(m.temperature)) return ffi::Error::Success();
  const int most = int(attribute<int64_t>(about, "targets"));
  const size_t connected = size_t(m.depth() - 1) * m.width * std::max(most, 0);
  const auto connections = m.diluted ? edges(m, operands.input<int32_t>(graphs, connected),
                                             operands.input<int32_t>(graphs + 1, connected), most)
                                     : edges(m, nullptr, nullptr, 0);
  std::vector<std::atomic<int32_t>> accepted(m.depth() - 1);
  for (int parity : {1, 2}) {
    std::vector<SpinLayer> layers;
    std::vector<Part> parts;
    int64_t work = 0;
    for (int l = parity; l < m.depth(); l += 2) {
      const Stack& fed = m.holding(l + 1);
      layers.push_back({m.width, fed.fan_out, m.patterns, m.hidden(l), m.fields(l), m.weights(l + 1), m.fields(l + 1),
                        m.layer(l + 1), connections[l - 1].first, connections[l - 1].second, most, fed.scale,
                        m.temperature, m.coin, m.potential, key_of(k, m.key, l), m.targets_of(l + 1)});
      if (m.spins_rest(l)) continue;
      append(parts, cut(l, m.patterns, k.spin_block(layers.back())));
      work += int64_t(m.width) * fed.fan_out * m.patterns;
    }
    for_all(pool, int(parts.size()), work, [&](int n) {
      const SpinLayer& layer = layers[(parts[n].layer - parity) / 2];
      char* scratch = memory<TASK>(k.spin_scratch(layer));
      accepted[parts[n].layer - 1] += int32_t(k.spins(layer, parts[n].first, parts[n].count, scratch));
    });
  }
  std::copy(accepted.begin(), accepted.end(), counts);
  return ffi::Error::Success();
}

// One layer after another, all neurons following. The rows of the last layer, which nothing follows, are independent.
ffi::Error sweep_following(ffi::ThreadPool pool, const Operands& operands, ffi::Dictionary about) {
  const Kernels& k = *kernels;
  Machine m = described(operands, about);
  const size_t stacks = m.stacks.size(), graphs = FIRST_STACK + 2 * stacks;
  const bool targets = m.diluted && m.depth() > 1;
  if (!operands.count(graphs + (m.diluted ? stacks : 0) + (targets ? 2 : 0), m.targets.means, 2 * stacks + 2))
    return wrong_operands();
  m.spins = operands.updated<int8_t>(SPINS, 0, m.hidden_spins());
  for (size_t g = 0; g < stacks; g++) {
    Stack& s = m.stacks[g];
    s.weights = operands.updated<float>(FIRST_STACK + g, 1 + g, s.weight_count());
    s.fields = operands.updated<float>(FIRST_STACK + stacks + g, 1 + stacks + g, s.field_count(m.patterns));
    if (m.diluted) s.sources = operands.input<int32_t>(graphs + g, s.weight_count());
  }
  int32_t* const counts = operands.result<int32_t>(2 * stacks + 1, size_t(m.depth()));
  std::fill_n(counts, m.depth(), 0);
  if (std::isnan(m.temperature)) return ffi::Error::Success();
  const int depth = m.depth(), most = int(attribute<int64_t>(about, "targets"));
  const size_t each = size_t(m.width) * std::max(most, 0);
  std::vector<FollowingLayer> layers(depth);
  for (int l = 1; l <= depth; l++) {
    FollowingLayer& layer = layers[l - 1];
    layer.weights = weight_layer(k, m, l, nullptr);
    layer.spins = const_cast<int8_t*>(m.layer(l));  // outputs are only read
    layer.below = m.holding(l).fan_in;
    layer.frozen = m.weights_rest(l);
    if (!targets || l == 1 || m.holding(l).slots == m.holding(l).fan_in) continue;
    layer.targets = operands.input<int32_t>(graphs + stacks, (depth - 1) * each) + (l - 2) * each;
    layer.slots = operands.input<int32_t>(graphs + stacks + 1, (depth - 1) * each) + (l - 2) * each;
  }
  if (depth > 1) {
    const FollowingMachine machine{layers.data(), depth, m.patterns, most, m.inputs, m.potential, m.targets};
    k.follow(machine, counts, memory<FOLLOW>(k.follow_scratch(machine)));
  }
  if (m.weights_rest(depth)) return ffi::Error::Success();
  WeightLayer& last = layers.back().weights;
  last.feeding = packed(pool, k, m, depth - 1).front();
  const std::vector<Part> parts = cut(depth, last.neurons, k.lanes);
  std::atomic<int32_t> accepted{0};
  for_all(pool, int(parts.size()), int64_t(last.slots) * last.neurons * m.patterns, [&](int n) {
    accepted += int32_t(k.weights(last, parts[n].first, parts[n].count, memory<TASK>(k.weight_scratch(last))));
  });
  counts[depth - 1] = accepted;
  return ffi::Error::Success();
}

// The energy of all layers: what the sweeps sample.
ffi::Error add_up(ffi::ThreadPool, const Operands& operands, ffi::Dictionary about) {
  Machine m = described(operands, about);
  const size_t stacks = m.stacks.size();
  if (!operands.count(FIRST_STACK + stacks, m.targets.means, 1)) return wrong_operands();
  m.spins = const_cast<int8_t*>(operands.input<int8_t>(SPINS, m.hidden_spins()));  // only read here
  for (size_t g = 0; g < stacks; g++) {
    Stack& s = m.stacks[g];
    s.fields = const_cast<float*>(operands.input<float>(FIRST_STACK + g, s.field_count(m.patterns)));
  }
  double total = 0;
  for (int l = 1; l <= m.depth(); l++)
    total += kernels.load()->energy(m.potential, m.targets_of(l), m.fields(l), m.layer(l),
                                    size_t(m.holding(l).fan_out) * m.patterns);
  *operands.result<float>(0, 1) = float(total);
  return ffi::Error::Success();
}

// `function` of each replica of a call; what it throws, as an error of the call.
template <class Function>
ffi::Error for_replicas(Function function, ffi::ThreadPool pool, ffi::RemainingArgs in, ffi::RemainingRets out,
                        ffi::Dictionary about) {
  const Call call;
  try {
    if (in.size() <= TEMPERATURE) return wrong_operands();
    const size_t replicas = in.get<ffi::AnyBuffer>(TEMPERATURE)->element_count();
    if (replicas == 0) return ffi::Error::Success();
    if (replicas == 1) return function(pool, Operands(in, out, 0, 1), about);
    const Machine m = described(Operands(in, out, 0, replicas), about);
    int64_t work = 0;
    for (const Stack& s : m.stacks) work += int64_t(s.weight_count()) * m.patterns;
    std::vector<ffi::Error> errors(replicas);
    for_all(pool, int(replicas), int64_t(replicas) * work, [&](int n) {
      const Call one;  // each has a share of the cores
      try {
        errors[n] = function(pool, Operands(in, out, n, replicas), about);
      } catch (const std::exception& problem) {
        errors[n] = ffi::Error(ffi::ErrorCode::kInvalidArgument, problem.what());
      }
    });
    for (const ffi::Error& error : errors)
      if (error.failure()) return error;
    return ffi::Error::Success();
  } catch (const std::exception& problem) {
    return ffi::Error(ffi::ErrorCode::kInvalidArgument, problem.what());
  }
}

ffi::Error weights_call(ffi::ThreadPool pool, ffi::RemainingArgs in, ffi::RemainingRets out, ffi::Dictionary about) {
  return for_replicas(sweep_weights, pool, in, out, about);
}

ffi::Error spins_call(ffi::ThreadPool pool, ffi::RemainingArgs in, ffi::RemainingRets out, ffi::Dictionary about) {
  return for_replicas(sweep_spins, pool, in, out, about);
}

ffi::Error energy_call(ffi::ThreadPool pool, ffi::RemainingArgs in, ffi::RemainingRets out, ffi::Dictionary about) {
  return for_replicas(add_up, pool, in, out, about);
}

ffi::Error feedforward_call(ffi::ThreadPool pool, ffi::RemainingArgs in, ffi::RemainingRets out,
                            ffi::Dictionary about) {
  return for_replicas(sweep_following, pool, in, out, about);
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(glassnet_weights, weights_call,
                              ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().RemainingArgs().RemainingRets().Attrs());
XLA_FFI_DEFINE_HANDLER_SYMBOL(glassnet_spins, spins_call,
                              ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().RemainingArgs().RemainingRets().Attrs());
XLA_FFI_DEFINE_HANDLER_SYMBOL(glassnet_energy, energy_call,
                              ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().RemainingArgs().RemainingRets().Attrs());
XLA_FFI_DEFINE_HANDLER_SYMBOL(glassnet_feedforward, feedforward_call,
                              ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().RemainingArgs().RemainingRets().Attrs());

// Digest of the sources that this library was built from.
extern "C" const char* glassnet_source() { return GLASSNET_SOURCE; }

// Costs of fields, as the kernels in use compute them.
extern "C" void glassnet_costs(int32_t kind, float strength, float margin, float shape, const float* fields, int count,
                               float* out) {
  kernels.load()->costs({kind, strength, margin, shape}, fields, count, out);
}

// The instruction set in use.
extern "C" const char* glassnet_set() { return kernels.load()->name; }

// Use another instruction set of this processor; false if it has none of that name.
extern "C" bool glassnet_use(const char* name) {
  for (const Kernels* set : usable())
    if (std::string(set->name) == name) {
      kernels = set;
      return true;
    }
  return false;
}
