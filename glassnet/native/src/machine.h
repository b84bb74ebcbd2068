// One replica of a machine as the operands and attributes of a call give it.
#pragma once

#include <cstring>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "layer.h"
#include "xla/ffi/api/ffi.h"

namespace glassnet {

namespace ffi = xla::ffi;

struct Stack {
  int first, last, fan_out, fan_in, slots;
  float scale;
  float *weights, *fields;
  const int32_t* sources;  // null if fully connected

  size_t layers() const { return size_t(last - first + 1); }
  size_t weight_count() const { return layers() * slots * fan_out; }
  size_t field_count(int patterns) const { return layers() * fan_out * patterns; }
};

enum Operand { KEY, TEMPERATURE, STEP, MARGIN, INPUTS, OUTPUTS, SPINS, FIRST_STACK };

// Operands: key, temperature, weight step, margin, inputs, outputs, spins, the weights of each stack, the fields of
// each stack, then graphs. Results: what the call changes (same shapes as the operands), then counts of accepted moves.
// Every array must have as many numbers as the caller will touch: a call reaches the kernels with whatever shapes the
// program was compiled for. A call may hold several replicas: then all arrays lead with the replica.
class Operands {
 public:
  Operands(ffi::RemainingArgs in, ffi::RemainingRets out, size_t replica, size_t replicas)
      : in(in), out(out), replica(replica), replicas(replicas) {}

  template <class T>
  const T* input(size_t n, size_t numbers) const {
    if (n >= in.size()) throw std::invalid_argument("glassnet: an operand is missing");
    return typed<const T>(*in.get<ffi::AnyBuffer>(n), numbers);
  }

  template <class T>
  T* result(size_t n, size_t numbers) const {
    if (n >= out.size()) throw std::invalid_argument("glassnet: a result is missing");
    return typed<T>(**out.get<ffi::AnyBuffer>(n), numbers);
  }

  size_t inputs() const { return in.size(); }

  // Whether there are so many operands, those of targets apart, and results.
  bool count(size_t operands, bool aimed, size_t results) const {
    return in.size() == operands + (aimed ? 4 : 0) && out.size() == results;
  }

  // Result m, which starts as operand n: in place as a rule, copied where XLA keeps the old array.
  template <class T>
  T* updated(size_t n, size_t m, size_t numbers) const {
    const T* from = input<T>(n, numbers);
    T* to = result<T>(m, numbers);
    if (from != to) memcpy(to, from, numbers * sizeof(T));
    return to;
  }

 private:
  template <class T>
  T* typed(const ffi::AnyBuffer& buffer, size_t numbers) const {
    using Plain = std::remove_const_t<T>;
    const ffi::DataType type = std::is_same_v<Plain, float>     ? ffi::DataType::F32
                               : std::is_same_v<Plain, int8_t>  ? ffi::DataType::S8
                               : std::is_same_v<Plain, int32_t> ? ffi::DataType::S32
                                                                : ffi::DataType::U32;
    if (buffer.element_type() != type) throw std::invalid_argument("glassnet: an operand has another type of numbers");
    if (buffer.element_count() != numbers * replicas)
      throw std::invalid_argument("glassnet: an operand has " + std::to_string(buffer.element_count()) +
                                  " numbers where the machine has " + std::to_string(numbers * replicas));
    return reinterpret_cast<T*>(buffer.untyped_data()) + replica * numbers;
  }

  ffi::RemainingArgs in;
  ffi::RemainingRets out;
  size_t replica, replicas;
};

struct Machine {
  std::vector<Stack> stacks;
  LayerKey key;
  float temperature, step;
  const int8_t *inputs, *outputs;
  int8_t* spins;
  int width, patterns;
  bool coin, diluted;
  Ensemble ensemble;
  PotentialSpec potential;
  TargetSpec targets;
  std::vector<bool> frozen_weights, frozen_spins;  // by layer 1..L, and 1..L-1; empty if none

  bool weights_rest(int l) const { return !frozen_weights.empty() && frozen_weights[l - 1]; }
  bool spins_rest(int l) const { return !frozen_spins.empty() && frozen_spins[l - 1]; }

  // Targets of the neurons of a layer.
  TargetSpec targets_of(int l) const { return l == depth() ? targets : TargetSpec{}; }

  int depth() const { return stacks.back().last; }

  size_t hidden_spins() const { return size_t(depth() - 1) * width * patterns; }

  // Spins of a layer 0..depth.
  const int8_t* layer(int l) const {
    if (l == 0) return inputs;
    return l == depth() ? outputs : hidden(l);
  }

  int8_t* hidden(int l) const { return spins + size_t(l - 1) * width * patterns; }

  const Stack& holding(int l) const {
    for (const Stack& stack : stacks)
      if (l <= stack.last) return stack;
    return stacks.back();
  }

  float* weights(int l) const {
    const Stack& s = holding(l);
    return s.weights + size_t(l - s.first) * s.slots * s.fan_out;
  }

  float* fields(int l) const {
    const Stack& s = holding(l);
    return s.fields + size_t(l - s.first) * s.fan_out * patterns;
  }
};

// An attribute of a call, which must be there.
template <class T>
T attribute(const ffi::Dictionary& attributes, const char* name) {
  auto value = attributes.get<T>(name);
  if (!value.has_value()) throw std::invalid_argument(std::string("glassnet: no attribute ") + name);
  return *value;
}

// Whether stacks follow each other from layer 1 on, and every layer is as wide as the next one expects.
inline bool consistent(const Machine& m) {
  int layer = 1;
  for (const Stack& s : m.stacks) {
    const bool top = &s == &m.stacks.back();
    if (s.first != layer || s.last < s.first || s.fan_out < 1 || s.fan_in < 1 || s.slots < 1 || s.slots > s.fan_in)
      return false;
    if (!m.diluted && s.slots != s.fan_in) return false;
    if ((s.first > 1 || s.last > s.first) && s.fan_in != m.width) return false;
    if ((!top || s.last > s.first) && s.fan_out != m.width) return false;
    layer = s.last + 1;
  }
  return layer > 1 && m.patterns >= 1 && (layer == 2 || m.width >= 1);
}

// Which of `count` layers an attribute names as frozen; empty if there is no such attribute.
inline std::vector<bool> frozen(const ffi::Dictionary& attributes, const char* name, int count) {
  const auto given = attributes.get<ffi::Span<const int64_t>>(name);
  if (!given.has_value()) return {};
  if (int(given->size()) != count) throw std::invalid_argument("glassnet: frozen layers do not fit the machine");
  std::vector<bool> found;
  for (int64_t one : *given) found.push_back(one != 0);
  return found;
}

// Operands of targets, the last ones where there are any: means, floors, temperature, weight.
constexpr size_t TARGETS = 4;

// Everything but the arrays that a call changes.
inline Machine described(const Operands& operands, const ffi::Dictionary& attributes) {
  Machine m{};
  const auto shapes = attribute<ffi::Span<const int64_t>>(attributes, "stacks");
  const auto scales = attribute<ffi::Span<const float>>(attributes, "scales");
  if (shapes.size() != 5 * scales.size()) throw std::invalid_argument("glassnet: stacks without a scale");
  for (size_t g = 0; g < scales.size(); g++) {
    const int64_t* s = shapes.begin() + 5 * g;
    m.stacks.push_back({int(s[0]), int(s[1]), int(s[2]), int(s[3]), int(s[4]), scales.begin()[g], nullptr, nullptr,
                        nullptr});
  }
  m.width = int(attribute<int64_t>(attributes, "width"));
  m.patterns = int(attribute<int64_t>(attributes, "patterns"));
  m.coin = attribute<bool>(attributes, "coin");
  m.diluted = attribute<bool>(attributes, "diluted");
  if (!consistent(m)) throw std::invalid_argument("glassnet: the layers of the machine do not fit each other");
  const uint32_t* key = operands.input<uint32_t>(KEY, 2);
  m.key = {key[0], key[1]};
  m.temperature = *operands.input<float>(TEMPERATURE, 1);
  m.step = *operands.input<float>(STEP, 1);
  m.inputs = operands.input<int8_t>(INPUTS, size_t(m.stacks.front().fan_in) * m.patterns);
  m.outputs = operands.input<int8_t>(OUTPUTS, size_t(m.stacks.back().fan_out) * m.patterns);
  m.ensemble = Ensemble(attribute<int64_t>(attributes, "ensemble"));
  m.potential = {int32_t(attribute<int64_t>(attributes, "cost")), attribute<float>(attributes, "strength"),
                 *operands.input<float>(MARGIN, 1), attribute<float>(attributes, "shape")};
  m.frozen_weights = frozen(attributes, "frozen_weights", m.depth());
  m.frozen_spins = frozen(attributes, "frozen_spins", m.depth() - 1);
  if (attributes.get<bool>("aimed").has_value()) {
    if (operands.inputs() < TARGETS) throw std::invalid_argument("glassnet: targets without operands");
    const size_t first = operands.inputs() - TARGETS, count = size_t(m.stacks.back().fan_out) * m.patterns;
    m.targets = {operands.input<float>(first, count), operands.input<float>(first + 1, count),
                 *operands.input<float>(first + 2, 1), *operands.input<float>(first + 3, 1)};
  }
  return m;
}

}  // namespace glassnet
