#include "moments_plan.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <stdexcept>
#include <string>

namespace atomsmith {

namespace {

void require(bool condition, const std::string& message) {
    if (!condition) throw std::invalid_argument("engine plan: moments: " + message);
}

using Powers = std::array<int, 3>;

void make_monomials(Moments& m) {
    std::map<Powers, int> index;
    m.monomials.clear();
    m.rank_first.assign(1, 0);
    for (int rank = 0; rank <= m.max_rank; ++rank) {
        for (int a = rank; a >= 0; --a)
            for (int b = rank - a; b >= 0; --b) {
                const Powers powers{a, b, rank - a - b};
                Moments::Monomial monomial{};
                for (int axis = 2; axis >= 0; --axis) {
                    monomial.power[axis] = static_cast<std::int8_t>(powers[axis]);
                    if (powers[axis] == 0) continue;
                    Powers lower = powers;
                    --lower[axis];
                    monomial.derivative[axis] = static_cast<std::int16_t>(index.at(lower));
                    monomial.parent = monomial.derivative[axis];
                    monomial.axis = static_cast<std::int16_t>(axis);
                }
                index[powers] = static_cast<int>(m.monomials.size());
                m.monomials.push_back(monomial);
            }
        m.rank_first.push_back(static_cast<std::int32_t>(m.monomials.size()));
    }
}

// Slot of every value of the plan: channels, inner values, the rest.
std::vector<std::int32_t> assign_slots(Moments& m, int n_basic, int n_values) {
    std::vector<char> is_factor(n_values, 0);
    for (std::size_t k = 0; k < m.weight.size(); ++k)
        is_factor[m.products[3 * k]] = is_factor[m.products[3 * k + 1]] = 1;
    std::vector<std::int32_t> slot(n_values, -1);
    for (int k = 0; k < n_basic; ++k) {
        const std::int32_t* q = &m.basic[4 * k];
        const int rank = q[1] + q[2] + q[3], b = q[2], c = q[3];
        const int place = (b + c) * (b + c + 1) / 2 + c; // in the order of make_monomials
        slot[k] = m.rank_channel[rank] + place * m.rank_count[rank] + q[0];
    }
    m.n_slots = m.n_channels;
    for (int pass = 0; pass < 2; ++pass) {
        for (int v = n_basic; v < n_values; ++v)
            if ((is_factor[v] != 0) == (pass == 0)) slot[v] = m.n_slots++;
        if (pass == 0) m.n_inner = m.n_slots - m.n_channels;
    }
    return slot;
}

void gather_uses(Moments& m) {
    const int n = m.n_channels + m.n_inner;
    std::vector<std::int32_t> feature_of_all(m.n_slots, -1);
    for (std::size_t k = 0; k < m.scalar_slots.size(); ++k) {
        require(feature_of_all[m.scalar_slots[k]] < 0, "a value is listed twice among the scalars");
        feature_of_all[m.scalar_slots[k]] = static_cast<std::int32_t>(k);
    }
    m.feature_of_slot.assign(feature_of_all.begin(), feature_of_all.begin() + n);
    std::vector<std::vector<Moments::Use>> inner(n), outer(n);
    for (int v = 0; v < m.n_slots - m.n_channels; ++v) {
        const int slot = m.n_channels + v;
        const bool is_inner = v < m.n_inner;
        if (!is_inner && feature_of_all[slot] < 0) continue; // nobody wants it
        auto& uses = is_inner ? inner : outer;
        const std::int32_t target = is_inner ? slot : feature_of_all[slot];
        for (int e = m.made[v].begin; e < m.made[v].end; ++e) {
            const Moments::Factors& f = m.factors[e];
            if (f.a == f.b) {
                uses[f.a].push_back({f.b, target, 2.0 * f.weight});
            } else {
                uses[f.a].push_back({f.b, target, f.weight});
                uses[f.b].push_back({f.a, target, f.weight});
            }
        }
    }
    const auto flatten = [n](const auto& lists, auto& first, auto& flat) {
        first.assign(1, 0);
        flat.clear();
        for (int v = 0; v < n; ++v) {
            flat.insert(flat.end(), lists[v].begin(), lists[v].end());
            first.push_back(static_cast<std::int32_t>(flat.size()));
        }
    };
    flatten(inner, m.inner_first, m.inner_uses);
    flatten(outer, m.outer_first, m.outer_uses);
}

// The reverse sweep of every feature on its own.
void make_steps(Moments& m) {
    m.step_first.assign(1, 0);
    m.support_first.assign(1, 0);
    m.steps.clear();
    m.step_uses.clear();
    m.support_channel.clear();
    std::vector<char> wanted(m.n_slots);
    for (const int top : m.scalar_slots) {
        std::fill(wanted.begin(), wanted.end(), 0);
        wanted[top] = 1;
        std::vector<std::vector<Moments::Use>> uses(m.n_slots);
        for (int slot = m.n_slots - 1; slot >= m.n_channels; --slot) {
            if (!wanted[slot]) continue;
            const Moments::Made& made = m.made[slot - m.n_channels];
            for (int e = made.begin; e < made.end; ++e) {
                const Moments::Factors& f = m.factors[e];
                wanted[f.a] = wanted[f.b] = 1;
                uses[f.a].push_back({f.b, slot, f.weight});
                uses[f.b].push_back({f.a, slot, f.weight});
            }
        }
        for (int slot = top - 1; slot >= 0; --slot) {
            if (!wanted[slot]) continue;
            const auto begin = static_cast<std::int32_t>(m.step_uses.size());
            m.step_uses.insert(m.step_uses.end(), uses[slot].begin(), uses[slot].end());
            m.steps.push_back({slot, begin, static_cast<std::int32_t>(m.step_uses.size())});
        }
        for (int slot = 0; slot < m.n_channels; ++slot)
            if (wanted[slot]) m.support_channel.push_back(slot);
        m.step_first.push_back(static_cast<std::int32_t>(m.steps.size()));
        m.support_first.push_back(static_cast<std::int32_t>(m.support_channel.size()));
    }
}

} // namespace

void Moments::finish(int n_species, int n_radial) {
    const int n_basic = static_cast<int>(basic.size() / 4), n_products = static_cast<int>(weight.size());
    require(basic.size() % 4 == 0 && products.size() == 3 * weight.size(),
            "basic, products and weight do not have matching sizes");
    require(static_cast<int>(first_feature.size()) == n_species, "first_feature needs one entry per species");
    for (int first : first_feature) require(first >= 0, "a species' features do not exist");
    max_rank = 0;
    for (int k = 0; k < n_basic; ++k) {
        const std::int32_t* q = &basic[4 * k];
        require(q[0] >= 0 && q[0] < n_radial && q[1] >= 0 && q[2] >= 0 && q[3] >= 0,
                "a basic moment has a radial function or a power that does not exist");
        max_rank = std::max(max_rank, q[1] + q[2] + q[3]);
    }
    require(max_rank <= 30, "moments of rank above 30 are not supported");
    make_monomials(*this);
    rank_count.assign(max_rank + 1, 0);
    for (int k = 0; k < n_basic; ++k) {
        std::int32_t& count = rank_count[basic[4 * k + 1] + basic[4 * k + 2] + basic[4 * k + 3]];
        count = std::max(count, basic[4 * k] + 1);
    }
    rank_channel.assign(1, 0);
    for (int rank = 0; rank <= max_rank; ++rank)
        rank_channel.push_back(rank_channel.back() +
                               rank_count[rank] * (rank_first[rank + 1] - rank_first[rank]));
    n_channels = rank_channel.back();

    int n_values = n_basic;
    for (int k = 0; k < n_products; ++k) n_values = std::max(n_values, products[3 * k + 2] + 1);
    for (int k = 0; k < n_products; ++k) {
        const std::int32_t* p = &products[3 * k];
        require(p[0] >= 0 && p[1] >= 0 && p[2] >= n_basic && p[0] < p[2] && p[1] < p[2] &&
                    (k == 0 || products[3 * k - 1] <= p[2]),
                "product " + std::to_string(k) + " uses a value that is not complete, or is out of order");
    }
    for (int s : scalars) require(s >= 0 && s < n_values, "a scalar does not exist");
    const std::vector<std::int32_t> slot = assign_slots(*this, n_basic, n_values);
    made.assign(n_slots - n_channels, {0, 0});
    factors.clear();
    std::vector<std::vector<Factors>> of_slot(n_slots - n_channels);
    for (int k = 0; k < n_products; ++k)
        of_slot[slot[products[3 * k + 2]] - n_channels].push_back(
            {slot[products[3 * k]], slot[products[3 * k + 1]], weight[k]});
    for (std::size_t v = 0; v < of_slot.size(); ++v) {
        made[v].begin = static_cast<std::int32_t>(factors.size());
        factors.insert(factors.end(), of_slot[v].begin(), of_slot[v].end());
        made[v].end = static_cast<std::int32_t>(factors.size());
    }
    scalar_slots.clear();
    for (int s : scalars) scalar_slots.push_back(slot[s]);
    gather_uses(*this);
    make_steps(*this);
}

} // namespace atomsmith
