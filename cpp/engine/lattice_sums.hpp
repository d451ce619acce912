// Sums of inverse powers of distance over all pairs of atoms of a crystal, by generalised Ewald summation.
//
// With x = a^2 r^2, r^-k is split into r^-k Q(k/2, x), which decays like exp(-x) and is summed over
// neighbours, and r^-k P(k/2, x), which is smooth and is summed over waves (P, Q: regularised incomplete
// gamma functions). The second has the Fourier transform pi^(3/2) a^(k-3) E_p(q^2 / 4 a^2) / Gamma(k/2) with
// the exponential integral of order p = (k-1)/2. Nijboer and De Wette, Physica 23, 309 (1957); Williams, Acta
// Cryst. A 27, 452 (1971). At q = 0 it is taken as 2 pi^(3/2) a^(k-3) / ((k-3) Gamma(k/2)), which for k > 3
// makes the sum that of all pairs, and for k < 3 that of all pairs less the integral of a uniform background;
// for k = 3 the background begins at 1 angstrom. Results do not depend on a.
#pragma once

#include <cstdint>
#include <vector>

#include "crystal.hpp"
#include "whole_system.hpp"

namespace atomsmith {

struct InversePowers {
    static constexpr int kLargest = 15;
    std::vector<std::int32_t> powers;        // rising, 1 to 15
    std::vector<double> scale;               // [n^2]: a feature is the sum of (scale / r)^k
    std::vector<std::int32_t> first_feature; // [n^2]
    int size() const { return static_cast<int>(powers.size()); }
};

// Throws std::invalid_argument.
void check_inverse_powers(const InversePowers& powers, int n_species, int n_features);

// Memory for the sums of one system after the other. Not to be shared by threads.
class LatticeSums {
public:
    void add_features(const InversePowers& powers, const WholeSystem& system, const AtomFeatures& to);
    void add_predictions(const InversePowers& powers, const WholeSystem& system, const SetPredictions& to);
    void add_rows(const InversePowers& powers, const WholeSystem& system, const FeatureRows& to);

    // All terms of one wave and the one opposite to it; the inverse volume is part of the values.
    struct Wave {
        double q[3];
        double value[InversePowers::kLargest];
        double slope[InversePowers::kLargest]; // by q^2
        const double *cosine, *sine;           // of q.r, [atom]
        const double *sum_cosine, *sum_sine;   // over the atoms of each species
    };

private:
    template <class Sink>
    void sweep(const InversePowers& powers, const WholeSystem& system, Sink& sink);
    void make_tables(const InversePowers& powers, const WholeSystem& system);
    void choose_splitting(const WholeSystem& system);
    void make_phases(const WholeSystem& system);
    template <class Sink>
    void sum_pairs(const WholeSystem& system, Sink& sink);
    template <class Sink>
    void sum_constants(const WholeSystem& system, Sink& sink);
    template <class Sink>
    void sum_waves(const WholeSystem& system, Sink& sink);
    void make_wave(const WholeSystem& system, double squared, Wave& wave);

    const InversePowers* powers_ = nullptr;
    std::vector<double> scales_; // [pair of species][power]: scale^k
    double over_gamma_[InversePowers::kLargest] = {}, front_[InversePowers::kLargest] = {};
    double volume_ = 0.0, splitting_ = 0.0, largest_wave_ = 0.0;
    Crystal crystal_;
    int largest_index_[3] = {};               // of waves
    std::vector<double> cosine_[3], sine_[3]; // of each axis, [index][atom]
    std::vector<double> row_cosine_, row_sine_, wave_cosine_, wave_sine_;
    std::vector<double> sum_cosine_, sum_sine_, count_; // [species]
    std::vector<double> phases_;                        // of a sink
};

} // namespace atomsmith
