// A configuration and request heads for the tests of policy/: small values that read like the file they stand for.
// Not for loading: config/ has its own tests.
#pragma once

#include <boost/beast/http/field.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tideover/config/snapshot.hpp"
#include "tideover/core/http_message.hpp"

namespace tideover::examples {

inline constexpr std::uint16_t openai = 0, anthropic = 1, ollama = 2, second_local = 3;

inline config::upstream upstream(std::string name, enum tier where, enum dialect speaks) {
  config::upstream u;
  u.name = u.title = std::move(name);
  u.tier = where;
  u.dialect = speaks;
  u.urls.push_back({.tls = where == tier::cloud, .host = "example.test", .port = 443, .base_path = {}});
  return u;
}

/// The default upstreams and one workflow of each policy, named after it; `default` is cloud_first.
inline config::snapshot house() {
  config::snapshot s;
  s.upstreams.push_back(upstream("openai", tier::cloud, dialect::openai));
  s.upstreams.push_back(upstream("anthropic", tier::cloud, dialect::anthropic));
  s.upstreams.push_back(upstream("ollama", tier::local, dialect::ollama));
  auto const add = [&](std::string name, policy_kind policy) { s.workflows[name] = {.name = name, .policy = policy}; };
  add("default", policy_kind::cloud_first);
  for (auto const kind :
       {policy_kind::cloud_first, policy_kind::local_first, policy_kind::cloud_only, policy_kind::local_only})
    add(std::string(token(kind)), kind);
  return s;
}

using field_list = std::vector<std::pair<std::string_view, std::string_view>>;

inline header_fields fields(const field_list& list) {
  header_fields result;
  for (const auto& [name, value] : list)
    result.list.push_back({boost::beast::http::string_to_field({name.data(), name.size()}), name, value});
  return result;
}

inline request_head request(std::string_view method, std::string_view target, const field_list& list = {}) {
  request_head head;
  head.method = method;
  head.target = target;
  head.fields = fields(list);
  return head;
}

inline response_head response(unsigned status, const field_list& list = {}) {
  response_head head;
  head.status = status;
  head.fields = fields(list);
  return head;
}

}  // namespace tideover::examples
