// events.jsonl of a daemon as a test reads it.
#pragma once

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace tideover::test {

/// Lines that are no JSON (torn by a kill) come as discarded values.
inline std::vector<nlohmann::json> journal_of(const std::string& state) {
  std::vector<nlohmann::json> lines;
  std::ifstream file(state + "/events.jsonl");
  for (std::string line; std::getline(file, line);) lines.push_back(nlohmann::json::parse(line, nullptr, false));
  return lines;
}

inline std::vector<nlohmann::json> journal_of(const std::string& state, std::string_view event) {
  auto all = journal_of(state);
  std::erase_if(all, [&](const auto& line) { return !line.is_object() || line.value("event", "") != event; });
  return all;
}

}  // namespace tideover::test
