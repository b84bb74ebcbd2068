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
};

// Operands: key, temperature, weight step, inputs, outputs, spins, the weights of each stack, the fields of each
// stack, then graphs. Results: what the call changes (same shapes as the operands), then counts of accepted moves.
class Operands {
 public:
  Operands(ffi::RemainingArgs in, ffi::RemainingRets out) : in(in), out(out) {}

  template <class T>
  const T* input(size_t n) const {
    if (n >= in.size()) throw std::invalid_argument("glassnet: an operand is missing");
    return typed<const T>(*in.get<ffi::AnyBuffer>(n));
  }

  template <class T>
  T* result(size_t n) const {
    if (n >= out.size()) throw std::invalid_argument("glassnet: a result is missing");
    return typed<T>(**out.get<ffi::AnyBuffer>(n));
  }

  // Result m, which starts as operand n: in place as a rule, copied where XLA keeps the old array.
  template <class T>
  T* updated(size_t n, size_t m) const {
    const T* from = input<T>(n);
    T* to = result<T>(m);
    if (from != to) memcpy(to, from, (*in.get<ffi::AnyBuffer>(n)).size_bytes());
    return to;
  }

 private:
  template <class T>
  static T* typed(const ffi::AnyBuffer& buffer) {
    using Plain = std::remove_const_t<T>;
    const ffi::DataType type = std::is_same_v<Plain, float>     ? ffi::DataType::F32
                               : std::is_same_v<Plain, int8_t>  ? ffi::DataType::S8
                               : std::is_same_v<Plain, int32_t> ? ffi::DataType::S32
                                                                : ffi::DataType::U32;
    if (buffer.element_type() != type) throw std::invalid_argument("glassnet: an operand has another type of numbers");
    return reinterpret_cast<T*>(buffer.untyped_data());
  }

  ffi::RemainingArgs in;
  ffi::RemainingRets out;
};

enum Operand { KEY, TEMPERATURE, STEP, INPUTS, OUTPUTS, SPINS, FIRST_STACK };

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

  int depth() const { return stacks.back().last; }

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

// Everything but the arrays that a call changes.
inline Machine described(const Operands& operands, const ffi::Dictionary& attributes) {
  Machine m{};
  const auto shapes = attribute<ffi::Span<const int64_t>>(attributes, "stacks");
  const auto scales = attribute<ffi::Span<const float>>(attributes, "scales");
  for (size_t g = 0; g < scales.size(); g++) {
    const int64_t* s = shapes.begin() + 5 * g;
    m.stacks.push_back({int(s[0]), int(s[1]), int(s[2]), int(s[3]), int(s[4]), scales.begin()[g], nullptr, nullptr,
                        nullptr});
  }
  const uint32_t* key = operands.input<uint32_t>(KEY);
  m.key = {key[0], key[1]};
  m.temperature = *operands.input<float>(TEMPERATURE);
  m.step = *operands.input<float>(STEP);
  m.inputs = operands.input<int8_t>(INPUTS);
  m.outputs = operands.input<int8_t>(OUTPUTS);
  m.width = int(attribute<int64_t>(attributes, "width"));
  m.patterns = int(attribute<int64_t>(attributes, "patterns"));
  m.coin = attribute<bool>(attributes, "coin");
  m.diluted = attribute<bool>(attributes, "diluted");
  m.ensemble = Ensemble(attribute<int64_t>(attributes, "ensemble"));
  m.potential = {int32_t(attribute<int64_t>(attributes, "cost")), attribute<float>(attributes, "strength"),
                 attribute<float>(attributes, "margin"), attribute<float>(attributes, "shape")};
  return m;
}

}  // namespace glassnet
