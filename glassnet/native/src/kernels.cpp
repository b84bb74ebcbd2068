// The sweeps for one instruction set: compiled several times, each time under another GLASSNET_SET.
#include "columns.h"
#include "feedforward.h"
#include "layer.h"
#include "rows.h"

#define NAME_OF(set) kernels_##set
#define NAME(set) NAME_OF(set)
#define TEXT_OF(set) #set
#define TEXT(set) TEXT_OF(set)

extern const Kernels NAME(GLASSNET_SET);
const Kernels NAME(GLASSNET_SET) = {
    TEXT(GLASSNET_SET),
    LANES,
    [](LayerKey key, uint32_t index, LayerKey* out) {
      const Key result = Key{key.a, key.b}.at(index);
      *out = {result.a, result.b};
    },
    packed_words,
    pack,
    costs,
    energy,
    draw_order,
    [](const WeightLayer& layer) { return RowScratch::bytes(layer); },
    sweep_weights,
    [](const SpinLayer& layer) { return ColumnScratch::bytes(layer); },
    spin_block,
    sweep_spins,
    [](const FollowingMachine& machine) { return FollowScratch(machine, nullptr).bytes; },
    follow,
};
