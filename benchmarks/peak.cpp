// Peak rate of fused multiply-adds in double precision on one core: independent chains in registers.
//
//     c++ -O3 -march=native -o peak benchmarks/peak.cpp && ./peak
//
// Prints giga multiply-adds per second, the best of several rounds of processor time.
#include <cstdio>
#include <ctime>

#if defined(__AVX512F__)
constexpr int kLanes = 8;
#elif defined(__AVX__)
constexpr int kLanes = 4;
#else
constexpr int kLanes = 2;
#endif
typedef double Vec __attribute__((vector_size(kLanes * sizeof(double))));

constexpr int kChains = 12; // more than latency times throughput of any present core
constexpr long kSteps = 4'000'000;

int main() {
    double best = 0.0;
    for (int round = 0; round < 9; ++round) {
        Vec sum[kChains];
        for (int k = 0; k < kChains; ++k) sum[k] = Vec{} + 1e-3 * k;
        Vec factor = Vec{} + 0.999999, term = Vec{} + 1e-9;
        const std::clock_t began = std::clock();
        for (long step = 0; step < kSteps; ++step) {
            asm volatile("" : "+m"(step)); // one trip of the loop is one trip of the machine
            for (int k = 0; k < kChains; ++k) sum[k] = sum[k] * factor + term;
        }
        const double seconds = static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC;
        volatile double sink = 0.0;
        for (int k = 0; k < kChains; ++k) sink = sink + sum[k][0];
        const double rate = 1e-9 * kSteps * kChains * kLanes / seconds;
        best = rate > best ? rate : best;
    }
    std::printf("%.2f\n", best);
}
