#include "potential.hpp"

#include <cmath>
#include <limits>
#include <stdexcept>

#include "../engine/read_plan.hpp"
#include "json.hpp"

namespace atomsmith {

namespace {

constexpr std::string_view kFormat = "atomsmith-potential";
constexpr int kFormatVersion = 1; // as in potential.py

[[noreturn]] void refuse(const std::string& what) { throw std::invalid_argument(what); }

template <class T>
T integer(double number, const char* key) {
    if (!(number == std::floor(number)) || number < std::numeric_limits<T>::min() ||
        number > std::numeric_limits<T>::max())
        refuse(std::string("'") + key + "' holds " + std::to_string(number) + ", which is not an integer");
    return static_cast<T>(number);
}

// A part of the plan as `read_plan.hpp` reads it. Arrays stand in the file as lists of numbers, or as
// {"float64": [...], "shape": [...]}.
struct JsonDict {
    const json::Value* from;

    bool contains(const char* key) const { return from->find(key) != nullptr; }

    template <class T>
    T value(const char* key) const {
        const json::Value& found = *from->find(key);
        if constexpr (std::is_same_v<T, std::string>) {
            expect(found, json::Value::Kind::kString, key, "a string");
            return found.text;
        } else if constexpr (std::is_same_v<T, bool>) {
            expect(found, json::Value::Kind::kBoolean, key, "true or false");
            return found.boolean;
        } else {
            expect(found, json::Value::Kind::kNumber, key, "a number");
            if constexpr (std::is_integral_v<T>)
                return integer<T>(found.number, key);
            else
                return found.number;
        }
    }

    template <class T>
    std::vector<T> array(const char* key) const {
        const json::Value& found = *from->find(key);
        const json::Value* numbers = &found;
        for (const char* type : {"int32", "float64"})
            if (const json::Value* typed = found.find(type)) numbers = typed;
        expect(*numbers, json::Value::Kind::kNumbers, key, "an array of numbers");
        if constexpr (std::is_integral_v<T>) {
            std::vector<T> integers;
            integers.reserve(numbers->numbers.size());
            for (const double number : numbers->numbers) integers.push_back(integer<T>(number, key));
            return integers;
        } else {
            return numbers->numbers;
        }
    }

    JsonDict dict(const char* key) const {
        expect(*from->find(key), json::Value::Kind::kObject, key, "an object");
        return {from->find(key)};
    }

    std::vector<JsonDict> list(const char* key) const {
        const json::Value& found = *from->find(key);
        std::vector<JsonDict> entries;
        if (found.kind == json::Value::Kind::kNumbers && found.numbers.empty()) return entries;
        expect(found, json::Value::Kind::kArray, key, "a list of objects");
        for (const json::Value& item : found.items) {
            expect(item, json::Value::Kind::kObject, key, "a list of objects");
            entries.push_back({&item});
        }
        return entries;
    }

private:
    static void expect(const json::Value& found, json::Value::Kind kind, const char* key, const char* what) {
        if (found.kind != kind) refuse(std::string("'") + key + "' is not " + what);
    }
};

void check_format(const JsonDict& file) {
    if (!file.contains("format") || file.value<std::string>("format") != kFormat)
        refuse("it is not an Atomsmith potential (its 'format' is not '" + std::string(kFormat) + "')");
    const int version = value_of<int>(file, "version");
    if (version > kFormatVersion)
        refuse("it has format version " + std::to_string(version) + ", this plugin reads up to " +
               std::to_string(kFormatVersion) + "; update atomsmith and build the plugin again");
}

Posterior read_posterior(const JsonDict& from, std::size_t n_features) {
    Posterior posterior;
    posterior.n_features = static_cast<int>(n_features);
    posterior.kept = array_of<int>(from, "kept");
    for (const int f : posterior.kept)
        if (f < 0 || f >= posterior.n_features)
            refuse("the posterior keeps the feature " + std::to_string(f) + " of " +
                   std::to_string(n_features));
    posterior.factor = decode_base64(value_of<std::string>(dict_of(from, "factor"), "float64"));
    const std::size_t k = posterior.kept.size();
    if (posterior.factor.size() != k * (k + 1) / 2)
        refuse("the posterior's factor has " + std::to_string(posterior.factor.size()) + " numbers for " +
               std::to_string(k) + " features");
    return posterior;
}

} // namespace

std::string essentials(std::string_view file, bool with_posterior) {
    std::string text;
    for (const auto& [key, value] : json::members(file)) {
        if (key != "format" && key != "version" && key != "library" && key != "plan" &&
            key != "coefficients" && key != "committee" && !(with_posterior && key == "posterior"))
            continue;
        text += text.empty() ? "{" : ",";
        text.append("\"").append(key).append("\":").append(value);
    }
    return text.empty() ? "{}" : text + "}";
}

Potential parse_potential(std::string_view text) {
    const json::Value document = json::parse(text);
    if (document.kind != json::Value::Kind::kObject) refuse("it is not an Atomsmith potential");
    const JsonDict file{&document};
    check_format(file);
    Potential potential;
    if (file.contains("library")) potential.library = file.value<std::string>("library");
    potential.model = read_model(dict_of(file, "plan"));
    for (const Part& part : potential.model->parts)
        if (!part.is_local())
            refuse("it has features of the whole crystal (inverse powers, volume, order), of which LAMMPS "
                   "shows a pair style only surroundings of atoms; use the ASE calculator of atomsmith");
    const std::size_t n = potential.model->n_features;
    potential.coefficients = array_of<double>(file, "coefficients");
    if (potential.coefficients.size() != n)
        refuse("there are " + std::to_string(potential.coefficients.size()) + " coefficients for " +
               std::to_string(n) + " features");
    potential.committee = array_of<double>(file, "committee");
    if (n > 0 && potential.committee.size() % n != 0)
        refuse("the committee's coefficients do not have the size of " + std::to_string(n) + " features");
    potential.n_members = n > 0 ? static_cast<int>(potential.committee.size() / n) : 0;
    if (const json::Value* posterior = document.find("posterior");
        posterior && posterior->kind != json::Value::Kind::kNull)
        potential.posterior = read_posterior(dict_of(file, "posterior"), n);
    return potential;
}

} // namespace atomsmith
