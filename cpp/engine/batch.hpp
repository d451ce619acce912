// A batch of systems and its neighbours, as plain arrays.
#pragma once

#include <cstdint>
#include <vector>

namespace atomsmith {

// Views of the caller's arrays; `centres` are the atoms whose energies are wanted (all atoms, or the local
// ones of a domain decomposition, which stand before the ghosts).
struct BatchView {
    int n_systems = 0;
    int n_atoms = 0;
    int n_centres = 0;
    const double* positions = nullptr;       // [n_atoms][3]
    const double* cells = nullptr;           // [n_systems][3][3]
    const std::int32_t* species = nullptr;   // [n_atoms]
    const std::int32_t* system = nullptr;    // [n_atoms]
    const std::int64_t* first = nullptr;     // [n_centres + 1]
    const std::int32_t* neighbour = nullptr; // [pairs]
    const std::int16_t* shift = nullptr;     // [pairs][3]
};

// What is derived from the neighbour list once, when it is made.
struct BatchLayout {
    int lanes = 0;
    int n_blocks = 0;
    std::vector<std::int32_t> blocks; // [n_blocks][lanes]: atoms of one species and system; -1 pads
    struct Chunk {
        std::int32_t system, begin, end; // blocks
    };
    std::vector<Chunk> chunks;                // units of parallel work, independent of the number of threads
    std::vector<std::int64_t> incoming_first; // [n_atoms + 1]
    std::vector<std::uint32_t> incoming;      // pairs that point to the atom
    int max_neighbours = 0;
};

BatchLayout make_layout(const BatchView& batch, int n_species, int lanes);

} // namespace atomsmith
