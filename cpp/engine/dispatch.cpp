// Chooses the kernels once, when they are first asked for.
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include "kernels.hpp"

namespace atomsmith {

#if defined(__x86_64__)
namespace x86_64_v2 {
extern const Kernels kKernels;
}
namespace x86_64_v2_single {
extern const Kernels kKernels;
}
namespace x86_64_v3 {
extern const Kernels kKernels;
}
namespace x86_64_v3_single {
extern const Kernels kKernels;
}
namespace x86_64_v4 {
extern const Kernels kKernels;
}
namespace x86_64_v4_single {
extern const Kernels kKernels;
}
#else
namespace baseline {
extern const Kernels kKernels;
}
namespace baseline_single {
extern const Kernels kKernels;
}
#endif

namespace {

struct Both {
    const Kernels &full, &single;
};

Both choose() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    struct Variant {
        Both kernels;
        bool runs;
    };
    const Variant variants[] = {
        {{x86_64_v4::kKernels, x86_64_v4_single::kKernels},
         __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("fma")},
        {{x86_64_v3::kKernels, x86_64_v3_single::kKernels},
         __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2")},
        {{x86_64_v2::kKernels, x86_64_v2_single::kKernels}, true},
    };
    const char* wanted = std::getenv("ATOMSMITH_ISA");
    for (const Variant& variant : variants) {
        if (wanted && *wanted && std::strcmp(wanted, variant.kernels.full.name) != 0) continue;
        if (variant.runs) return variant.kernels;
    }
    throw std::runtime_error(
        "ATOMSMITH_ISA=" + std::string(wanted ? wanted : "") +
        " is not one of x86_64_v2, x86_64_v3, x86_64_v4 that this processor runs; unset it");
#else
    return {baseline::kKernels, baseline_single::kKernels};
#endif
}

} // namespace

const Kernels& kernels(Precision precision) {
    static const Both chosen = choose();
    return precision == Precision::kDouble ? chosen.full : chosen.single;
}

std::size_t channel_doubles_per_block(const Model& model, int lanes) {
    std::size_t channels = 0;
    for (const Part& part : model.parts) channels += part.n_channels;
    return channels * lanes;
}

} // namespace atomsmith
