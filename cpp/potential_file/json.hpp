// A strict reader of JSON (RFC 8259) for potential files, in which nearly all values are long arrays of
// numbers.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace atomsmith::json {

// A value with all below it. Arrays of which every entry is a number are kept flat.
struct Value {
    enum class Kind { kNull, kBoolean, kNumber, kString, kNumbers, kArray, kObject };
    Kind kind = Kind::kNull;
    bool boolean = false;
    double number = 0.0;
    std::string text;
    std::vector<double> numbers;
    std::vector<Value> items;
    std::vector<std::pair<std::string, Value>> members;

    // The member of an object, or null.
    const Value* find(std::string_view key) const;
};

// Throws std::invalid_argument that names the line of what is no JSON.
Value parse(std::string_view text);

// The members of an object as pieces of its text, which are checked but not stored.
std::vector<std::pair<std::string, std::string_view>> members(std::string_view text);

} // namespace atomsmith::json
