// potential.json without Python: the plan, its coefficients and the committee.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../engine/plan.hpp"
#include "posterior.hpp"

namespace atomsmith {

struct Potential {
    std::shared_ptr<const Model> model;
    std::vector<double> coefficients; // [features]
    std::vector<double> committee;    // [members][features]
    int n_members = 0;
    Posterior posterior; // keeps no feature where the file has none, or the text was read without it
    std::string library; // version of Atomsmith that wrote the file
};

// What `parse_potential` needs of the text of a file, as a rule a fraction of it: the posterior is left out
// unless it is asked for. A rank that has read the file sends this to the others.
std::string essentials(std::string_view file, bool with_posterior = false);

// Throws std::invalid_argument that says what is wrong with the file.
Potential parse_potential(std::string_view text);

} // namespace atomsmith
