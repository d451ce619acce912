// Scratch memory of one thread, and the neighbours of one block of atoms gathered into it.
#pragma once

#include "kernels.hpp"
#include "regressor_memory.hpp"
#include "simd.hpp"
#include "symmetry_workspace.hpp"
#include "three_body_workspace.hpp"

namespace atomsmith::ATOMSMITH_ISA {

// Neighbours of lane s stand in vectors [s * stride, s * stride + count[s]), sorted by species; every
// species' tail is padded with neighbours at the cutoff, where all functions and their derivatives vanish.
struct Neighbourhood {
    int stride = 0; // vectors per lane
    int n_species = 0;
    std::int32_t* segment = nullptr; // [lanes][n_species + 1], in vectors from the lane's first
    Vec *ux = nullptr, *uy = nullptr, *uz = nullptr, *r = nullptr, *inverse = nullptr;
    std::int32_t* slot = nullptr; // [vector][lane]: the neighbour's image, -1 for padding
    const std::int32_t* segments(int lane) const { return segment + lane * (n_species + 1); }
};

// The nearest neighbour of an atom, where the embedding gives way to its repulsion: the share that the
// embedding has left, its slope by the distance, and then that of the energy.
struct Nearest {
    double share = 1.0, share_slope = 0.0, energy_slope = 0.0;
    std::int64_t at = -1; // neighbour, counted in doubles from the block's first
};

struct PartWorkspace {
    Vec *value = nullptr, *derivative = nullptr; // radial functions, [vector][n]
    Vec *slots = nullptr, *adjoint = nullptr;    // ace: values and gradients of channels and stored nodes
    Real* gradients = nullptr;                   // ace: dE/dA, [set][lane][padded channels]
    Vec* directions = nullptr;                   // ace: harmonics of one lane
    // Bispectrum: the matrices of one vector of neighbours and what is traced back through their recursion;
    // the full matrices, components, weights of the couplings, and (design) dB/dU of one centre.
    Vec *matrices = nullptr, *reverse = nullptr, *full = nullptr, *values = nullptr, *weights = nullptr,
        *rows = nullptr;
    // Moments, rows of radial coefficients: Chebyshev terms and their slopes, [vector][size]; moments of
    // them, [species][monomial][size]; derivatives of values and adjoints by one coefficient; and dE/dM
    // summed with the monomials of every radial function and the tangential gradient of that, [vector][n][4].
    Vec *terms = nullptr, *term_slopes = nullptr, *term_moments = nullptr, *tangent = nullptr,
        *tangent_adjoint = nullptr, *angular = nullptr;
    Vec *features = nullptr, *energies = nullptr,
        *slopes = nullptr;        // regressors: [feature], [set], [set][feature]
    Vec* inputs = nullptr;        // kernels: features as the points meet them, see `kernel_inputs`
    Vec* scratch = nullptr;       // regressors
    Vec* weight_slopes = nullptr; // ace with a regressor: by the program's weights
    Vec* sums = nullptr;          // embedding: per left factor, over its right factors
    Nearest* nearest = nullptr;   // embedding: [lane]
    SymmetryWorkspace symmetry;
    ThreeBodyWorkspace three_body;
};

// Moments: so many radial coefficients share what a sweep over the products reads.
inline constexpr int kTangents = 4;

// dE/d(neighbour - atom) of one atom for one set of coefficients.
struct Gradient {
    Vec *x = nullptr, *y = nullptr, *z = nullptr; // [vector of the lane]
};

// Force sweeps of so many sets share what they read, as far as the registers go.
inline constexpr int kSetsAtOnce = kLanes >= 8 ? 2 : 1;

struct Workspace {
    Neighbourhood near;
    Gradient fixed; // of what no coefficient scales
    Gradient gradients[kSetsAtOnce];
    PartWorkspace* parts = nullptr;
    Vec* harmonics = nullptr;      // Y_lm of one lane, [vector][(l_max + 1)^2]
    Vec* directions = nullptr;     // one record of `Harmonics`
    Real* lane_channels = nullptr; // A before its transposition, [lanes][padded channels]
    double* energies = nullptr;    // [set][lane]
    Vec* phi = nullptr;            // design: gradient of the one-particle functions, [3][vector] per channel
    Vec* support = nullptr;        // design: dB/dA of every feature of a centre
    Vec* row = nullptr;            // design: gradient of one feature, [3][vector]
    Vec* table = nullptr;          // design of outputs: gradients of all features, [feature][3][vector]
    Vec* packed = nullptr;         // design of a kernel
};

// Workspaces of the blocks of a chunk that are alive at the same time: all, where a kernel takes them
// together, or one.
struct ChunkWorkspace {
    int n_blocks = 0;
    Workspace* blocks = nullptr;
    // Of the kernel: [pair of blocks][feature][2], and the same and energies by set.
    Vec *features = nullptr, *slopes = nullptr, *energies = nullptr, *tile = nullptr;
};

// Hands out aligned pieces of one allocation; with a null base it only counts.
struct Arena {
    double* base;
    std::size_t used = 0;
    template <class T>
    T* take(std::size_t count) {
        used = (used + 7) / 8 * 8;
        T* at = base ? reinterpret_cast<T*>(base + used) : nullptr;
        used += (count * sizeof(T) + sizeof(double) - 1) / sizeof(double);
        return at;
    }
};

// Vectors in one record of `Harmonics` (ace.hpp).
ATOMSMITH_INLINE int harmonics_size(int l_max) { return (l_max + 1) * (l_max + 2) / 2 + 2 * (l_max + 1); }

ATOMSMITH_INLINE int padded(int n) { return (n + kLanes - 1) / kLanes * kLanes; }

// Most padded features of a descriptor of any centre.
ATOMSMITH_INLINE int most_features(const Part& part) {
    int most = 0;
    for (const Regressor::Centre& c : part.regressor.centres)
        most = c.padded_inputs() > most ? c.padded_inputs() : most;
    return most;
}

// Vectors of design.rows of a power spectrum: harmonics, density and radial functions of one vector of
// neighbours, and the features of one lane.
ATOMSMITH_INLINE std::size_t soap_design_size(const Soap& soap) {
    const std::size_t rows = static_cast<std::size_t>(soap.n_rows) * (soap.l_max + 1);
    return 4 * soap.n_lm() + 6 * rows + padded(soap.n_values()) / kLanes;
}

static inline void lay_out_regressor(const Part& part, int n_sets, Arena& arena, PartWorkspace& p) {
    const Regressor& regressor = part.regressor;
    const std::size_t n = most_features(part);
    const int sets = regressor.n_members > n_sets ? regressor.n_members : n_sets;
    p.features = arena.take<Vec>(n);
    p.inputs = arena.take<Vec>(n + 1);
    p.energies = arena.take<Vec>(sets);
    p.slopes = arena.take<Vec>(sets * n);
    p.scratch = arena.take<Vec>(regressor_scratch(regressor));
    int weights = 0;
    for (const AceCentre& c : part.centres) weights = c.full.n_weights > weights ? c.full.n_weights : weights;
    p.weight_slopes = arena.take<Vec>(weights);
}

static inline Workspace lay_out(const Model& model, const BatchLayout& layout, int n_sets, Purpose purpose,
                                Arena& arena) {
    const bool for_design = purpose != Purpose::kPrediction;
    Workspace w;
    const int n_species = model.n_species();
    const int stride = layout.max_neighbours / kLanes + n_species + 1;
    Neighbourhood& near = w.near;
    near.stride = stride;
    near.n_species = n_species;
    near.segment = arena.take<std::int32_t>(kLanes * (n_species + 1));
    for (Vec** v : {&near.ux, &near.uy, &near.uz, &near.r, &near.inverse})
        *v = arena.take<Vec>(kLanes * stride);
    near.slot = arena.take<std::int32_t>(kLanes * stride * kLanes);
    for (Vec** v : {&w.fixed.x, &w.fixed.y, &w.fixed.z}) *v = arena.take<Vec>(stride);
    for (Gradient& gradient : w.gradients)
        for (Vec** v : {&gradient.x, &gradient.y, &gradient.z}) *v = arena.take<Vec>(stride);
    const int n_parts = static_cast<int>(model.parts.size());
    w.parts = arena.take<PartWorkspace>(n_parts);
    int l_max = 0, channels = 0, lmk = 0;
    std::size_t support = 0, table = 0, packed = 0;
    for (int k = 0; k < n_parts; ++k) {
        const Part& part = model.parts[k];
        PartWorkspace p;
        if (part.radial.n > 0) {
            p.value = arena.take<Vec>(static_cast<std::size_t>(kLanes) * stride * part.radial.n);
            p.derivative = arena.take<Vec>(static_cast<std::size_t>(kLanes) * stride * part.radial.n);
        }
        if (part.kind == Part::Kind::kAce) {
            int slots = 0;
            for (const AceCentre& c : part.centres) {
                slots = c.full.n_slots > slots ? c.full.n_slots : slots;
                support = c.support_channel.size() > support ? c.support_channel.size() : support;
            }
            std::size_t sums = 0;
            for (const Embedding& e : part.embeddings) {
                const std::size_t own = 2 * e.groups.size() * e.n_densities;
                slots = e.n_slots > slots ? e.n_slots : slots;
                sums = own > sums ? own : sums;
            }
            if (!part.embeddings.empty()) {
                p.sums = arena.take<Vec>(sums);
                p.nearest = arena.take<Nearest>(kLanes);
            }
            p.slots = arena.take<Vec>(padded(slots));
            p.adjoint = arena.take<Vec>(2 * padded(slots)); // of two sets at a time
            p.gradients =
                arena.take<Real>(static_cast<std::size_t>(n_sets) * kLanes * padded(n_species * part.n_lmk));
            p.directions = arena.take<Vec>(static_cast<std::size_t>(stride) * harmonics_size(part.l_max));
            l_max = part.l_max > l_max ? part.l_max : l_max;
            lmk = part.n_lmk > lmk ? part.n_lmk : lmk;
            const int n = n_species * part.n_lmk;
            channels = n > channels ? n : channels;
        }
        if (part.kind == Part::Kind::kSoap) {
            const Soap& soap = part.soap;
            p.slots = arena.take<Vec>(padded(soap.n_slots) + kLanes);
            p.adjoint = arena.take<Vec>(padded(soap.n_slots));
            p.gradients =
                arena.take<Real>(static_cast<std::size_t>(n_sets) * kLanes * padded(soap.n_channels));
            p.directions = arena.take<Vec>(static_cast<std::size_t>(stride) * harmonics_size(part.l_max));
            p.values = arena.take<Vec>(1);
            if (for_design) p.rows = arena.take<Vec>(soap_design_size(soap));
            l_max = part.l_max > l_max ? part.l_max : l_max;
            channels = soap.n_slots > channels ? soap.n_slots : channels;
        }
        if (part.kind == Part::Kind::kMoments) {
            const Moments& m = part.moments;
            const int n = part.n_channels;
            p.slots = arena.take<Vec>(padded(m.n_slots) + kLanes);
            p.adjoint = arena.take<Vec>(padded(m.n_slots));
            p.gradients = arena.take<Real>(static_cast<std::size_t>(n_sets) * kLanes * padded(n));
            p.directions = arena.take<Vec>(stride * m.monomials.size());
            support = m.support_channel.size() > support ? m.support_channel.size() : support;
            channels = n > channels ? n : channels;
            lmk = n > lmk ? n : lmk;
            if (for_design && part.radial.chebyshev_size > 0) {
                const std::size_t vectors = static_cast<std::size_t>(kLanes) * stride;
                const int size = part.radial.chebyshev_size;
                const int moments = n_species * size * static_cast<int>(m.monomials.size());
                p.terms = arena.take<Vec>(vectors * size);
                p.term_slopes = arena.take<Vec>(vectors * size);
                p.term_moments = arena.take<Vec>(padded(moments));
                p.tangent = arena.take<Vec>(kTangents * padded(m.n_slots));
                p.tangent_adjoint = arena.take<Vec>(kTangents * padded(m.n_slots));
                p.angular = arena.take<Vec>(vectors * part.radial.n * 4);
                channels = moments > channels ? moments : channels;
            }
        }
        if (part.kind == Part::Kind::kBispectrum) {
            const Bispectrum& b = part.bispectrum;
            const int n = part.n_channels, values = b.n_values();
            p.slots = arena.take<Vec>(padded(n));
            p.adjoint = arena.take<Vec>(2 * padded(n));
            p.gradients = arena.take<Real>(static_cast<std::size_t>(n_sets) * kLanes * padded(n));
            p.matrices = arena.take<Vec>(padded(2 * b.n_half));
            p.reverse = arena.take<Vec>(padded(2 * b.n_half));
            p.full = arena.take<Vec>(2 * static_cast<std::size_t>(b.n_full) * b.n_channels);
            p.values = arena.take<Vec>(2 * values);
            p.weights = arena.take<Vec>(b.couplings.size() * b.n_channels * b.n_channels * b.n_channels);
            if (for_design) p.rows = arena.take<Vec>(b.rows_size());
            channels = n > channels ? n : channels;
            lmk = 2 * b.n_half > lmk ? 2 * b.n_half : lmk;
        }
        if (part.kind == Part::Kind::kSymmetry) {
            const int n = part.n_channels;
            p.slots = arena.take<Vec>(padded(n));
            p.adjoint = arena.take<Vec>(padded(n));
            p.gradients = arena.take<Real>(static_cast<std::size_t>(n_sets) * kLanes * padded(n));
            p.symmetry = lay_out_symmetry(part.symmetry, stride, arena);
            channels = n > channels ? n : channels;
        }
        if (part.kind == Part::Kind::kThreeBody) p.three_body = lay_out_three_body(n_species, stride, arena);
        if (part.is_regressed() || (part.is_descriptor() && purpose == Purpose::kDescriptorRows)) {
            lay_out_regressor(part, n_sets, arena, p);
            const std::size_t n = most_features(part), size = packed_size(stride, most_features(part));
            table = n > table ? n : table;
            if (part.regressor.kind == Regressor::Kind::kKernel) packed = size > packed ? size : packed;
        }
        if (w.parts) w.parts[k] = p;
    }
    w.harmonics = arena.take<Vec>(static_cast<std::size_t>(stride) * (l_max + 1) * (l_max + 1));
    w.directions = arena.take<Vec>(harmonics_size(l_max));
    w.energies = arena.take<double>(static_cast<std::size_t>(n_sets) * kLanes);
    w.lane_channels = arena.take<Real>(static_cast<std::size_t>(kLanes) * (padded(channels) + kLanes));
    if (for_design) {
        w.phi = arena.take<Vec>(static_cast<std::size_t>(3) * stride * (lmk + 1));
        w.support = arena.take<Vec>(support);
        w.row = arena.take<Vec>(static_cast<std::size_t>(3) * stride);
        w.table = arena.take<Vec>(3 * stride * table);
        w.packed = arena.take<Vec>(packed);
    }
    return w;
}

ATOMSMITH_INLINE bool has_kernel(const Model& model) {
    for (const Part& part : model.parts)
        if (part.regressor.kind == Regressor::Kind::kKernel) return true;
    return false;
}

static inline ChunkWorkspace lay_out_chunk(const Model& model, const BatchLayout& layout, int n_sets,
                                           Arena& arena) {
    ChunkWorkspace c;
    constexpr int kMost = kAtomsPerChunk / kLanes > 1 ? kAtomsPerChunk / kLanes : 1;
    c.n_blocks = has_kernel(model) ? kMost : 1;
    c.blocks = arena.take<Workspace>(c.n_blocks);
    for (int k = 0; k < c.n_blocks; ++k) {
        const Workspace w = lay_out(model, layout, n_sets, Purpose::kPrediction, arena);
        if (c.blocks) c.blocks[k] = w;
    }
    if (c.n_blocks == 1) return c;
    std::size_t n = 0;
    for (const Part& part : model.parts)
        if (part.regressor.kind == Regressor::Kind::kKernel) {
            const std::size_t own = most_features(part);
            n = own > n ? own : n;
        }
    const std::size_t vectors = kMost + kMost % 2;
    c.features = arena.take<Vec>(vectors * n);
    c.slopes = arena.take<Vec>(n_sets * vectors * n);
    c.energies = arena.take<Vec>(n_sets * vectors);
    c.tile = arena.take<Vec>(kTileScratch);
    return c;
}

// Neighbours of `atom`, image `own`, within the model's cutoff into lane s.
static inline void gather_lane(const Sweep& sweep, Workspace& w, int s, int atom, int own) {
    Neighbourhood& near = w.near;
    const ImagePositions& images = *sweep.images;
    const double cutoff = sweep.model->cutoff;
    std::int32_t* segment = near.segment + s * (near.n_species + 1);
    if (atom < 0) {
        for (int z = 0; z <= near.n_species; ++z) segment[z] = 0;
        return;
    }
    const std::size_t at = static_cast<std::size_t>(s) * near.stride;
    Real* ux = reinterpret_cast<Real*>(near.ux + at);
    Real* uy = reinterpret_cast<Real*>(near.uy + at);
    Real* uz = reinterpret_cast<Real*>(near.uz + at);
    std::int32_t* slot = near.slot + at * kLanes;
    const double x = images.x[own], y = images.y[own], z = images.z[own];
    const std::int32_t* pair = sweep.layout->pair_image.data() + sweep.batch->first[atom];
    const std::int32_t* end = sweep.layout->pair_image.data() + sweep.batch->first[atom + 1];
    int to = 0;
    segment[0] = 0;
    for (int species = 0; species < near.n_species; ++species) {
        for (; pair != end && images.species[*pair] == species; ++pair) {
            const double a = images.x[*pair] - x, b = images.y[*pair] - y, c = images.z[*pair] - z;
            ux[to] = static_cast<Real>(a);
            uy[to] = static_cast<Real>(b);
            uz[to] = static_cast<Real>(c);
            slot[to] = *pair;
            to += a * a + b * b + c * c < cutoff * cutoff;
        }
        for (; to % kLanes != 0; ++to) {
            ux[to] = static_cast<Real>(cutoff);
            uy[to] = uz[to] = 0;
            slot[to] = -1;
        }
        segment[species + 1] = to / kLanes;
    }
    for (int b = 0; b < segment[near.n_species]; ++b) {
        const Vec vx = near.ux[at + b], vy = near.uy[at + b], vz = near.uz[at + b];
        const Vec r = square_root(vx * vx + vy * vy + vz * vz);
        const Vec inverse = 1.0 / r;
        near.r[at + b] = r;
        near.inverse[at + b] = inverse;
        near.ux[at + b] = vx * inverse;
        near.uy[at + b] = vy * inverse;
        near.uz[at + b] = vz * inverse;
    }
}

static inline void clear(const Gradient& gradient, int n_vectors) {
    for (int b = 0; b < n_vectors; ++b) gradient.x[b] = gradient.y[b] = gradient.z[b] = Vec{};
}

static inline void copy(const Gradient& from, const Gradient& to, int n_vectors) {
    for (int b = 0; b < n_vectors; ++b) {
        to.x[b] = from.x[b];
        to.y[b] = from.y[b];
        to.z[b] = from.z[b];
    }
}

// Adds the forces that follow from the gradient of lane s, on its neighbours and on the atom itself.
static inline void add_forces(const Workspace& w, int s, int own, const Gradient& gradient, double* forces) {
    const Neighbourhood& near = w.near;
    const std::int32_t* slot = near.slot + static_cast<std::size_t>(s) * near.stride * kLanes;
    Vec sum[3] = {};
    for (int b = 0; b < near.segments(s)[near.n_species]; ++b) {
        const Vec g[3] = {gradient.x[b], gradient.y[b], gradient.z[b]};
        for (int i = 0; i < 3; ++i) sum[i] += g[i];
        for (int k = 0; k < kLanes; ++k) {
            const std::int32_t image = slot[b * kLanes + k];
            if (image < 0) break;
            for (int i = 0; i < 3; ++i) forces[3 * image + i] -= g[i][k];
        }
    }
    for (int i = 0; i < 3; ++i) forces[3 * own + i] += horizontal_sum(sum[i]);
}

// -d (x) dE/dd of every pair of lane s: their sum for the atom itself, and each for the neighbour's image.
static inline void add_atom_virials(const Sweep& sweep, const Workspace& w, int s, int atom,
                                    const Gradient& gradient) {
    const Neighbourhood& near = w.near;
    double* of_images = sweep.image_virial + 9 * sweep.chunk->first_image;
    double sum[9] = {};
    for (int b = 0; b < near.segments(s)[near.n_species]; ++b) {
        const std::size_t at = static_cast<std::size_t>(s) * near.stride + b;
        const Vec g[3] = {gradient.x[b], gradient.y[b], gradient.z[b]};
        const Vec d[3] = {near.ux[at] * near.r[at], near.uy[at] * near.r[at], near.uz[at] * near.r[at]};
        for (int k = 0; k < kLanes; ++k) {
            const std::int32_t image = near.slot[at * kLanes + k];
            if (image < 0) break;
            for (int i = 0; i < 3; ++i)
                for (int j = 0; j < 3; ++j) {
                    of_images[9 * static_cast<std::size_t>(image) + 3 * i + j] -= d[i][k] * g[j][k];
                    sum[3 * i + j] -= d[i][k] * g[j][k];
                }
        }
    }
    for (int k = 0; k < 9; ++k) sweep.centre_virial[9 * static_cast<std::size_t>(atom) + k] = sum[k];
}

} // namespace atomsmith::ATOMSMITH_ISA
