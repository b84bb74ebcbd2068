// What the sweeps of a layer get, in memory as glassnet.perceptron.state lays it out.
#pragma once

#include <cstddef>
#include <cstdint>

struct LayerKey {
  uint32_t a, b;
};

struct PotentialSpec {
  int32_t kind;  // a Kind of potential.h
  float strength, margin, shape;
};

// What a parent asks of the outputs, see glassnet.perceptron.targets: (neuron, pattern) each; null if nothing.
struct TargetSpec {
  const float *means, *floors;
  float temperature, weight;
};

enum Ensemble : int32_t { GAUSSIAN = 0, ISING = 1, SPHERICAL = 2 };

// The order in which the slots of a row move: place k holds slot (factor k + turn) mod slots. Those of a group stand
// side by side.
struct SlotOrder {
  int64_t factor, turn;
};

// Weights of one layer at fixed spins.
struct WeightLayer {
  int slots, neurons, patterns;
  float* weights;          // (slot, neuron)
  float* fields;           // (neuron, pattern)
  const int8_t* own;       // (neuron, pattern)
  const uint32_t* feeding; // packed spins of the layer below, see `pack`
  const int32_t* sources;  // (slot, neuron); null if fully connected
  float scale, step, temperature;
  bool coin;               // heat bath instead of Metropolis
  Ensemble ensemble;
  PotentialSpec potential;
  LayerKey key;
  SlotOrder order[2];      // of each pass, see `Kernels::order`
  TargetSpec targets;      // of these neurons
};

// A connection towards a fed neuron, and the one by which that was fed before: from a later neuron than any if there is
// none. Weights are times the scale of the layer.
struct Edge {
  int32_t target, previous;
  float weight, previous_weight;
};

// Spins of one hidden layer at fixed weights. The layer that they feed is called the fed one.
struct SpinLayer {
  int neurons, fed, patterns;
  int8_t* spins;           // (neuron, pattern)
  const float* own_fields; // (neuron, pattern)
  const float* weights;    // (slot, fed neuron)
  float* fields;           // (fed neuron, pattern)
  const int8_t* above;     // (fed neuron, pattern)
  const Edge* edges;       // (neuron, target): towards fed neurons, `fed` for none; null if fully connected
  const Edge* last;        // (fed neuron): from where it was fed last
  int most_targets;
  float scale, temperature;
  bool coin;
  PotentialSpec potential;
  LayerKey key;
  TargetSpec targets;      // of the fed neurons
};

// By how much a field changes as the spin that feeds it turns up.
struct Link {
  int32_t target;
  float change;
};

// One layer of a machine whose neurons follow the weights.
struct FollowingLayer {
  WeightLayer weights;     // `own` and `feeding` are not used
  int8_t* spins;           // (neuron, pattern); of the last layer the clamped outputs, which are only read
  int below;               // neurons of the layer below
  const int32_t* targets;  // (neuron below, target): neurons that it feeds, others than there are for none;
  const int32_t* slots;    // and at which slot; null if fully connected
  bool frozen;             // whether its weights stay as they are
  // What the sweep needs in its scratch: padded neurons, where the layer begins in a column, and what a spin below
  // does, (neuron below, neuron) or, where not fully connected, (neuron below, target).
  int width, place;
  const float* influence;
  const Link* links;
};

struct FollowingMachine {
  FollowingLayer* layers;
  int depth, patterns, most_targets;
  const int8_t* inputs;  // (neuron, pattern)
  PotentialSpec potential;
  TargetSpec targets;    // of the outputs
};

// The routines of one instruction set. Scratch is a buffer of this thread, aligned to 64 bytes.
struct Kernels {
  const char* name;
  int lanes;
  void (*fold)(LayerKey, uint32_t index, LayerKey*);  // the key at an address below another
  size_t (*packed_words)(int patterns);
  void (*pack)(const int8_t* spins, int patterns, uint32_t* packed);
  void (*costs)(const PotentialSpec&, const float* gaps, int count, float* out);
  double (*energy)(const PotentialSpec&, const TargetSpec&, const float* fields, const int8_t* own, size_t count);
  void (*order)(WeightLayer&);  // draws the order of the slots
  size_t (*weight_scratch)(const WeightLayer&);
  int64_t (*weights)(const WeightLayer&, int first, int rows, char* scratch);
  size_t (*spin_scratch)(const SpinLayer&);
  int (*spin_block)(const SpinLayer&);  // patterns of one call at most
  int64_t (*spins)(const SpinLayer&, int first, int patterns, char* scratch);
  size_t (*follow_scratch)(const FollowingMachine&);
  void (*follow)(const FollowingMachine&, int32_t* accepted, char* scratch);  // all layers but the last
};
