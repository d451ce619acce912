// SPDX-License-Identifier: GPL-2.0-only
// What `plugin load` opens. It needs nothing of LAMMPS but the C interface, looked up by name, so that it
// loads into every version and can refuse the wrong one; the styles are in a second library beside it.
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

void* lammps_function(const char* name) { return dlsym(RTLD_DEFAULT, name); }

[[noreturn]] void stop(void* lmp, const std::string& message) {
    using Report = void (*)(void*, int, const char*);
    constexpr int on_all_ranks = 2;
    if (const auto report = reinterpret_cast<Report>(lammps_function("lammps_error")))
        report(lmp, on_all_ranks, message.c_str());
    using Command = char* (*)(void*, const char*);
    if (const auto command = reinterpret_cast<Command>(lammps_function("lammps_command"))) {
        command(lmp, ("print \"ERROR: " + message + "\"").c_str());
        command(lmp, "quit 1");
    }
    std::fprintf(stderr, "ERROR: %s\n", message.c_str());
    std::exit(1);
}

} // namespace

extern "C" __attribute__((visibility("default"))) void lammpsplugin_init(void* lmp, void* handle,
                                                                         void* offer) {
    using Version = int (*)(void*);
    const auto version = reinterpret_cast<Version>(lammps_function("lammps_version"));
    const int found = version ? version(lmp) : 0;
    if (found != ATOMSMITH_LAMMPS_VERSION)
        stop(lmp, "the atomsmith plugin was built for LAMMPS " + std::to_string(ATOMSMITH_LAMMPS_VERSION) +
                      ", this is LAMMPS " + std::to_string(found) +
                      "; build it for this one with atomsmith lammps --build --lmp followed by its path");
    Dl_info self;
    std::string path = dladdr(reinterpret_cast<void*>(&lammpsplugin_init), &self) ? self.dli_fname : "";
    path = path.substr(0, path.find_last_of('/') + 1) + "libatomsmith_styles.so";
    void* styles = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!styles) stop(lmp, std::string("the styles of the atomsmith plugin do not load: ") + dlerror());
    using Register = void (*)(void*, void*, void*);
    const auto enrol = reinterpret_cast<Register>(dlsym(styles, "atomsmith_register"));
    if (!enrol) stop(lmp, path + " has no styles");
    enrol(lmp, handle, offer);
}
