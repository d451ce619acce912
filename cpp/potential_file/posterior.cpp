#include "posterior.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <stdexcept>

namespace atomsmith {

namespace {

constexpr int kInvalid = -1;

constexpr std::array<int, 256> alphabet() {
    std::array<int, 256> value{};
    value.fill(kInvalid);
    const char* letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int k = 0; k < 64; ++k) value[static_cast<unsigned char>(letters[k])] = k;
    return value;
}

constexpr std::array<int, 256> kAlphabet = alphabet();

} // namespace

std::vector<double> decode_base64(const std::string& text) {
    const auto damaged = [] { throw std::invalid_argument("an array in base64 is damaged or cut short"); };
    std::size_t letters = text.size();
    while (letters > 0 && text[letters - 1] == '=') --letters;
    if (text.size() % 4 != 0 || text.size() - letters > 2) damaged();
    std::vector<unsigned char> bytes;
    bytes.reserve(3 * letters / 4);
    std::uint32_t bits = 0;
    int filled = 0;
    for (std::size_t k = 0; k < letters; ++k) {
        const int value = kAlphabet[static_cast<unsigned char>(text[k])];
        if (value == kInvalid) damaged();
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        filled += 6;
        if (filled >= 8) {
            filled -= 8;
            bytes.push_back(static_cast<unsigned char>(bits >> filled));
        }
    }
    if (bytes.size() % 8 != 0) damaged();
    std::vector<double> numbers(bytes.size() / 8);
    for (std::size_t k = 0; k < numbers.size(); ++k) {
        std::uint64_t word = 0;
        for (int b = 7; b >= 0; --b) word = word << 8 | bytes[8 * k + b];
        std::memcpy(&numbers[k], &word, 8);
    }
    return numbers;
}

double Posterior::deviation(const double* sums, double* direction) const {
    const std::size_t k = kept.size();
    std::vector<double> projected(k, 0.0); // L^T b
    const double* row = factor.data();
    for (std::size_t i = 0; i < k; ++i) {
        for (std::size_t j = i; j < k; ++j) projected[j] += row[j - i] * sums[kept[i]];
        row += k - i;
    }
    double variance = 0.0;
    for (const double p : projected) variance += p * p;
    const double sigma = std::sqrt(variance);
    std::fill_n(direction, n_features, 0.0);
    if (!(sigma > 0.0)) return sigma;
    row = factor.data();
    for (std::size_t i = 0; i < k; ++i) {
        double sum = 0.0;
        for (std::size_t j = i; j < k; ++j) sum += row[j - i] * projected[j];
        direction[kept[i]] = sum / sigma;
        row += k - i;
    }
    return sigma;
}

} // namespace atomsmith
