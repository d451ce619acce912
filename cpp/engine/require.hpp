// Complaints about plans that do not fit.
#pragma once

#include <stdexcept>
#include <string>

namespace atomsmith {

inline void require(bool condition, const std::string& message) {
    if (!condition) throw std::invalid_argument("engine plan: " + message);
}

} // namespace atomsmith
