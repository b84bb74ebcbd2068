// One replica of a machine as the operands and attributes of a call give it.
#pragma once

#include <cstring>
#include <string>
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

  size_t inputs() const { return in.size(); }
  size_t results() const { return out.size(); }

  template <class T>
  const T* input(size_t n) const { return reinterpret_cast<const T*>(in.get<ffi::AnyBuffer>(n)->untyped_data()); }

  template <class T>
  T* result(size_t n) const { return reinterpret_cast<T*>((*out.get<ffi::AnyBuffer>(n))->untyped_data()); }

  // Result m, which starts as operand n: in place as a rule, copied where XLA keeps the old array.
  template <class T>
  T* updated(size_t n, size_t m) const {
    const auto from = *in.get<ffi::AnyBuffer>(n);
    T* to = result<T>(m);
    if (from.untyped_data() != to) memcpy(to, from.untyped_data(), from.size_bytes());
    return to;
  }

 private:
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

template <class T>
T attribute(const ffi::Dictionary& attributes, const char* name) {
  auto value = attributes.get<T>(name);
  return value.has_value() ? *value : T{};
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
                 attribute<float>(attributes, "margin"), attribute<float>(attributes, "exponent")};
  return m;
}

}  // namespace glassnet
