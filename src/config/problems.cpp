#include "tideover/config/problems.hpp"

#include <algorithm>

#include "tideover/config/values.hpp"

namespace tideover::config {

namespace {

std::string text_in(const nlohmann::ordered_json& told, const char* name) {
  auto const it = told.find(name);
  return it != told.end() && it->is_string() ? printable(it->get<std::string>()) : std::string();
}

int number_in(const nlohmann::ordered_json& told, const char* name) {
  auto const it = told.find(name);
  return it != told.end() && it->is_number_integer() ? it->get<int>() : 0;
}

}  // namespace

nlohmann::ordered_json to_json(const problem& p) {
  nlohmann::ordered_json made{{"severity", p.level == severity::error ? "error" : "warning"}};
  if (!p.file.empty()) made["file"] = p.file;
  if (p.line > 0) {
    made["line"] = p.line;
    made["column"] = p.column;
  }
  if (!p.path.empty()) made["key"] = p.path;
  made["message"] = p.message;
  return made;
}

nlohmann::ordered_json to_json(const std::vector<problem>& problems) {
  auto all = nlohmann::ordered_json::array();
  for (const auto& p : problems) all.push_back(to_json(p));
  return all;
}

problem read_problem(const nlohmann::ordered_json& told) {
  problem p;
  if (!told.is_object()) return p;
  if (text_in(told, "severity") == "warning") p.level = severity::warning;
  p.file = text_in(told, "file");
  p.line = number_in(told, "line");
  p.column = number_in(told, "column");
  p.path = text_in(told, "key");
  p.message = text_in(told, "message");
  return p;
}

std::string first_error(const std::vector<problem>& problems) {
  auto const is_error = [](const problem& p) { return p.level == severity::error; };
  auto const first = std::find_if(problems.begin(), problems.end(), is_error);
  if (first == problems.end()) return "the configuration cannot be read";
  auto const others = std::count_if(problems.begin(), problems.end(), is_error) - 1;
  return first->to_string() + (others > 0 ? " (and " + std::to_string(others) + " more)" : std::string());
}

}  // namespace tideover::config
