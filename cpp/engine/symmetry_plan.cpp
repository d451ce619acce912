#include "symmetry_plan.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <stdexcept>
#include <tuple>

namespace atomsmith {

namespace {

using Functions = Symmetry::Functions;

void require(bool condition, const std::string& message) {
    if (!condition) throw std::invalid_argument("engine plan: symmetry functions: " + message);
}

Symmetry::Compact compact_of(const Functions& f, int k) {
    using Cutoff = Symmetry::Cutoff;
    constexpr Cutoff kCores[] = {Cutoff::kPoly1, Cutoff::kPoly2, Cutoff::kPoly3, Cutoff::kPoly4,
                                 Cutoff::kExponential};
    const int core = f.core.empty() ? 0 : f.core[k];
    if (core == 0) return {};
    require(core % 8 >= 1 && core % 8 <= 5 && core < 16, "function " + std::to_string(k) + ": unknown core");
    return {true, core >= 8, kCores[core % 8 - 1]};
}

void check_compact(const Functions& f) {
    const std::size_t n = f.order.size();
    require(f.core.size() == n && f.low.size() == n && f.angle_low.size() == n && f.angle_high.size() == n,
            "the arrays of compact functions differ in size");
    for (std::size_t k = 0; k < n; ++k) {
        if (!compact_of(f, static_cast<int>(k)).is) continue;
        const std::string name = "function " + std::to_string(k);
        require(f.eta[k] == 0.0 && f.zeta[k] == 1.0, name + ": a compact function has eta 0 and zeta 1");
        require(f.low[k] < f.cutoff[k], name + ": its lower end must be below the cutoff");
        require(f.order[k] == 1 || f.angle_low[k] < f.angle_high[k], name + ": its angles must rise");
        if (f.order[k] == 1) continue;
        // Elsewhere it would have a kink at a straight angle.
        const double middle = 0.5 * (f.angle_low[k] + f.angle_high[k]);
        require((f.angle_low[k] >= 0.0 || std::abs(middle) < 1e-9) &&
                    (f.angle_high[k] <= M_PI + 1e-9 || std::abs(middle - M_PI) < 1e-9),
                name + ": angles beyond 0 or pi need their middle there");
    }
}

void check(const Functions& f, int n_species) {
    const std::size_t n = f.order.size();
    require(f.narrow.size() == n && f.first.size() == n && f.second.size() == n && f.cutoff.size() == n &&
                f.eta.size() == n && f.shift.size() == n && f.lambda.size() == n && f.zeta.size() == n,
            "the arrays of a centre differ in size");
    for (std::size_t k = 0; k < n; ++k) {
        const std::string name = "function " + std::to_string(k);
        require(f.order[k] == 1 || f.order[k] == 2, name + ": order must be 1 or 2");
        require(f.first[k] >= -1 && f.first[k] < n_species && f.second[k] >= -1 && f.second[k] < n_species,
                name + ": a neighbour's species does not exist");
        require(f.order[k] == 1 || (f.first[k] < 0) == (f.second[k] < 0),
                name + ": all species are meant for both neighbours or for none");
        require(f.cutoff[k] > 0.0, name + ": the cutoff must be positive");
        require(f.eta[k] >= 0.0 && std::isfinite(f.eta[k]) && std::isfinite(f.shift[k]),
                name + ": eta must not be negative");
        // Beyond, 2^(1 - zeta) and the power that it scales leave the range of numbers.
        require(f.order[k] == 1 || (f.zeta[k] >= 1.0 && f.zeta[k] <= 1000.0 && std::isfinite(f.lambda[k])),
                name + ": zeta must be between 1 and 1000");
    }
}

// What the functions of a group have in common: their neighbours and how these fade.
struct Range {
    double cutoff;
    Symmetry::Compact compact;
    double low;
    auto operator<=>(const Range&) const = default;
};

Range range_of(const Functions& f, int k) {
    const Symmetry::Compact compact = compact_of(f, k);
    return {f.cutoff[k], compact, compact.is ? f.low[k] : 0.0};
}

int list_of(Symmetry::Centre& centre, int species, const Range& range) {
    for (std::size_t k = 0; k < centre.lists.size(); ++k) {
        const Symmetry::List& list = centre.lists[k];
        if (list.species == species && Range{list.cutoff, list.compact, list.low} == range)
            return static_cast<int>(k);
    }
    centre.lists.push_back({species, range.cutoff, range.low, range.compact});
    return static_cast<int>(centre.lists.size()) - 1;
}

// Whole multiples of the smallest eta of a shift become products of its exponential; so few products that
// they cost less than an exponential of their own.
class GaussianProgram {
public:
    GaussianProgram(const std::vector<std::pair<double, double>>& eta_shift) {
        std::map<double, std::vector<double>> by_shift;
        for (const auto& [eta, shift] : eta_shift) by_shift[eta == 0.0 ? 0.0 : shift].push_back(eta);
        for (auto& [shift, etas] : by_shift) {
            std::sort(etas.begin(), etas.end());
            double base = 0.0;
            for (const double eta : etas) {
                if (eta == 0.0) {
                    slot_[{eta, shift}] = add({Kind::kOne, 0, 0, 0, 0.0, 0.0});
                    continue;
                }
                const double multiple = base > 0.0 ? std::round(eta / base) : 1.0;
                const bool whole = base > 0.0 && std::abs(multiple * base - eta) <= 4e-16 * eta;
                if (base > 0.0 && whole && multiple <= 64.0) {
                    slot_[{eta, shift}] = times(static_cast<int>(multiple), shift);
                    continue;
                }
                const int slot = add({Kind::kExponential, 0, 0, 0, eta, shift});
                slot_[{eta, shift}] = slot;
                if (base == 0.0) {
                    base = eta;
                    multiples_[{1, shift}] = slot;
                }
            }
        }
    }
    std::vector<Symmetry::GaussianStep> steps;
    int n_slots = 0;
    int slot(double eta, double shift) const { return slot_.at({eta, eta == 0.0 ? 0.0 : shift}); }

private:
    using Kind = Symmetry::GaussianStep::Kind;
    std::map<std::pair<double, double>, int> slot_;
    std::map<std::pair<int, double>, int> multiples_;

    int add(Symmetry::GaussianStep step) {
        step.to = n_slots++;
        steps.push_back(step);
        return step.to;
    }
    int times(int multiple, double shift) {
        const auto known = multiples_.find({multiple, shift});
        if (known != multiples_.end()) return known->second;
        const int a = times(multiple / 2, shift), b = times(multiple - multiple / 2, shift);
        return multiples_[{multiple, shift}] = add({Kind::kProduct, 0, a, b, 0.0, 0.0});
    }
};

class PowerProgram {
public:
    PowerProgram(const std::vector<double>& lambdas, const std::set<std::pair<double, double>>& powers,
                 bool compact) {
        n_slots = static_cast<int>(lambdas.size());
        for (const auto& [low, high] : powers) {
            if (!compact) break;
            slot[{low, high}] = add({Symmetry::PowerStep::Kind::kCompact, 0, 0, 0, 1.0, low, high});
            ++n_slots; // of its slope
        }
        if (compact) return;
        for (std::size_t k = 0; k < lambdas.size(); ++k) whole_[{k, 1}] = static_cast<int>(k);
        for (const auto& [lambda, zeta] : powers) {
            const int k =
                static_cast<int>(std::find(lambdas.begin(), lambdas.end(), lambda) - lambdas.begin());
            if (zeta == std::round(zeta) && zeta <= 1024.0)
                slot[{lambda, zeta}] = raise(k, static_cast<int>(zeta));
            else
                slot[{lambda, zeta}] = add({Symmetry::PowerStep::Kind::kPower, 0, k, 0, zeta});
        }
    }
    std::vector<Symmetry::PowerStep> steps;
    int n_slots = 0;
    std::map<std::pair<double, double>, int> slot;

private:
    std::map<std::pair<int, int>, int> whole_;

    int add(Symmetry::PowerStep step) {
        step.to = n_slots++;
        steps.push_back(step);
        return step.to;
    }
    int raise(int lambda, int n) {
        const auto known = whole_.find({lambda, n});
        if (known != whole_.end()) return known->second;
        const int half = raise(lambda, n / 2), rest = n % 2 ? raise(lambda, n - n / 2) : half;
        return whole_[{lambda, n}] = add({Symmetry::PowerStep::Kind::kProduct, 0, half, rest, 0.0});
    }
};

Symmetry::Radial make_radial(int list, const Functions& f, const std::vector<int>& members) {
    Symmetry::Radial group;
    group.list = list;
    std::vector<std::pair<double, double>> wanted;
    for (const int k : members) wanted.emplace_back(f.eta[k], f.shift[k]);
    std::sort(wanted.begin(), wanted.end());
    wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
    GaussianProgram program(wanted);
    for (const int k : members) {
        group.gaussians.push_back({program.slot(f.eta[k], f.shift[k]), f.eta[k], f.eta[k] * f.shift[k]});
        group.feature.push_back(k);
    }
    group.steps = std::move(program.steps);
    group.n_slots = program.n_slots;
    return group;
}

// (lambda, zeta) of a function or, if it is compact, the ends of its angle.
using Pairs = std::set<std::pair<double, double>>;

std::pair<double, double> power_of(const Functions& f, int k) {
    return compact_of(f, k).is ? std::pair{f.angle_low[k], f.angle_high[k]}
                               : std::pair{f.lambda[k], f.zeta[k]};
}

Symmetry::Block make_block(const Functions& f, const std::vector<int>& members,
                           const std::vector<std::pair<double, double>>& gaussians, const Pairs& powers,
                           const PowerProgram& program, const std::vector<double>& lambdas, bool compact) {
    Symmetry::Block block;
    const std::vector<std::pair<double, double>> columns(powers.begin(), powers.end());
    for (std::size_t p = 0; p < columns.size(); ++p) {
        const auto [lambda, zeta] = compact ? std::pair{lambdas.front(), 1.0} : columns[p];
        block.power_slot.push_back(program.slot.at(columns[p]));
        block.zeta.push_back(zeta);
        block.norm.push_back(std::exp2(1.0 - zeta));
        if (p == 0 || (!compact && lambda != columns[p - 1].first)) {
            const auto at = std::find(lambdas.begin(), lambdas.end(), lambda);
            block.lambda.push_back(static_cast<std::int32_t>(at - lambdas.begin()));
            block.lambda_first.push_back(static_cast<std::int32_t>(p));
        }
    }
    block.lambda_first.push_back(static_cast<std::int32_t>(columns.size()));
    block.feature.assign(gaussians.size() * columns.size(), -1);
    for (const int k : members) {
        const auto g = std::find(gaussians.begin(), gaussians.end(), std::pair{f.eta[k], f.shift[k]});
        const auto p = std::find(columns.begin(), columns.end(), power_of(f, k));
        if (g == gaussians.end() || p == columns.end()) continue;
        std::int32_t& at = block.feature[(g - gaussians.begin()) * columns.size() + (p - columns.begin())];
        require(at < 0, "function " + std::to_string(k) + " is the same as function " + std::to_string(at));
        at = k;
    }
    return block;
}

Symmetry::Angular make_angular(const Functions& f, const std::vector<int>& members) {
    Symmetry::Angular group;
    const int one = members.front();
    group.narrow = f.narrow[one] != 0;
    group.cutoff = f.cutoff[one];
    group.compact = compact_of(f, one);
    group.low = range_of(f, one).low;
    std::map<std::pair<double, double>, Pairs> powers_of; // by Gaussian
    Pairs all;
    for (const int k : members) {
        powers_of[{f.eta[k], f.shift[k]}].insert(power_of(f, k));
        all.insert(power_of(f, k));
        group.shifted |= f.eta[k] != 0.0 && f.shift[k] != 0.0;
        if (std::find(group.lambdas.begin(), group.lambdas.end(), f.lambda[k]) == group.lambdas.end())
            group.lambdas.push_back(f.lambda[k]);
    }
    require(group.lambdas.size() <= Symmetry::kMaxLambdas, "more than 16 different lambda in one group");
    std::vector<std::pair<double, double>> gaussians;
    for (const auto& entry : powers_of) gaussians.push_back(entry.first);
    GaussianProgram gaussian_program(gaussians);
    PowerProgram power_program(group.lambdas, all, group.compact.is);
    std::map<Pairs, std::vector<std::pair<double, double>>> blocks;
    for (const auto& [gaussian, powers] : powers_of) blocks[powers].push_back(gaussian);
    for (const auto& [powers, own] : blocks) {
        Symmetry::Block block =
            make_block(f, members, own, powers, power_program, group.lambdas, group.compact.is);
        block.gaussian_begin = static_cast<std::int32_t>(group.gaussians.size());
        for (const auto& [eta, shift] : own)
            group.gaussians.push_back({gaussian_program.slot(eta, shift), eta, eta * shift});
        block.gaussian_end = static_cast<std::int32_t>(group.gaussians.size());
        block.first_sum = group.n_sums;
        group.n_sums += static_cast<int>(block.feature.size());
        group.blocks.push_back(std::move(block));
    }
    group.gaussian_steps = std::move(gaussian_program.steps);
    group.n_gaussian_slots = gaussian_program.n_slots;
    group.power_steps = std::move(power_program.steps);
    group.n_power_slots = power_program.n_slots;
    require(group.n_gaussian_slots + group.n_power_slots <= Symmetry::kMaxSlots,
            "too many different Gaussians and powers in one group");
    return group;
}

Symmetry::Centre make_centre(const Functions& f) {
    Symmetry::Centre centre;
    centre.n_functions = f.size();
    std::map<std::pair<int, Range>, std::vector<int>> radial;
    std::map<std::tuple<int, int, Range, int>, std::vector<int>> angular;
    for (int k = 0; k < f.size(); ++k) {
        if (f.order[k] == 1)
            radial[{f.first[k], range_of(f, k)}].push_back(k);
        else
            angular[{std::min(f.first[k], f.second[k]), std::max(f.first[k], f.second[k]), range_of(f, k),
                     f.narrow[k]}]
                .push_back(k);
    }
    centre.places.resize(f.size());
    for (const auto& [key, members] : radial) {
        for (const int k : members)
            centre.places[k] = {false, static_cast<std::int32_t>(centre.radial.size())};
        centre.radial.push_back(make_radial(list_of(centre, key.first, key.second), f, members));
    }
    for (const auto& [key, members] : angular) {
        Symmetry::Angular group = make_angular(f, members);
        group.list1 = list_of(centre, std::get<0>(key), std::get<2>(key));
        group.list2 = list_of(centre, std::get<1>(key), std::get<2>(key));
        for (const int k : members)
            centre.places[k] = {true, static_cast<std::int32_t>(centre.angular.size())};
        centre.angular.push_back(std::move(group));
    }
    return centre;
}

} // namespace

void Symmetry::finish() {
    const int n_species = static_cast<int>(weight.size());
    require(static_cast<int>(functions.size()) == n_species, "one centre per species is needed");
    require(inner >= 0.0 && inner < 1.0, "the inner share of the cutoff must be at least 0 and below 1");
    for (const Functions& f : functions) {
        check(f, n_species);
        if (!f.core.empty()) check_compact(f);
        first_feature.push_back(n_features);
        n_features += f.size();
        centres.push_back(make_centre(f));
        const Centre& centre = centres.back();
        most_functions = std::max(most_functions, centre.n_functions);
        most_lists = std::max(most_lists, static_cast<int>(centre.lists.size()));
        for (const Radial& group : centre.radial)
            most_gaussian_slots = std::max(most_gaussian_slots, group.n_slots);
        for (const Angular& group : centre.angular) {
            most_gaussian_slots = std::max(most_gaussian_slots, group.n_gaussian_slots);
            most_power_slots = std::max(most_power_slots, group.n_power_slots);
            most_sums = std::max(most_sums, group.n_sums);
        }
    }
}

double Symmetry::cutoff() const {
    double largest = 0.0;
    for (const Functions& f : functions)
        for (const double cutoff : f.cutoff) largest = std::max(largest, cutoff);
    return largest;
}

Symmetry::Cutoff cutoff_function_of(const std::string& name) {
    using Cutoff = Symmetry::Cutoff;
    static const std::map<std::string, Cutoff> known = {{"hard", Cutoff::kHard},
                                                        {"cosine", Cutoff::kCosine},
                                                        {"tanh_free", Cutoff::kTanhFree},
                                                        {"tanh", Cutoff::kTanh},
                                                        {"exponential", Cutoff::kExponential},
                                                        {"polynomial_1", Cutoff::kPoly1},
                                                        {"polynomial_2", Cutoff::kPoly2},
                                                        {"polynomial_3", Cutoff::kPoly3},
                                                        {"polynomial_4", Cutoff::kPoly4}};
    const auto found = known.find(name);
    require(found != known.end(), "unknown cutoff function '" + name + "'");
    return found->second;
}

} // namespace atomsmith
