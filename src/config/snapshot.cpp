#include "tideover/config/snapshot.hpp"

#include <algorithm>
#include <string_view>

namespace tideover::config {

std::string url::authority() const {
  std::string text = host.find(':') == std::string::npos ? host : "[" + host + "]";
  const std::uint16_t usual = tls ? 443 : 80;
  if (port != usual) text += ":" + std::to_string(port);
  return text;
}

std::string url::to_string() const { return (tls ? "https://" : "http://") + authority() + base_path; }

const upstream* snapshot::find_upstream(std::string_view name) const {
  const auto it = std::find_if(upstreams.begin(), upstreams.end(), [&](const upstream& u) { return u.name == name; });
  return it == upstreams.end() ? nullptr : &*it;
}

const workflow* snapshot::find_workflow(std::string_view name) const {
  const auto it = workflows.find(name);
  return it == workflows.end() ? nullptr : &it->second;
}

bool snapshot::in_contingency(std::string_view workflow) const {
  if (contingency.all_by_environment || contingency.all_by_file) return true;
  const auto named = [&](const std::vector<std::string>& names) {
    return std::find(names.begin(), names.end(), workflow) != names.end();
  };
  return named(contingency.by_environment) || named(contingency.by_file);
}

}  // namespace tideover::config
