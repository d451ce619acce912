// SPDX-License-Identifier: GPL-2.0-only
// The interface of LAMMPS's `plugin` command; its header is not installed with LAMMPS.
#ifndef ATOMSMITH_PLUGIN_H
#define ATOMSMITH_PLUGIN_H

extern "C" {

struct LammpsPlugin {
    const char* version;
    const char* style;
    const char* name;
    const char* info;
    const char* author;
    union {
        void* (*v1)(void*);
        void* (*v2)(void*, int, char**);
    } creator;
    void* handle;
};

typedef void (*PluginRegister)(LammpsPlugin*, void*);
}

#endif
