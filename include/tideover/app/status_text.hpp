// What `tideover status` shows: first whether apps are served and by whom, then what stands in the way, then the rest.
// Pure: the daemon's document, the time and the terminal in, text out. What the daemon tells may hold any text, so
// control characters never reach the terminal.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace tideover::app {

/// How text is shown.
struct look {
  std::int64_t now = 0;   // seconds since 1970; what is told of times is relative to it
  unsigned columns = 0;   // 0: lines are as long as they are
  bool coloured = false;  // for a terminal that shows colours
};

std::string status_text(const nlohmann::ordered_json& told, const look& how);
std::string contingency_text(const nlohmann::ordered_json& told, const look& how);

/// One line with a label before it, as long lines are folded under it; for what is shown beside a status.
std::string labelled_line(const std::string& label, const std::string& text, const look& how);
std::string warning(const std::string& text, const look& how);

/// `12 s`, `3 min`, `1 h 57 min`, `2 d 4 h`; nothing is rounded up.
std::string span_text(std::int64_t seconds);

/// 0 ok, 10 degraded, 11 contingency (contract §10); 1 for a word that this version does not know.
int status_exit_code(const nlohmann::ordered_json& told);

}  // namespace tideover::app
