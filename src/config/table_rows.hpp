// What the parts of the key table have in common: short names, values taken out of their variant, rows made.
// Internal to config: the table itself is tideover/config/table.hpp. One part per job, put together in table.cpp.
#pragma once

#include <vector>

#include "tideover/config/table.hpp"

namespace tideover::config::rows {

using k = value_kind;
using b = building;
using v = value;

inline constexpr std::int64_t ms = 1, day = 86'400'000;
inline constexpr std::int64_t kib = 1 << 10, mib = 1 << 20, gib = 1 << 30;

inline const std::string& text(const v& x) { return std::get<std::string>(x); }
inline duration span(const v& x) { return std::get<duration>(x); }
inline std::size_t bytes(const v& x) { return static_cast<std::size_t>(std::get<std::int64_t>(x)); }
inline unsigned count(const v& x) { return static_cast<unsigned>(std::get<std::int64_t>(x)); }

inline key_row container(std::string_view path, k kind, std::string_view description,
                         void (*store)(b&, const v&) = nullptr) {
  return {.path = path, .kind = kind, .description = description, .store = store};
}
inline key_row timeout(std::string_view path, std::string_view usual, std::string_view description,
                       void (*store)(b&, const v&)) {
  return {.path = path,
          .kind = k::span,
          .default_text = usual,
          .description = description,
          .store = store,
          .least = 1 * ms,
          .most = day};
}
inline key_row later(std::string_view path, k kind, std::string_view description, std::string_view usual = {},
                     std::string_view choices = {}) {
  return {.path = path,
          .kind = kind,
          .default_text = usual,
          .description = description,
          .supported = false,
          .choices = choices};
}

std::vector<key_row> doors();  // listen, admin, clients
std::vector<key_row> upstreams();
std::vector<key_row> routing();   // models, workflows
std::vector<key_row> the_rest();  // limits, hosts, contingency, alerts, log …

}  // namespace tideover::config::rows
