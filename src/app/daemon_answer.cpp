#include "daemon_answer.hpp"

#include <ostream>

#include "tideover/config/values.hpp"

namespace tideover::app {

using nlohmann::json;

std::string text_of(const json& from, const char* name) {
  auto const it = from.is_object() ? from.find(name) : from.end();
  if (!from.is_object() || it == from.end()) return {};
  if (it->is_string()) return config::printable(it->get<std::string>());
  return it->is_null() ? std::string() : config::printable(it->dump());
}

const json& member(const json& from, const char* name) {
  static const json nothing;
  auto const it = from.is_object() ? from.find(name) : from.end();
  return !from.is_object() || it == from.end() ? nothing : *it;
}

/// The answer as JSON; null after saying what is wrong.
json told_by(const admin_answer& answer, std::ostream& err) {
  if (answer.status == 0) {
    err << "tideover: " << answer.problem << '\n';
    return nullptr;
  }
  auto told = json::parse(answer.body, nullptr, false);
  if (answer.status / 100 == 2 && told.is_object()) return told;
  auto const message = text_of(member(told, "error"), "message");
  err << "tideover: "
      << (message.empty() ? "the daemon answered with status " + std::to_string(answer.status) : message) << '\n';
  return nullptr;
}

}  // namespace tideover::app
