// SPDX-License-Identifier: GPL-2.0-only
// What LAMMPS names differently from version to version: asked of its headers, not of a version number.
#ifndef ATOMSMITH_COMPATIBILITY_H
#define ATOMSMITH_COMPATIBILITY_H

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include "comm.h"
#include "error.h"
#include "neighbor.h"

namespace LAMMPS_NS {

// Before 2022 a list was ordered by fields of a class whose header is not installed. These are its first
// ones; `order_full_list` makes sure of them before it writes.
class OldNeighRequest : protected Pointers {
public:
    int index;
    void* requestor;
    int requestor_instance, id;
    int pair, fix, compute, command, neigh;
    int half, full;
};

// Returns false where this LAMMPS is not as expected.
template <class N, class P>
bool order_full_list(N* neighbor, P* pair, int instance) {
    if constexpr (requires { neighbor->add_request(pair, 1); }) {
        constexpr int full = 1; // NeighConst::REQ_FULL
        neighbor->add_request(pair, full);
    } else {
        const int k = neighbor->request(pair, instance);
        auto* request = reinterpret_cast<OldNeighRequest*>(neighbor->requests[k]);
        if (request->requestor != pair || request->pair != 1 || request->half != 1 || request->full != 0)
            return false;
        request->half = 0;
        request->full = 1;
    }
    return true;
}

template <class C, class P>
void reverse_communicate(C* comm, P* pair) {
    if constexpr (requires { comm->reverse_comm_pair(pair); })
        comm->reverse_comm_pair(pair);
    else
        comm->reverse_comm(pair);
}

// LAMMPS's own templates for messages need its {fmt} library; these take none.
[[noreturn]] inline void stop_all(Error* error, const char* file, int line, const std::string& message) {
    error->all(file, line, message);
}

[[noreturn]] inline void stop_one(Error* error, const char* file, int line, const std::string& message) {
    // LAMMPS aborts the other ranks at once, and mpiexec then often drops what this one has just written.
    std::fprintf(stderr, "ERROR: %s\n", message.c_str());
    std::fflush(stderr);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    error->one(file, line, message);
}

} // namespace LAMMPS_NS

#endif
