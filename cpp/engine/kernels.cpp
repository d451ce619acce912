// The sweeps over blocks of atoms. This file is compiled once for every instruction set, and for each again
// with ATOMSMITH_SINGLE: then only the backward sweep of linear ACE, pair functions and repulsion.
//
// It must not instantiate standard-library templates that other files use too: the linker would keep one
// copy, maybe one compiled for instructions that the processor lacks. (Only inlined accessors of std::vector
// appear here.)
#include "kernels.hpp"

#include "backward_sweep.hpp"
#ifndef ATOMSMITH_SINGLE
#include "design_sweep.hpp"
#include "forward_sweep.hpp"
#include "kernel_rows.hpp"
#endif

namespace atomsmith::ATOMSMITH_ISA {

namespace {

#ifdef ATOMSMITH_SINGLE
constexpr void (*forward)(const Sweep&, double*) = nullptr;
constexpr void (*design)(const Sweep&, double*) = nullptr;
constexpr void (*radial_rows)(const Sweep&, double*) = nullptr;
constexpr void (*kernel_rows)(const KernelRows&) = nullptr;
#endif

std::size_t scratch_doubles(const Model& model, const BatchLayout& layout, int n_sets, Purpose purpose) {
    Arena arena{nullptr};
    if (purpose == Purpose::kPrediction)
        lay_out_chunk(model, layout, n_sets, arena);
    else
        lay_out(model, layout, n_sets, purpose, arena);
    return arena.used + 8;
}

#define ATOMSMITH_STRINGIFY2(name) #name
#define ATOMSMITH_STRINGIFY(name) ATOMSMITH_STRINGIFY2(name)

} // namespace

extern const Kernels kKernels;
const Kernels kKernels = {ATOMSMITH_STRINGIFY(ATOMSMITH_ISA),
                          kLanes,
                          scratch_doubles,
                          backward,
                          forward,
                          design,
                          radial_rows,
                          kernel_rows};

} // namespace atomsmith::ATOMSMITH_ISA
