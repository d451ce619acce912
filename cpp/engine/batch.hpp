// A batch of systems and its neighbours, as plain arrays.
#pragma once

#include <cstdint>
#include <vector>

namespace atomsmith {

// Atoms that are evaluated together.
inline constexpr int kAtomsPerChunk = 64;

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
    const std::int32_t* neighbour = nullptr; // [pairs], only while the layout is made
    const std::int16_t* shift = nullptr;     // [pairs][3], only while the layout is made; null: all zero
    // [n_systems]: along all three lattice vectors, or along none. Null where systems are not whole: parts of
    // a domain.
    const std::uint8_t* periodic = nullptr;
};

// An atom or a periodic image of one.
struct Image {
    std::int32_t atom;
    std::int16_t shift[3];
};

// What is derived from the neighbour list once, when it is made. Atoms are evaluated a chunk at a time: they
// share most of their neighbours, so the places from which positions come and to which forces go are few, and
// neither a shift nor a gradient is kept for every pair. Which atoms make a chunk, and the order of its
// images, do not depend on the reach of the list: a list with a skin gives the bits of one without.
struct BatchLayout {
    int lanes = 0;
    int n_blocks = 0;
    std::vector<std::int32_t> blocks; // [n_blocks][lanes]: atoms of one species and system; -1 pads
    std::vector<std::int32_t> own;    // [n_blocks][lanes]: their images
    struct Chunk {
        std::int32_t system, begin, end; // blocks
        std::int32_t n_images;
        std::int64_t first_image;
    };
    std::vector<Chunk> chunks;                // units of parallel work, independent of the number of threads
    std::vector<Image> images;                // of each chunk: its atoms and all that are neighbours of them
    std::vector<std::int32_t> pair_image;     // of each pair, an atom's in the order of their species
    std::vector<std::int64_t> incoming_first; // [n_atoms + 1]
    std::vector<std::uint32_t> incoming;      // images of the atom, in all chunks
    int max_neighbours = 0;
    int max_images = 0;
};

BatchLayout make_layout(const BatchView& batch, int n_species, int lanes, int n_threads);

} // namespace atomsmith
