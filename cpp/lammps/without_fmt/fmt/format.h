// SPDX-License-Identifier: GPL-2.0-only
// Stands in for the {fmt} library where LAMMPS's headers are installed without their copy of it (as Debian
// has them). They name these in declarations and in templates that the plugin never uses.
#ifndef ATOMSMITH_WITHOUT_FMT_H
#define ATOMSMITH_WITHOUT_FMT_H

#include <string_view>

namespace fmt {

using string_view = std::string_view;
struct format_args {};
template <class... Arguments>
format_args make_args_checked(const auto&, const std::remove_reference_t<Arguments>&...);
format_args make_format_args(const auto&...);

} // namespace fmt

#endif
