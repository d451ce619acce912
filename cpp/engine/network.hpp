// Multilayer perceptrons, lanes = atoms: the energy and its derivatives by the inputs.
#pragma once

#include "activation.hpp"

namespace atomsmith::ATOMSMITH_ISA {

// out[r] = bias[r] + sum_i w[r][i] x[i] for kRows neurons.
template <int kRows>
ATOMSMITH_INLINE void neurons(const double* w, const double* bias, int n_in, const Vec* x, Vec* out) {
    Vec sum[kRows];
    for (int r = 0; r < kRows; ++r) sum[r] = broadcast(bias[r]);
    for (int i = 0; i < n_in; ++i) {
        const Vec v = x[i];
        for (int r = 0; r < kRows; ++r) sum[r] += w[r * n_in + i] * v;
    }
    for (int r = 0; r < kRows; ++r) out[r] = sum[r];
}

static inline void layer_values(const double* w, const double* bias, int n_in, int n_out, const Vec* x,
                                Vec* out) {
    int o = 0;
    for (; o + 8 <= n_out; o += 8) neurons<8>(w + o * n_in, bias + o, n_in, x, out + o);
    for (; o + 4 <= n_out; o += 4) neurons<4>(w + o * n_in, bias + o, n_in, x, out + o);
    for (; o + 2 <= n_out; o += 2) neurons<2>(w + o * n_in, bias + o, n_in, x, out + o);
    for (; o < n_out; ++o) neurons<1>(w + o * n_in, bias + o, n_in, x, out + o);
}

// slope[c] = sum_o w[o][c] g[o] for kColumns inputs.
template <int kColumns>
ATOMSMITH_INLINE void back_to_inputs(const double* w, int n_in, int n_out, const Vec* g, Vec* slope) {
    Vec sum[kColumns] = {};
    for (int o = 0; o < n_out; ++o) {
        const Vec v = g[o];
        for (int c = 0; c < kColumns; ++c) sum[c] += w[o * n_in + c] * v;
    }
    for (int c = 0; c < kColumns; ++c) slope[c] = sum[c];
}

static inline void layer_slopes(const double* w, int n_in, int n_out, const Vec* g, Vec* slope) {
    int c = 0;
    for (; c + 8 <= n_in; c += 8) back_to_inputs<8>(w + c, n_in, n_out, g, slope + c);
    for (; c + 4 <= n_in; c += 4) back_to_inputs<4>(w + c, n_in, n_out, g, slope + c);
    for (; c < n_in; ++c) back_to_inputs<1>(w + c, n_in, n_out, g, slope + c);
}

// Energy of one network; `slopes` becomes dE/dB, unless it is null.
static inline Vec network_energy(const Regressor::Centre& c, int network, const Vec* features, Vec* scratch,
                                 Vec* slopes) {
    Vec* input = scratch;
    Vec* values = input + c.n_inputs;
    Vec* derivatives = values + c.n_neurons();
    for (int k = 0; k < c.n_inputs; ++k) input[k] = (features[k] - c.shift[k]) * c.scale[k];
    const Vec* from = input;
    Vec *value = values, *derivative = derivatives;
    const int n_layers = static_cast<int>(c.layers.size());
    for (int k = 0; k < n_layers; ++k) {
        const Regressor::Layer& layer = c.layers[k];
        const std::size_t row = static_cast<std::size_t>(network) * layer.n_out;
        layer_values(layer.weights.data() + row * layer.n_in, layer.bias.data() + row, layer.n_in,
                     layer.n_out, from, value);
        activate(layer, layer.n_out, value, derivative);
        from = value;
        value += layer.n_out;
        derivative += layer.n_out;
    }
    const Vec energy = from[0];
    if (!slopes) return energy;
    Vec* g = derivatives + c.n_neurons();
    Vec* next = g + c.widest();
    g[0] = broadcast(1.0);
    for (int k = n_layers - 1; k >= 0; --k) {
        const Regressor::Layer& layer = c.layers[k];
        derivative -= layer.n_out;
        for (int o = 0; o < layer.n_out; ++o) g[o] *= derivative[o];
        layer_slopes(layer.weights.data() + static_cast<std::size_t>(network) * layer.n_out * layer.n_in,
                     layer.n_in, layer.n_out, g, next);
        Vec* const swapped = g;
        g = next;
        next = swapped;
    }
    for (int k = 0; k < c.n_inputs; ++k) slopes[k] = c.scale[k] * g[k];
    return energy;
}

} // namespace atomsmith::ATOMSMITH_ISA
