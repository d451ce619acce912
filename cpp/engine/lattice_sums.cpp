#include "lattice_sums.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <string>

#include "exponential_integral.hpp"

namespace atomsmith {

namespace {

constexpr double kPi = std::numbers::pi;
constexpr int kMost = InversePowers::kLargest;
constexpr double kReach = 6.0; // both sums end where exp(-x) is 2e-16
constexpr double kDigammaOfThreeHalves = 0.03648997397857652;
// Relative costs of a pair, of a wave at one atom, and of a wave: they decide how the sum is split.
constexpr double kPairCost = 150.0, kPhaseCost = 4.0, kWaveCost = 600.0;
constexpr int kVoigt[6][2] = {{0, 0}, {1, 1}, {2, 2}, {1, 2}, {0, 2}, {0, 1}};

double dot(int n, const double* a, const double* b) {
    double sum = 0.0;
    for (int k = 0; k < n; ++k) sum += a[k] * b[k];
    return sum;
}

// (scale / r)^k Q(k/2, a^2 r^2) and its derivative by r, over r. Q(s, x) comes from the recurrence Q(s + 1) =
// Q(s)
// + x^s exp(-x) / Gamma(s + 1); the derivative of r^-k Q(k/2) is -k r^(-k-1) Q(k/2 + 1). Where nothing is
// split off Q is 1.
void screened_powers(const InversePowers& powers, const double* scales, double squared, double splitting,
                     double* value, double* slope) {
    double kept[kMost + 3]; // Q(k/2)
    const int last = powers.powers.back();
    if (splitting > 0.0) {
        const double x = splitting * splitting * squared, exponential = std::exp(-x), root = std::sqrt(x);
        kept[1] = std::erfc(root);
        kept[2] = exponential;
        double odd = 2.0 / std::sqrt(kPi) * root * exponential, even = x * exponential;
        for (int k = 3; k <= last + 2; k += 2) {
            kept[k] = kept[k - 2] + odd;
            odd *= x * (2.0 / k);
        }
        for (int k = 4; k <= last + 2; k += 2) {
            kept[k] = kept[k - 2] + even;
            even *= x * (2.0 / k);
        }
    } else {
        std::fill(kept, kept + kMost + 3, 1.0);
    }
    const double over_squared = 1.0 / squared, over = std::sqrt(over_squared);
    double inverse[kMost + 1];
    inverse[0] = 1.0;
    for (int k = 1; k <= last; ++k) inverse[k] = inverse[k - 1] * over;
    for (int n = 0; n < powers.size(); ++n) {
        const int k = powers.powers[n];
        const double power = scales[n] * inverse[k];
        value[n] = power * kept[k];
        slope[n] = -k * power * over_squared * kept[k + 2];
    }
}

// Where terms go. `pair`: of atoms i and j, or of an atom and its own image, once for both directions; d =
// r_j
// - r_i. `atom`: an atom's share of features of species a and b. `background`: a feature as a whole, which
// falls like 1 / volume. `wave`: see `LatticeSums::Wave`.
class FeatureSink {
public:
    FeatureSink(const InversePowers& powers, const WholeSystem& system, const AtomFeatures& to)
        : powers_(powers), system_(system), to_(to) {}

    void pair(int i, int j, const double*, const double* value, const double*) {
        add(i, j, 0.5, value);
        add(j, i, 0.5, value);
    }
    void atom(int i, int b, const double* value) { add_species(i, b, 1.0, value); }
    void background(int, int, const double*) {}
    void wave(const LatticeSums::Wave& wave, const double* scales, std::vector<double>&) {
        const int n = powers_.size(), n_species = system_.n_species;
        for (int i = 0; i < system_.n_atoms; ++i)
            for (int b = 0; b < n_species; ++b) {
                const double product = wave.cosine[i] * wave.sum_cosine[b] + wave.sine[i] * wave.sum_sine[b];
                const int pair = system_.species[i] * n_species + b;
                double* features = to_.features + i * to_.stride + powers_.first_feature[pair];
                for (int k = 0; k < n; ++k) features[k] += wave.value[k] * scales[pair * n + k] * product;
            }
    }

private:
    void add(int i, int j, double weight, const double* value) {
        add_species(i, system_.species[j], weight, value);
    }
    void add_species(int i, int b, double weight, const double* value) {
        const int pair = system_.species[i] * system_.n_species + b;
        double* features = to_.features + i * to_.stride + powers_.first_feature[pair];
        for (int k = 0; k < powers_.size(); ++k) features[k] += weight * value[k];
    }
    const InversePowers& powers_;
    const WholeSystem& system_;
    const AtomFeatures& to_;
};

class PredictionSink {
public:
    PredictionSink(const InversePowers& powers, const WholeSystem& system, const SetPredictions& to)
        : powers_(powers), system_(system), to_(to) {}

    void pair(int i, int j, const double* d, const double* value, const double* slope) {
        const int n = powers_.size();
        for (int set = 0; set < to_.n_sets; ++set) {
            const double* c = coefficients(set, system_.species[i], system_.species[j]);
            const double half = 0.5 * dot(n, c, value), pull = dot(n, c, slope);
            double* energies = to_.energies + set * to_.energy_stride;
            double* forces = to_.forces + set * to_.force_stride;
            double* virial = to_.virial + set * to_.virial_stride;
            energies[i] += half;
            energies[j] += half;
            for (int x = 0; x < 3; ++x) {
                forces[3 * i + x] += pull * d[x];
                forces[3 * j + x] -= pull * d[x];
                for (int y = 0; y < 3; ++y) virial[3 * x + y] -= pull * d[x] * d[y];
            }
        }
    }
    void atom(int i, int b, const double* value) {
        for (int set = 0; set < to_.n_sets; ++set)
            to_.energies[set * to_.energy_stride + i] +=
                dot(powers_.size(), coefficients(set, system_.species[i], b), value);
    }
    void background(int a, int b, const double* value) {
        for (int set = 0; set < to_.n_sets; ++set) {
            const double energy = dot(powers_.size(), coefficients(set, a, b), value);
            for (int x = 0; x < 3; ++x) to_.virial[set * to_.virial_stride + 4 * x] += energy;
        }
    }
    // An atom's energy is Re(p t) with its phase factor p = exp(i q r) and t, a sum over species.
    void wave(const LatticeSums::Wave& wave, const double* scales, std::vector<double>& memory) {
        const int n = powers_.size(), n_species = system_.n_species;
        memory.resize(2 * n_species);
        double *t_cosine = memory.data(), *t_sine = t_cosine + n_species;
        for (int set = 0; set < to_.n_sets; ++set) {
            double slope = 0.0;
            for (int a = 0; a < n_species; ++a) {
                t_cosine[a] = t_sine[a] = 0.0;
                for (int b = 0; b < n_species; ++b) {
                    const double* c = coefficients(set, a, b);
                    const double* s = scales + (a * n_species + b) * n;
                    double value = 0.0, derivative = 0.0;
                    for (int k = 0; k < n; ++k) {
                        value += c[k] * s[k] * wave.value[k];
                        derivative += c[k] * s[k] * wave.slope[k];
                    }
                    t_cosine[a] += value * wave.sum_cosine[b];
                    t_sine[a] += value * wave.sum_sine[b];
                    slope += derivative *
                             (wave.sum_cosine[a] * wave.sum_cosine[b] + wave.sum_sine[a] * wave.sum_sine[b]);
                }
            }
            double* energies = to_.energies + set * to_.energy_stride;
            double* forces = to_.forces + set * to_.force_stride;
            double* virial = to_.virial + set * to_.virial_stride;
            double total = 0.0;
            for (int i = 0; i < system_.n_atoms; ++i) {
                const int a = system_.species[i];
                const double energy = wave.cosine[i] * t_cosine[a] + wave.sine[i] * t_sine[a];
                const double push = 2.0 * (wave.sine[i] * t_cosine[a] - wave.cosine[i] * t_sine[a]);
                energies[i] += energy;
                total += energy;
                for (int x = 0; x < 3; ++x) forces[3 * i + x] += push * wave.q[x];
            }
            for (int x = 0; x < 3; ++x) {
                virial[4 * x] += total;
                for (int y = 0; y < 3; ++y) virial[3 * x + y] += 2.0 * slope * wave.q[x] * wave.q[y];
            }
        }
    }

private:
    const double* coefficients(int set, int a, int b) const {
        return to_.coefficients + set * to_.coefficient_stride +
               powers_.first_feature[a * system_.n_species + b];
    }
    const InversePowers& powers_;
    const WholeSystem& system_;
    const SetPredictions& to_;
};

class RowSink {
public:
    RowSink(const InversePowers& powers, const WholeSystem& system, const FeatureRows& to)
        : powers_(powers), system_(system), to_(to) {}

    void pair(int i, int j, const double* d, const double* value, const double* slope) {
        const std::size_t first = feature(system_.species[i], system_.species[j]);
        for (int k = 0; k < powers_.size(); ++k) {
            double* forces = to_.forces + (first + k) * to_.force_stride;
            double* virial = to_.virial + (first + k) * to_.virial_stride;
            to_.energy[(first + k) * to_.energy_stride] += value[k];
            for (int x = 0; x < 3; ++x) {
                forces[3 * i + x] += slope[k] * d[x];
                forces[3 * j + x] -= slope[k] * d[x];
            }
            for (int v = 0; v < 6; ++v) virial[v] -= slope[k] * d[kVoigt[v][0]] * d[kVoigt[v][1]];
        }
    }
    void atom(int i, int b, const double* value) {
        const std::size_t first = feature(system_.species[i], b);
        for (int k = 0; k < powers_.size(); ++k) to_.energy[(first + k) * to_.energy_stride] += value[k];
    }
    void background(int a, int b, const double* value) {
        const std::size_t first = feature(a, b);
        for (int k = 0; k < powers_.size(); ++k)
            for (int x = 0; x < 3; ++x) to_.virial[(first + k) * to_.virial_stride + x] += value[k];
    }
    void wave(const LatticeSums::Wave& wave, const double* scales, std::vector<double>& memory) {
        const int n = powers_.size(), n_species = system_.n_species, n_atoms = system_.n_atoms;
        memory.resize(n_atoms);
        for (int a = 0; a < n_species; ++a)
            for (int b = 0; b < n_species; ++b) {
                const std::size_t first = feature(a, b);
                const double* s = scales + (a * n_species + b) * n;
                const double whole =
                    wave.sum_cosine[a] * wave.sum_cosine[b] + wave.sum_sine[a] * wave.sum_sine[b];
                for (int i = 0; i < n_atoms; ++i)
                    memory[i] =
                        system_.species[i] != a
                            ? 0.0
                            : 2.0 * (wave.sine[i] * wave.sum_cosine[b] - wave.cosine[i] * wave.sum_sine[b]);
                for (int k = 0; k < n; ++k) {
                    const double value = wave.value[k] * s[k], slope = wave.slope[k] * s[k];
                    double* forces = to_.forces + (first + k) * to_.force_stride;
                    double* virial = to_.virial + (first + k) * to_.virial_stride;
                    to_.energy[(first + k) * to_.energy_stride] += value * whole;
                    const double q[3] = {value * wave.q[0], value * wave.q[1], value * wave.q[2]};
                    for (int i = 0; i < n_atoms; ++i)
                        for (int x = 0; x < 3; ++x) forces[3 * i + x] += memory[i] * q[x];
                    for (int x = 0; x < 3; ++x) virial[x] += value * whole;
                    for (int v = 0; v < 6; ++v)
                        virial[v] += 2.0 * slope * whole * wave.q[kVoigt[v][0]] * wave.q[kVoigt[v][1]];
                }
            }
    }

private:
    std::size_t feature(int a, int b) const { return powers_.first_feature[a * system_.n_species + b]; }
    const InversePowers& powers_;
    const WholeSystem& system_;
    const FeatureRows& to_;
};

} // namespace

void check_inverse_powers(const InversePowers& powers, int n_species, int n_features) {
    const auto require = [](bool condition, const std::string& message) {
        if (!condition) throw std::invalid_argument("engine plan: " + message);
    };
    const std::size_t pairs = static_cast<std::size_t>(n_species) * n_species;
    require(!powers.powers.empty() && powers.powers.front() >= 1 && powers.powers.back() <= kMost &&
                std::adjacent_find(powers.powers.begin(), powers.powers.end(), std::greater_equal<>()) ==
                    powers.powers.end(),
            "inverse powers must rise and lie between 1 and 15");
    require(powers.scale.size() == pairs && powers.first_feature.size() == pairs,
            "inverse powers need one scale and first feature for each pair of species");
    for (int a = 0; a < n_species; ++a)
        for (int b = 0; b < n_species; ++b) {
            const int pair = a * n_species + b, other = b * n_species + a;
            require(powers.scale[pair] > 0.0, "the scale of inverse powers must be positive");
            require(powers.first_feature[pair] >= 0 &&
                        powers.first_feature[pair] + powers.size() <= n_features &&
                        powers.first_feature[pair] == powers.first_feature[other] &&
                        powers.scale[pair] == powers.scale[other],
                    "inverse powers of both orders of a pair must share their features");
        }
}

void LatticeSums::make_tables(const InversePowers& powers, const WholeSystem& system) {
    powers_ = &powers;
    const int n = powers.size(), pairs = system.n_species * system.n_species;
    scales_.resize(static_cast<std::size_t>(pairs) * n);
    for (int pair = 0; pair < pairs; ++pair)
        for (int k = 0; k < n; ++k) scales_[pair * n + k] = std::pow(powers.scale[pair], powers.powers[k]);
    for (int k = 0; k < n; ++k) over_gamma_[k] = 1.0 / std::tgamma(0.5 * powers.powers[k]);
    count_.assign(system.n_species, 0.0);
    for (int i = 0; i < system.n_atoms; ++i) count_[system.species[i]] += 1.0;
}

// Pairs cost ~ a^-3, waves ~ a^3.
void LatticeSums::choose_splitting(const WholeSystem& system) {
    crystal_.set_cell(system);
    volume_ = crystal_.volume();
    const double atoms = system.n_atoms, third = 4.0 / 3.0 * kPi * kReach * kReach * kReach;
    const double pairs = 0.5 * atoms * atoms / volume_ * third * kPairCost;
    const double waves = volume_ * third / (2.0 * kPi * kPi * kPi) * (atoms * kPhaseCost + kWaveCost);
    splitting_ = std::pow(pairs / waves, 1.0 / 6.0);
    largest_wave_ = 2.0 * splitting_ * kReach;
}

template <class Sink>
void LatticeSums::sum_pairs(const WholeSystem& system, Sink& sink) {
    double value[kMost], slope[kMost];
    const auto at = [&](int i, int j, const double* d, double squared) {
        const int pair = system.species[i] * system.n_species + system.species[j];
        screened_powers(*powers_, scales_.data() + pair * powers_->size(), squared, splitting_, value, slope);
        sink.pair(i, j, d, value, slope);
    };
    if (system.periodic) return crystal_.for_each_pair(system.n_atoms, at);
    for (int i = 0; i < system.n_atoms; ++i)
        for (int j = i + 1; j < system.n_atoms; ++j) {
            const double *from = system.positions + 3 * i, *to = system.positions + 3 * j;
            const double d[3] = {to[0] - from[0], to[1] - from[1], to[2] - from[2]};
            at(i, j, d, dot(3, d, d));
        }
}

template <class Sink>
void LatticeSums::sum_constants(const WholeSystem& system, Sink& sink) {
    const int n = powers_->size(), n_species = system.n_species;
    double uniform[kMost], self[kMost], value[kMost];
    for (int k = 0; k < n; ++k) {
        const int power = powers_->powers[k];
        uniform[k] = power == 3 ? 4.0 * kPi * (std::log(splitting_) - 0.5 * kDigammaOfThreeHalves)
                                : 2.0 * kPi * std::sqrt(kPi) * std::pow(splitting_, power - 3) / (power - 3) *
                                      over_gamma_[k];
        uniform[k] *= 0.5 / volume_;
        self[k] = -std::pow(splitting_, power) * over_gamma_[k] / power;
    }
    for (int a = 0; a < n_species; ++a)
        for (int b = 0; b < n_species; ++b) {
            const double* scales = scales_.data() + (a * n_species + b) * n;
            for (int k = 0; k < n; ++k) value[k] = scales[k] * uniform[k] * count_[a] * count_[b];
            sink.background(a, b, value);
            for (int k = 0; k < n; ++k)
                value[k] = scales[k] * (uniform[k] * count_[b] + (a == b ? self[k] : 0.0));
            for (int i = 0; i < system.n_atoms; ++i)
                if (system.species[i] == a) sink.atom(i, b, value);
        }
}

// exp(i h b.r) for every axis b and index h >= 0.
void LatticeSums::make_phases(const WholeSystem& system) {
    const std::size_t atoms = system.n_atoms;
    const double* inverse = crystal_.inverse();
    for (int axis = 0; axis < 3; ++axis) {
        // |q| >= 2 pi |h| / |a| for the lattice vector a of the axis.
        largest_index_[axis] =
            static_cast<int>(largest_wave_ * Crystal::length_of(system.cell + 3 * axis) / (2.0 * kPi));
        const std::size_t size = atoms * (largest_index_[axis] + 1);
        cosine_[axis].resize(size);
        sine_[axis].resize(size);
        for (std::size_t i = 0; i < atoms; ++i) {
            const double* r = crystal_.wrapped(static_cast<int>(i));
            const double angle =
                2.0 * kPi * (r[0] * inverse[axis] + r[1] * inverse[3 + axis] + r[2] * inverse[6 + axis]);
            const double c = std::cos(angle), s = std::sin(angle);
            double re = 1.0, im = 0.0;
            for (int h = 0; h <= largest_index_[axis]; ++h) {
                cosine_[axis][h * atoms + i] = re;
                sine_[axis][h * atoms + i] = im;
                const double next = re * c - im * s;
                im = re * s + im * c;
                re = next;
            }
        }
    }
    for (auto* v : {&row_cosine_, &row_sine_, &wave_cosine_, &wave_sine_}) v->resize(atoms);
}

namespace {

// Product of phase factors, the second one conjugated where its index is negative.
void multiply(int n, const double* a_re, const double* a_im, const double* b_re, const double* b_im,
              bool opposite, double* re, double* im) {
    const double sign = opposite ? -1.0 : 1.0;
    for (int i = 0; i < n; ++i) {
        const double b = sign * b_im[i];
        re[i] = a_re[i] * b_re[i] - a_im[i] * b;
        im[i] = a_re[i] * b + a_im[i] * b_re[i];
    }
}

} // namespace

void LatticeSums::make_wave(const WholeSystem& system, double squared, Wave& wave) {
    const double quarter = 0.25 / (splitting_ * splitting_);
    const int n = powers_->size();
    double integrals[kMost + 5];
    exponential_integrals(squared * quarter, std::max(powers_->powers.back() + 2, 5), integrals);
    for (int k = 0; k < n; ++k) {
        const int power = powers_->powers[k];
        // Order p stands at 2 p + 2; p = (k - 1) / 2, and the derivative of E_p is -E_{p-1}.
        wave.value[k] = front_[k] * integrals[power + 1];
        wave.slope[k] = -front_[k] * quarter * integrals[power - 1];
    }
    std::fill(sum_cosine_.begin(), sum_cosine_.end(), 0.0);
    std::fill(sum_sine_.begin(), sum_sine_.end(), 0.0);
    for (int i = 0; i < system.n_atoms; ++i) {
        sum_cosine_[system.species[i]] += wave_cosine_[i];
        sum_sine_[system.species[i]] += wave_sine_[i];
    }
}

// Of each wave and its opposite the one whose first index that is not zero is positive.
template <class Sink>
void LatticeSums::sum_waves(const WholeSystem& system, Sink& sink) {
    const int atoms = system.n_atoms;
    make_phases(system);
    sum_cosine_.resize(system.n_species);
    sum_sine_.resize(system.n_species);
    for (int k = 0; k < powers_->size(); ++k)
        front_[k] =
            kPi * std::sqrt(kPi) * std::pow(splitting_, powers_->powers[k] - 3) * over_gamma_[k] / volume_;
    const double* inverse = crystal_.inverse();
    Wave wave;
    wave.cosine = wave_cosine_.data();
    wave.sine = wave_sine_.data();
    wave.sum_cosine = sum_cosine_.data();
    wave.sum_sine = sum_sine_.data();
    const auto table = [&](const std::vector<double>& of, int index) {
        return of.data() + static_cast<std::size_t>(std::abs(index)) * atoms;
    };
    for (int h = 0; h <= largest_index_[0]; ++h)
        for (int k = h == 0 ? 0 : -largest_index_[1]; k <= largest_index_[1]; ++k) {
            multiply(atoms, table(cosine_[0], h), table(sine_[0], h), table(cosine_[1], k),
                     table(sine_[1], k), k < 0, row_cosine_.data(), row_sine_.data());
            for (int l = h == 0 && k == 0 ? 1 : -largest_index_[2]; l <= largest_index_[2]; ++l) {
                for (int x = 0; x < 3; ++x)
                    wave.q[x] =
                        2.0 * kPi * (h * inverse[3 * x] + k * inverse[3 * x + 1] + l * inverse[3 * x + 2]);
                const double squared = dot(3, wave.q, wave.q);
                if (squared > largest_wave_ * largest_wave_) continue;
                multiply(atoms, row_cosine_.data(), row_sine_.data(), table(cosine_[2], l),
                         table(sine_[2], l), l < 0, wave_cosine_.data(), wave_sine_.data());
                make_wave(system, squared, wave);
                sink.wave(wave, scales_.data(), phases_);
            }
        }
}

template <class Sink>
void LatticeSums::sweep(const InversePowers& powers, const WholeSystem& system, Sink& sink) {
    if (system.n_atoms == 0) return;
    make_tables(powers, system);
    splitting_ = 0.0;
    if (system.periodic) {
        choose_splitting(system);
        crystal_.list_translations(system, kReach / splitting_);
        sum_constants(system, sink);
        sum_waves(system, sink);
    }
    sum_pairs(system, sink);
}

void LatticeSums::add_features(const InversePowers& powers, const WholeSystem& system,
                               const AtomFeatures& to) {
    FeatureSink sink(powers, system, to);
    sweep(powers, system, sink);
}

void LatticeSums::add_predictions(const InversePowers& powers, const WholeSystem& system,
                                  const SetPredictions& to) {
    PredictionSink sink(powers, system, to);
    sweep(powers, system, sink);
}

void LatticeSums::add_rows(const InversePowers& powers, const WholeSystem& system, const FeatureRows& to) {
    RowSink sink(powers, system, to);
    sweep(powers, system, sink);
}

} // namespace atomsmith
