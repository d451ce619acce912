// Scratch memory of one thread, and the neighbours of one block of atoms gathered into it.
#pragma once

#include "kernels.hpp"
#include "simd.hpp"

namespace atomsmith::ATOMSMITH_ISA {

// Neighbours of lane s stand in vectors [s * stride, s * stride + count[s]), sorted by species; every
// species' tail is padded with neighbours at the cutoff, where all functions and their derivatives vanish.
struct Neighbourhood {
    int stride = 0; // vectors per lane
    int n_species = 0;
    std::int32_t* segment = nullptr; // [lanes][n_species + 1], in vectors from the lane's first
    Vec *ux = nullptr, *uy = nullptr, *uz = nullptr, *r = nullptr, *inverse = nullptr;
    Vec *gx = nullptr, *gy = nullptr, *gz = nullptr;
    std::int64_t* slot = nullptr; // [vector][lane]: pair, -1 for padding
    const std::int32_t* segments(int lane) const { return segment + lane * (n_species + 1); }
};

struct PartWorkspace {
    Vec *value = nullptr, *derivative = nullptr; // radial functions, [vector][n]
    Vec *slots = nullptr, *adjoint = nullptr;    // ace: values and gradients of channels and stored nodes
    double* gradients = nullptr;                 // ace: dE/dA, [set][lane][padded channels]
    Vec* directions = nullptr;                   // ace: harmonics of one lane
};

struct Workspace {
    Neighbourhood near;
    PartWorkspace* parts = nullptr;
    Vec* harmonics = nullptr;        // Y_lm of one lane, [vector][(l_max + 1)^2]
    Vec* directions = nullptr;       // one record of `Harmonics`
    double* lane_channels = nullptr; // A before its transposition, [lanes][padded channels]
    double* energies = nullptr;      // [set][lane]
    double* temporary = nullptr;     // unsorted neighbours: dx dy dz, species, pair
    Vec* phi = nullptr;     // design: gradient of the one-particle functions, [3][vector] per channel
    Vec* support = nullptr; // design: dB/dA of every feature of a centre
    Vec* row = nullptr;     // design: gradient of one feature, [3][vector]
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

static inline Workspace lay_out(const Model& model, int max_neighbours, int n_sets, bool for_design,
                                Arena& arena) {
    Workspace w;
    const int n_species = model.n_species();
    const int stride = max_neighbours / kLanes + n_species + 1;
    Neighbourhood& near = w.near;
    near.stride = stride;
    near.n_species = n_species;
    near.segment = arena.take<std::int32_t>(kLanes * (n_species + 1));
    for (Vec** v : {&near.ux, &near.uy, &near.uz, &near.r, &near.inverse, &near.gx, &near.gy, &near.gz})
        *v = arena.take<Vec>(kLanes * stride);
    near.slot = arena.take<std::int64_t>(kLanes * stride * kLanes);
    const int n_parts = static_cast<int>(model.parts.size());
    w.parts = arena.take<PartWorkspace>(n_parts);
    int l_max = 0, channels = 0, lmk = 0;
    std::size_t support = 0;
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
            p.slots = arena.take<Vec>(padded(slots));
            p.adjoint = arena.take<Vec>(2 * padded(slots)); // of two sets at a time
            p.gradients = arena.take<double>(static_cast<std::size_t>(n_sets) * kLanes *
                                             padded(n_species * part.n_lmk));
            p.directions = arena.take<Vec>(static_cast<std::size_t>(stride) * harmonics_size(part.l_max));
            l_max = part.l_max > l_max ? part.l_max : l_max;
            lmk = part.n_lmk > lmk ? part.n_lmk : lmk;
            const int n = n_species * part.n_lmk;
            channels = n > channels ? n : channels;
        }
        if (w.parts) w.parts[k] = p;
    }
    w.harmonics = arena.take<Vec>(static_cast<std::size_t>(stride) * (l_max + 1) * (l_max + 1));
    w.directions = arena.take<Vec>(harmonics_size(l_max));
    w.energies = arena.take<double>(static_cast<std::size_t>(n_sets) * kLanes);
    w.lane_channels = arena.take<double>(static_cast<std::size_t>(kLanes) * (padded(channels) + kLanes));
    w.temporary = arena.take<double>(5 * static_cast<std::size_t>(max_neighbours + 1));
    if (for_design) {
        w.phi = arena.take<Vec>(static_cast<std::size_t>(3) * stride * (lmk + 1));
        w.support = arena.take<Vec>(support);
        w.row = arena.take<Vec>(static_cast<std::size_t>(3) * stride);
    }
    return w;
}

// Neighbours of `atom` within the model's cutoff into lane s; clears the gradient of all its pairs.
static inline void gather_lane(const Sweep& sweep, Workspace& w, int s, int atom) {
    Neighbourhood& near = w.near;
    const BatchView& batch = *sweep.batch;
    const double cutoff = sweep.model->cutoff;
    std::int32_t* segment = near.segment + s * (near.n_species + 1);
    if (atom < 0) {
        for (int z = 0; z <= near.n_species; ++z) segment[z] = 0;
        return;
    }
    const double* x = batch.positions + 3 * atom;
    const double* cell = batch.cells + 9 * batch.system[atom];
    const std::int64_t first = batch.first[atom];
    const int n = static_cast<int>(batch.first[atom + 1] - first);
    double* dx = w.temporary;
    double* dy = dx + n;
    double* dz = dy + n;
    auto* pair = reinterpret_cast<std::int64_t*>(dz + n);
    auto* species = reinterpret_cast<std::int32_t*>(pair + n);
    std::int32_t count[128] = {};
    int kept = 0;
    for (int p = 0; p < n; ++p) {
        const int j = batch.neighbour[first + p];
        const std::int16_t* shift = batch.shift + 3 * (first + p);
        const double s0 = shift[0], s1 = shift[1], s2 = shift[2];
        const double a = batch.positions[3 * j] - x[0] + (s0 * cell[0] + s1 * cell[3] + s2 * cell[6]);
        const double b = batch.positions[3 * j + 1] - x[1] + (s0 * cell[1] + s1 * cell[4] + s2 * cell[7]);
        const double c = batch.positions[3 * j + 2] - x[2] + (s0 * cell[2] + s1 * cell[5] + s2 * cell[8]);
        dx[kept] = a;
        dy[kept] = b;
        dz[kept] = c;
        pair[kept] = first + p;
        species[kept] = batch.species[j];
        const int inside = a * a + b * b + c * c < cutoff * cutoff;
        count[species[kept]] += inside;
        kept += inside;
    }
    std::int32_t next[128];
    segment[0] = 0;
    for (int z = 0; z < near.n_species; ++z) {
        next[z] = segment[z] * kLanes;
        segment[z + 1] = segment[z] + (count[z] + kLanes - 1) / kLanes;
    }
    const std::size_t at = static_cast<std::size_t>(s) * near.stride;
    double* ux = reinterpret_cast<double*>(near.ux + at);
    double* uy = reinterpret_cast<double*>(near.uy + at);
    double* uz = reinterpret_cast<double*>(near.uz + at);
    std::int64_t* slot = near.slot + at * kLanes;
    for (int p = 0; p < kept; ++p) {
        const int to = next[species[p]]++;
        ux[to] = dx[p];
        uy[to] = dy[p];
        uz[to] = dz[p];
        slot[to] = pair[p];
    }
    for (int z = 0; z < near.n_species; ++z)
        for (int to = next[z]; to < segment[z + 1] * kLanes; ++to) {
            ux[to] = cutoff;
            uy[to] = uz[to] = 0.0;
            slot[to] = -1;
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

static inline void clear_gradient(Neighbourhood& near, int s) {
    const int n = near.segments(s)[near.n_species];
    for (int b = s * near.stride; b < s * near.stride + n; ++b) near.gx[b] = near.gy[b] = near.gz[b] = Vec{};
}

// Writes the gradients of lane s to its pairs and returns the atom's virial sum_j d (x) g.
static inline void write_gradient(const Sweep& sweep, const Workspace& w, int s, int atom, double* gradient,
                                  double* virial) {
    const Neighbourhood& near = w.near;
    const BatchView& batch = *sweep.batch;
    const int n = near.segments(s)[near.n_species];
    const std::int64_t first = batch.first[atom], last = batch.first[atom + 1];
    for (std::int64_t k = 3 * first; k < 3 * last; ++k) gradient[k] = 0.0;
    Vec sum[9] = {};
    for (int b = s * near.stride; b < s * near.stride + n; ++b) {
        const Vec g[3] = {near.gx[b], near.gy[b], near.gz[b]};
        const Vec d[3] = {near.ux[b] * near.r[b], near.uy[b] * near.r[b], near.uz[b] * near.r[b]};
        for (int i = 0; i < 3; ++i)
            for (int k = 0; k < 3; ++k) sum[3 * i + k] += d[i] * g[k];
        for (int k = 0; k < kLanes; ++k) {
            const std::int64_t pair = near.slot[static_cast<std::size_t>(b) * kLanes + k];
            if (pair < 0) continue;
            gradient[3 * pair] = g[0][k];
            gradient[3 * pair + 1] = g[1][k];
            gradient[3 * pair + 2] = g[2][k];
        }
    }
    for (int i = 0; i < 9; ++i) virial[9 * static_cast<std::size_t>(atom) + i] = horizontal_sum(sum[i]);
}

} // namespace atomsmith::ATOMSMITH_ISA
