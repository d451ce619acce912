// Gradients of a descriptor's features with respect to the neighbours of one atom (lanes = neighbours), and
// what is made of them: rows of the design matrix for any regressor, and the arrays that trainers of
// nonlinear regressors ask for. A new descriptor joins by a case in `prepare_gradients` and
// `for_each_gradient`.
#pragma once

#include "bispectrum_design.hpp"
#include "describe.hpp"
#include "design.hpp"
#include "moments_design.hpp"
#include "regressor.hpp"
#include "soap_design.hpp"
#include "symmetry_design.hpp"

namespace atomsmith::ATOMSMITH_ISA {

// What the gradients of all atoms of a block share; after `describe`.
static inline void prepare_gradients(const Part& part, int centre, Workspace& w, const PartWorkspace& own) {
    switch (part.kind) {
    case Part::Kind::kAce: {
        const AceCentre& c = part.centres[centre];
        for (int f = 0; f < c.n_features; ++f)
            feature_gradient(c, f, own.slots, w.support + c.support_start[f]);
        return;
    }
    case Part::Kind::kBispectrum:
        bispectrum_rows(part, own.full, own.rows);
        return;
    case Part::Kind::kMoments:
        for (std::size_t k = 0; k < part.moments.scalar_slots.size(); ++k)
            moment_rows(part.moments, static_cast<int>(k), own.slots, own.adjoint,
                        w.support + part.moments.support_first[k]);
        return;
    case Part::Kind::kSoap:
        from_lanes(own.slots, 1, part.soap.n_slots, w.lane_channels, padded(part.soap.n_slots) + kLanes);
        return;
    default:
        return;
    }
}

// Calls body(feature, first vector, vectors, gx, gy, gz) with gradients by the neighbours in these vectors of
// lane s; a feature may come several times, for neighbours of one species after the other.
template <class Body>
static inline void for_each_gradient(const Part& part, int centre, int s, Workspace& w,
                                     const PartWorkspace& own, Body body) {
    switch (part.kind) {
    case Part::Kind::kAce:
        return for_each_ace_gradient(part, centre, s, w, own, body);
    case Part::Kind::kBispectrum:
        return for_each_bispectrum_gradient(part, centre, s, w, own, body);
    case Part::Kind::kMoments:
        return for_each_moment_gradient(part, s, w, own, body);
    case Part::Kind::kSymmetry:
        return for_each_symmetry_gradient(part, centre, s, w, own, body);
    default:
        return;
    }
}

// Gradients of all features of lane s by all of its neighbours, w.table: [feature][xyz][vector].
static inline void fill_gradient_table(const Part& part, int centre, int s, Workspace& w,
                                       const PartWorkspace& own) {
    const int stride = w.near.stride;
    const std::size_t size =
        static_cast<std::size_t>(3) * stride * part.regressor.centres[centre].padded_inputs();
    for (std::size_t k = 0; k < size; ++k) w.table[k] = Vec{};
    if (part.kind == Part::Kind::kSoap) return soap_gradient_table(part, s, w, own, w.table);
    for_each_gradient(part, centre, s, w, own,
                      [&](int feature, int first, int n, const Vec* gx, const Vec* gy, const Vec* gz) {
                          Vec* to = w.table + static_cast<std::size_t>(3) * stride * feature + first;
                          for (int b = 0; b < n; ++b) {
                              to[b] = gx[b];
                              to[stride + b] = gy[b];
                              to[2 * stride + b] = gz[b];
                          }
                      });
}

// Calls emit(output, g) with the gradient g [xyz][vector] of every product of two features of lane s.
template <class Emit>
static inline void quadratic_gradients(int n, const PartWorkspace& own, int s, Workspace& w, Emit emit) {
    const std::size_t row = static_cast<std::size_t>(3) * w.near.stride;
    for (int i = 0; i < n; ++i) emit(i, w.table + i * row);
    for (int i = 0, output = n; i < n; ++i)
        for (int j = i; j < n; ++j, ++output) {
            const double bi = own.features[i][s], bj = i == j ? 0.0 : own.features[j][s];
            const Vec *gi = w.table + i * row, *gj = w.table + j * row;
            for (std::size_t e = 0; e < row; ++e) w.row[e] = i == j ? bi * gi[e] : bj * gi[e] + bi * gj[e];
            emit(output, w.row);
        }
}

// Turns the table into gradients of a kernel's inputs.
static inline void input_gradients(const Regressor::Centre& c, const PartWorkspace& own, int s,
                                   Workspace& w) {
    if (!c.is_normalised()) return;
    const int n = c.n_inputs, columns = 3 * w.near.stride;
    const double inverse = own.inputs[c.padded_inputs()][s];
    for (int e = 0; e < columns; ++e) {
        Vec along{};
        for (int d = 0; d < n; ++d) {
            Vec& g = w.table[static_cast<std::size_t>(d) * columns + e];
            g *= c.scale[d] * inverse;
            along += own.inputs[d][s] * g;
        }
        for (int d = 0; d <= n; ++d) {
            Vec& g = w.table[static_cast<std::size_t>(d) * columns + e];
            g = (d < n ? g : Vec{}) - own.inputs[d][s] * along;
        }
    }
}

// The same for the outputs of a kernel, whose points are multiplied with the table tile by tile.
template <class Emit>
static inline void kernel_gradients(const Regressor& regressor, int centre, const PartWorkspace& own, int s,
                                    Workspace& w, Emit emit) {
    const Regressor::Centre& c = regressor.centres[centre];
    const int columns = 3 * w.near.stride, n_pairs = (columns + 1) / 2, rows = c.padded_inputs(),
              whole = whole_exponent(regressor.zeta - 1.0);
    Vec* packed = w.packed;
    for (int pair = 0; pair < n_pairs; ++pair)
        for (int d = 0; d < rows; ++d)
            for (int v = 0; v < 2; ++v)
                *packed++ = 2 * pair + v < columns
                                ? w.table[static_cast<std::size_t>(d) * columns + 2 * pair + v]
                                : Vec{};
    Vec* products = packed;
    Vec* tile_rows = products + 2 * kPointsPerTile;
    for (int first = 0; first < c.n_panels(); first += kPanelsPerTile) {
        const int left = c.n_panels() - first, n_panels = left < kPanelsPerTile ? left : kPanelsPerTile;
        const double* tile = c.panels.data() + static_cast<std::size_t>(first) * rows * kPanel;
        for (int pair = 0; pair < n_pairs; ++pair) {
            tile_products<2>(tile, n_panels, rows, w.packed + static_cast<std::size_t>(2) * rows * pair,
                             products);
            for (int p = 0; p < n_panels * kPanel; ++p)
                for (int v = 0; v < 2; ++v) tile_rows[p * 2 * n_pairs + 2 * pair + v] = products[2 * p + v];
        }
        for (int p = 0; p < n_panels * kPanel && first * kPanel + p < c.n_outputs; ++p) {
            const Vec product = own.scratch[first * kPanel + p];
            const double slope = regressor.zeta * real_power(product, regressor.zeta - 1.0, whole)[s];
            for (int e = 0; e < columns; ++e) w.row[e] = slope * tile_rows[p * 2 * n_pairs + e];
            emit(first * kPanel + p, w.row);
        }
    }
}

// d(output)/d(input) of inputs that all atoms of the system share.
static inline void add_global_slopes(const Sweep& sweep, const Part& part, const Regressor::Centre& c,
                                     int n_atoms, const PartWorkspace& own) {
    const Regressor& regressor = part.regressor;
    for (int g = 0; g < regressor.n_globals; ++g) {
        const int input = regressor.n_described(c) + g, first = part.first_feature + c.first_output;
        if (regressor.kind == Regressor::Kind::kLinear)
            sweep.design_global_slopes[(first + input) * GlobalFeatures::kMost + g] += n_atoms;
        if (!regressor.is_ensemble()) continue;
        for (int k = 0; k < c.n_outputs; ++k)
            for (int s = 0; s < n_atoms; ++s)
                sweep.design_global_slopes[(first + k) * GlobalFeatures::kMost + g] +=
                    own.slopes[k * c.padded_inputs() + input][s];
    }
}

// Rows of the outputs of a part with a regressor, or of a descriptor's features themselves.
static inline void design_outputs(const Sweep& sweep, const Part& part, int centre, const std::int32_t* atoms,
                                  int n_atoms, Workspace& w, PartWorkspace& own) {
    const Regressor& regressor = part.regressor;
    const Regressor::Centre& c = regressor.centres[centre];
    const int n = c.n_inputs, first = part.first_feature + c.first_output, stride = w.near.stride;
    describe(part, centre, sweep.globals, own);
    for_each_output(regressor, centre, own, [&](int output, Vec value) {
        if (!sweep.design_energy) return;
        double sum = 0.0;
        for (int s = 0; s < n_atoms; ++s) sum += value[s];
        sweep.design_energy[(first + output) * sweep.design_energy_stride] += sum;
    });
    if (!sweep.design_forces && !sweep.design_virial) return;
    prepare_gradients(part, centre, w, own);
    for (int k = 0; regressor.is_ensemble() && k < c.n_outputs; ++k)
        member_energy(regressor, c, k, own.features, own.scratch, own.slopes + k * c.padded_inputs());
    add_global_slopes(sweep, part, c, n_atoms, own);
    for (int s = 0; s < n_atoms; ++s) {
        const std::size_t at = static_cast<std::size_t>(s) * stride;
        const int n_vectors = w.near.segments(s)[w.near.n_species];
        if (n_vectors == 0) continue;
        const auto emit = [&](int output, const Vec* g) __attribute__((always_inline)) {
            add_rows(sweep, w.near, at, n_vectors, g, g + stride, g + 2 * stride, atoms[s], first + output);
        };
        fill_gradient_table(part, centre, s, w, own);
        const std::size_t row = static_cast<std::size_t>(3) * stride;
        switch (regressor.kind) {
        case Regressor::Kind::kLinear:
            for (int k = 0; k < n; ++k) emit(k, w.table + k * row);
            break;
        case Regressor::Kind::kQuadratic:
            quadratic_gradients(n, own, s, w, emit);
            break;
        case Regressor::Kind::kKernel:
            input_gradients(c, own, s, w);
            kernel_gradients(regressor, centre, own, s, w, emit);
            break;
        case Regressor::Kind::kNetwork:
        case Regressor::Kind::kEmbedding:
            for (int k = 0; k < c.n_outputs; ++k) {
                for (std::size_t e = 0; e < row; ++e) w.row[e] = Vec{};
                for (int d = 0; d < n; ++d) {
                    const double slope = own.slopes[k * c.padded_inputs() + d][s];
                    const Vec* g = w.table + d * row;
                    for (std::size_t e = 0; e < row; ++e) w.row[e] += slope * g[e];
                }
                emit(k, w.row);
            }
        }
    }
}

// Adds the gradients by one vector of neighbours, table[feature * step + axis * stride], to the rows of their
// atoms, of the atom itself and of the strain; features stand side by side there, `size` from axis to axis.
template <class RowOf>
static inline void add_descriptor_rows(const Neighbourhood& near, std::size_t at, int n, const Vec* table,
                                       int step, int stride, RowOf row_of, double* own, double* strain,
                                       std::size_t size) {
    double* rows[kLanes];
    Vec d[3][kLanes];
    int count = 0;
    for (; count < kLanes && near.slot[at * kLanes + count] >= 0; ++count) {
        const double r = near.r[at][count];
        rows[count] = row_of(near.slot[at * kLanes + count]);
        d[0][count] = broadcast(near.ux[at][count] * r);
        d[1][count] = broadcast(near.uy[at][count] * r);
        d[2][count] = broadcast(near.uz[at][count] * r);
    }
    const auto add = [](double* to, Vec value) { store_unaligned(to, load_unaligned(to) + value); };
    int f = 0;
    for (; f + kLanes <= n; f += kLanes) {
        Vec sum[3] = {}, bend[6] = {};
        for (int axis = 0; axis < 3; ++axis) {
            Vec g[kLanes];
            for (int k = 0; k < kLanes; ++k) g[k] = table[(f + k) * step + axis * stride];
            transpose(g);
            for (int k = 0; k < count; ++k) {
                add(rows[k] + axis * size + f, g[k]);
                sum[axis] += g[k];
                bend[axis] += d[axis][k] * g[k];
                if (axis == 2) {
                    bend[3] += d[1][k] * g[k];
                    bend[4] += d[0][k] * g[k];
                }
                if (axis == 1) bend[5] += d[0][k] * g[k];
            }
        }
        for (int axis = 0; axis < 3; ++axis) add(own + axis * size + f, -sum[axis]);
        for (int k = 0; k < 6; ++k) add(strain + k * size + f, bend[k]);
    }
    for (; f < n; ++f)
        for (int k = 0; k < count; ++k) {
            const Vec* from = table + f * step;
            const double g[3] = {from[0][k], from[stride][k], from[2 * stride][k]};
            for (int axis = 0; axis < 3; ++axis) {
                rows[k][axis * size + f] += g[axis];
                own[axis * size + f] -= g[axis];
                strain[axis * size + f] += d[axis][k][0] * g[axis];
            }
            strain[3 * size + f] += d[1][k][0] * g[2];
            strain[4 * size + f] += d[0][k][0] * g[2];
            strain[5 * size + f] += d[0][k][0] * g[1];
        }
}

// Features of a descriptor, their gradients by every atom and by strain, of the atoms of one block; see
// `DescriptorRows`.
static inline void descriptor_rows(const Sweep& sweep, const Part& part, int centre,
                                   const std::int32_t* atoms, int n_atoms, Workspace& w, PartWorkspace& own) {
    const DescriptorRows& out = *sweep.descriptor_rows;
    const Neighbourhood& near = w.near;
    const int n = part.regressor.centres[centre].n_inputs, stride = near.stride;
    const std::size_t size = out.n_features;
    const Image* images = sweep.layout->images.data() + sweep.chunk->first_image;
    describe(part, centre, sweep.globals, own);
    prepare_gradients(part, centre, w, own);
    for (int s = 0; s < n_atoms; ++s) {
        const std::size_t i = atoms[s], at = static_cast<std::size_t>(s) * stride;
        for (int k = 0; k < n; ++k) out.features[i * size + k] = own.features[k][s];
        fill_gradient_table(part, centre, s, w, own);
        const auto row_of = [&](int atom) {
            std::int64_t low = out.first[i], high = out.first[i + 1] - 1;
            while (low < high) {
                const std::int64_t middle = (low + high) / 2;
                if (out.atom[middle] < atom)
                    low = middle + 1;
                else
                    high = middle;
            }
            return out.gradients + 3 * size * low;
        };
        for (int b = 0; b < near.segments(s)[near.n_species]; ++b)
            add_descriptor_rows(
                near, at + b, n, w.table + b, 3 * stride, stride,
                [&](int slot) { return row_of(images[slot].atom); }, row_of(atoms[s]),
                out.strain + 6 * size * i, size);
    }
}

} // namespace atomsmith::ATOMSMITH_ISA
