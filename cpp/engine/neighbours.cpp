#include "neighbours.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "parallel.hpp"

namespace atomsmith {

namespace {

constexpr int kAtomsPerItem = 256;
constexpr int kMaxReach = 1000; // shifts are packed into eleven bits each while an atom's pairs are sorted

// Atoms of one system, wrapped into the cell and sorted: into rows, which are bins along two axes of the
// cell, and by the third fractional coordinate in each row. What is near an atom is then a stretch of some
// rows, however the atoms are spread.
struct Grid {
    std::int64_t first_atom = 0;
    const double* cell = nullptr;
    const bool* periodic = nullptr;
    int bins[2] = {1, 1};
    int reach[2] = {0, 0}; // rows to look at to either side
    double window = 0.0;   // of the third coordinate
    std::vector<std::int32_t> atom, row_start, row;
    std::vector<std::int32_t> jump; // [atom][3]: cells by which the atom was moved
    std::vector<double> x, y, z, along;
};

struct Inverse {
    double entry[3][3]; // fractional = position . entry
    double height[3];   // distance between the faces of the cell
};

Inverse invert(const double* c) {
    const auto minor = [c](int i, int j) {
        const int a = (i + 1) % 3, b = (i + 2) % 3, d = (j + 1) % 3, e = (j + 2) % 3;
        return c[3 * a + d] * c[3 * b + e] - c[3 * a + e] * c[3 * b + d];
    };
    const double volume = c[0] * minor(0, 0) + c[1] * minor(0, 1) + c[2] * minor(0, 2);
    Inverse inverse;
    for (int j = 0; j < 3; ++j) {
        double norm = 0.0;
        for (int i = 0; i < 3; ++i) {
            inverse.entry[i][j] = minor(j, i) / volume;
            norm += inverse.entry[i][j] * inverse.entry[i][j];
        }
        inverse.height[j] = 1.0 / std::sqrt(norm);
    }
    return inverse;
}

// Fractional coordinates [0, 1) along periodic axes and >= 0 along the others, [atom][3]; moves the atoms.
std::vector<double> wrap(const PairSearch& search, const Inverse& inverse, int n, Grid& grid,
                         std::vector<double>& moved) {
    std::vector<std::int32_t>& jump = grid.jump;
    jump.resize(3 * static_cast<std::size_t>(n));
    std::vector<double> fractional(3 * static_cast<std::size_t>(n));
    double lowest[3] = {0.0, 0.0, 0.0};
    for (int i = 0; i < n; ++i) {
        const double* x = search.positions + 3 * (grid.first_atom + i);
        for (int k = 0; k < 3; ++k) {
            double s = x[0] * inverse.entry[0][k] + x[1] * inverse.entry[1][k] + x[2] * inverse.entry[2][k];
            double cells = 0.0;
            if (grid.periodic[k]) {
                cells = std::floor(s);
                s -= cells;
            }
            if (!(std::abs(cells) < 1e9))
                throw std::overflow_error("an atom is too many cells away from the others");
            jump[3 * i + k] = static_cast<std::int32_t>(cells);
            fractional[3 * i + k] = s;
            lowest[k] = i == 0 ? s : std::min(lowest[k], s);
        }
        for (int k = 0; k < 3; ++k)
            moved[3 * i + k] = x[k] - (jump[3 * i] * grid.cell[k] + jump[3 * i + 1] * grid.cell[3 + k] +
                                       jump[3 * i + 2] * grid.cell[6 + k]);
    }
    for (int k = 0; k < 3; ++k)
        if (!grid.periodic[k])
            for (int i = 0; i < n; ++i) fractional[3 * i + k] -= lowest[k];
    return fractional;
}

void choose_rows(const Inverse& inverse, double cutoff, int n, Grid& grid) {
    // Rows half a cutoff wide, but not many more rows than atoms.
    double wanted[2];
    for (int k = 0; k < 2; ++k)
        wanted[k] = std::clamp(std::floor(2.0 * inverse.height[k] / cutoff), 1.0, 1e9);
    const double most = 2.0 * n + 16.0;
    while (wanted[0] * wanted[1] > most) {
        double& larger = wanted[wanted[1] > wanted[0]];
        larger = std::max(1.0, std::floor(0.5 * larger));
    }
    for (int k = 0; k < 3; ++k)
        if (grid.periodic[k] && cutoff > kMaxReach * inverse.height[k])
            throw std::invalid_argument("a cell is thinner than a thousandth of the cutoff");
    const double margin = 1.0 + 1e-10; // rounding may put an atom into the bin next to its own
    for (int k = 0; k < 2; ++k) {
        grid.bins[k] = static_cast<int>(wanted[k]);
        grid.reach[k] = static_cast<int>(std::ceil(margin * cutoff * wanted[k] / inverse.height[k]));
        if (!grid.periodic[k]) grid.reach[k] = std::min(grid.reach[k], grid.bins[k] - 1);
    }
    grid.window = margin * cutoff / inverse.height[2] + 1e-12;
}

Grid make_grid(const PairSearch& search, int system) {
    Grid grid;
    grid.first_atom = search.first[system];
    grid.cell = search.cells + 9 * static_cast<std::size_t>(system);
    grid.periodic = search.periodic + 3 * static_cast<std::size_t>(system);
    const int n = static_cast<int>(search.first[system + 1] - grid.first_atom);
    if (n == 0) return grid;
    const Inverse inverse = invert(grid.cell);
    choose_rows(inverse, search.cutoff, n, grid);
    std::vector<double> moved(3 * static_cast<std::size_t>(n));
    std::vector<std::int32_t> row(n);
    const std::vector<double> fractional = wrap(search, inverse, n, grid, moved);
    const auto bin = [&](int i, int k) {
        return std::min(static_cast<int>(fractional[3 * i + k] * grid.bins[k]), grid.bins[k] - 1);
    };
    grid.row_start.assign(static_cast<std::size_t>(grid.bins[0]) * grid.bins[1] + 1, 0);
    for (int i = 0; i < n; ++i) {
        row[i] = bin(i, 0) * grid.bins[1] + bin(i, 1);
        ++grid.row_start[row[i] + 1];
    }
    std::partial_sum(grid.row_start.begin(), grid.row_start.end(), grid.row_start.begin());
    std::vector<std::int32_t> next(grid.row_start.begin(), grid.row_start.end() - 1);
    grid.atom.resize(n);
    for (int i = 0; i < n; ++i) grid.atom[next[row[i]]++] = i;
    for (std::size_t r = 0; r + 1 < grid.row_start.size(); ++r)
        std::sort(grid.atom.begin() + grid.row_start[r], grid.atom.begin() + grid.row_start[r + 1],
                  [&](int a, int b) {
                      const double s = fractional[3 * a + 2], t = fractional[3 * b + 2];
                      return s < t || (s == t && a < b);
                  });
    grid.row.resize(n);
    for (auto* v : {&grid.x, &grid.y, &grid.z, &grid.along}) v->resize(n);
    for (int place = 0; place < n; ++place) {
        const int i = grid.atom[place];
        grid.row[place] = row[i];
        grid.x[place] = moved[3 * i];
        grid.y[place] = moved[3 * i + 1];
        grid.z[place] = moved[3 * i + 2];
        grid.along[place] = fractional[3 * i + 2];
    }
    return grid;
}

int floor_div(int a, int b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

// Calls use(place, shift) for every pair of the atom at `place`, in the order of rows.
template <class Use>
void for_each_pair(const Grid& grid, double cutoff, int place, const Use& use) {
    const int ra = grid.row[place] / grid.bins[1], rb = grid.row[place] % grid.bins[1];
    const double x = grid.x[place], y = grid.y[place], z = grid.z[place], along = grid.along[place];
    const double *c = grid.cell, limit = cutoff * cutoff;
    int s[3];
    for (int a = ra - grid.reach[0]; a <= ra + grid.reach[0]; ++a) {
        s[0] = floor_div(a, grid.bins[0]);
        if (s[0] != 0 && !grid.periodic[0]) continue;
        for (int b = rb - grid.reach[1]; b <= rb + grid.reach[1]; ++b) {
            s[1] = floor_div(b, grid.bins[1]);
            if (s[1] != 0 && !grid.periodic[1]) continue;
            const int row = (a - s[0] * grid.bins[0]) * grid.bins[1] + (b - s[1] * grid.bins[1]);
            const double* start = grid.along.data() + grid.row_start[row];
            const double* stop = grid.along.data() + grid.row_start[row + 1];
            if (start == stop) continue;
            int low = 0, high = 0;
            if (grid.periodic[2]) {
                low = static_cast<int>(std::ceil(along - grid.window - 1.0));
                high = static_cast<int>(std::floor(along + grid.window));
            }
            for (s[2] = low; s[2] <= high; ++s[2]) {
                const double tx = s[0] * c[0] + s[1] * c[3] + s[2] * c[6] - x;
                const double ty = s[0] * c[1] + s[1] * c[4] + s[2] * c[7] - y;
                const double tz = s[0] * c[2] + s[1] * c[5] + s[2] * c[8] - z;
                const bool here = s[0] == 0 && s[1] == 0 && s[2] == 0;
                const double* from = std::lower_bound(start, stop, along - grid.window - s[2]);
                for (int q = static_cast<int>(from - grid.along.data());
                     q < grid.row_start[row + 1] && grid.along[q] <= along + grid.window - s[2]; ++q) {
                    const double dx = grid.x[q] + tx, dy = grid.y[q] + ty, dz = grid.z[q] + tz;
                    if (dx * dx + dy * dy + dz * dz < limit && !(here && q == place)) use(q, s);
                }
            }
        }
    }
}

// Pairs of the atom at `place`, sorted, to position `at` of the list.
void write_pairs(const Grid& grid, double cutoff, int place, std::int64_t at,
                 std::vector<std::uint64_t>& keys, PairList& list) {
    keys.clear();
    // A neighbour's own jump is the same for all its images, so the order of shifts is that before the jumps.
    for_each_pair(grid, cutoff, place, [&](int q, const int* s) {
        std::uint64_t key = static_cast<std::uint32_t>(grid.atom[q]);
        for (int k = 0; k < 3; ++k) key = key << 11 | static_cast<std::uint64_t>(s[k] + 1024);
        keys.push_back(key);
    });
    std::sort(keys.begin(), keys.end());
    const std::int32_t* own = &grid.jump[3 * static_cast<std::size_t>(grid.atom[place])];
    for (const std::uint64_t key : keys) {
        const auto j = static_cast<std::size_t>(key >> 33);
        list.neighbour[at] = static_cast<std::int32_t>(grid.first_atom + j);
        for (int k = 0; k < 3; ++k) {
            const int cells = static_cast<int>(key >> 11 * (2 - k) & 2047) - 1024;
            const std::int64_t shift = std::int64_t{cells} + own[k] - grid.jump[3 * j + k];
            if (std::abs(shift) > std::numeric_limits<std::int16_t>::max())
                throw std::overflow_error("an atom is too many cells away from its neighbours");
            list.shift[3 * at + k] = static_cast<std::int16_t>(shift);
        }
        ++at;
    }
}

} // namespace

PairList find_pairs(const PairSearch& search, int n_threads) {
    std::vector<Grid> grids(search.n_systems);
    parallel_for(search.n_systems, n_threads, [&](int s, int) { grids[s] = make_grid(search, s); });
    struct Item {
        const Grid* grid;
        int begin, end;
    };
    std::vector<Item> items;
    for (const Grid& grid : grids)
        for (int begin = 0, n = static_cast<int>(grid.atom.size()); begin < n; begin += kAtomsPerItem)
            items.push_back({&grid, begin, std::min(begin + kAtomsPerItem, n)});
    const int n_items = static_cast<int>(items.size());
    PairList list;
    list.first.assign(search.first[search.n_systems] + 1, 0);
    parallel_for(n_items, n_threads, [&](int item, int) {
        const Grid& grid = *items[item].grid;
        for (int place = items[item].begin; place < items[item].end; ++place) {
            std::int64_t n = 0;
            for_each_pair(grid, search.cutoff, place, [&](int, const int*) { ++n; });
            list.first[grid.first_atom + grid.atom[place] + 1] = n;
        }
    });
    std::partial_sum(list.first.begin(), list.first.end(), list.first.begin());
    list.neighbour.resize(list.first.back());
    list.shift.resize(3 * list.first.back());
    std::vector<std::vector<std::uint64_t>> keys(std::max(n_threads, 1));
    parallel_for(n_items, n_threads, [&](int item, int thread) {
        const Grid& grid = *items[item].grid;
        for (int place = items[item].begin; place < items[item].end; ++place)
            write_pairs(grid, search.cutoff, place, list.first[grid.first_atom + grid.atom[place]],
                        keys[thread], list);
    });
    return list;
}

} // namespace atomsmith
