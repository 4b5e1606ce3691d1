// Any bytes as a configuration file, and what follows a NUL as every variable and flag: nothing may crash, a secret may
// never be repeated, and what is accepted must keep the promises that running code relies on.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tideover/config/check.hpp"
#include "tideover/config/load.hpp"
#include "tideover/config/secret_reference.hpp"
#include "tideover/config/values.hpp"

namespace {

using namespace tideover;
using namespace tideover::config;

constexpr std::string_view marker = "hunter2~the~secret";  // long enough not to be guessed

void require(bool truth) {
  if (!truth) std::abort();
}

surroundings world_with(const std::string& said) {
  surroundings world;
  world.environment = [&said](const std::string& name) -> std::optional<std::string> {
    if (name == "KEY") return std::string(marker);
    if (name == "CREDENTIALS_DIRECTORY") return "/c";
    if (name == "OLLAMA_HOST" || name.starts_with("TIDEOVER_")) return said;
    return std::nullopt;
  };
  world.read_file = [](const std::string& path) -> std::optional<std::string> {
    if (path == "/s" || path == "/c/s") return std::string(marker) + "\n";
    return path == "/pem" ? std::optional<std::string>("PEM") : std::nullopt;
  };
  world.exists = [](const std::string&) { return false; };
  world.mode = [](const std::string&) -> std::optional<unsigned> { return 0644; };
  return world;
}

void promises_hold(const snapshot& s) {
  require(!s.listeners.empty());
  for (const auto& l : s.listeners) require(kind_of_host(l.at.host) == host_kind::loopback || l.allow_unauthenticated);
  require(kind_of_host(s.admin.at.host) == host_kind::loopback || s.admin.allow_unauthenticated);
  require(!s.upstreams.empty() && s.upstreams.size() <= 8);
  for (const auto& u : s.upstreams) {
    require(u.urls.size() == 1 && !u.name.empty() && !u.title.empty() && u.tier != tier::none);
    const auto& where = u.urls.front();
    require(where.port != 0 && !where.host.empty());
    const auto kind = kind_of_host(where.host);
    if (u.tier == tier::local && !u.allow_public) require(kind != host_kind::public_net);
    if (u.tier == tier::cloud && !where.tls) require(kind == host_kind::loopback);
    const auto again = parse_url(where.to_string());
    require(again && (*again).where.to_string() == where.to_string());
    for (const auto span : {u.timeouts.connect, u.timeouts.first_content, u.timeouts.response, u.timeouts.reasoning,
                            u.timeouts.idle, u.timeouts.total})
      require(span > duration::zero() && span <= std::chrono::hours(24));
    if (u.credential) require(objection_to_secret(u.credential->reveal_for_wire()).empty());
  }
  require(s.find_workflow("default") != nullptr);
  for (const auto& name : s.contingency.by_file) require(s.find_workflow(name) != nullptr);
  for (const auto& name : s.contingency.by_environment) require(s.find_workflow(name) != nullptr);
  for (const auto& rule : s.models) require(!rule.cloud.empty() && !rule.local.empty());
  for (const auto& found : check(s)) require(found.level == severity::warning);
}

void messages_are_fit_to_print(const loaded& result, bool marker_was_given) {
  for (const auto& p : result.problems) {
    const auto text = p.to_string();
    require(!p.message.empty());
    require(std::none_of(text.begin(), text.end(),
                         [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }));
    require(marker_was_given || text.find(marker) == std::string::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const auto zero = all.find('\0');
  const auto yaml = all.substr(0, zero);
  const std::string said(zero == std::string_view::npos ? std::string_view{} : all.substr(zero + 1));
  const auto world = world_with(said);
  overrides flags;
  if (size % 2 == 1 && !said.empty()) {
    flags.listen = {said};
    flags.admin = flags.cloud_url = flags.local_url = flags.local_model = flags.log_level = said;
  }
  const auto result = load_text(yaml, "f", flags, world);
  const bool has_error = std::any_of(result.problems.begin(), result.problems.end(),
                                     [](const problem& p) { return p.level == severity::error; });
  require(result.ok() != has_error);
  messages_are_fit_to_print(result, all.find(marker) != std::string_view::npos);
  if (result.ok()) promises_hold(*result.snapshot);
  return 0;
}
