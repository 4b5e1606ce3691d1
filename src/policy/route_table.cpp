#include "tideover/policy/route_table.hpp"

#include <algorithm>
#include <array>

#include "tideover/policy/model_choice.hpp"

namespace tideover::policy {
namespace {

constexpr std::string_view post_only = "POST";
constexpr std::string_view reads_only = "GET, HEAD";
constexpr std::string_view reads_and_post = "GET, HEAD, POST";
constexpr std::string_view pass_through = "GET, HEAD, POST, PUT, PATCH, DELETE";
constexpr std::string_view what_exists =
    "Tideover serves /v1/chat/completions, /v1/completions, /v1/responses, /v1/messages, /v1/embeddings, /v1/models "
    "and "
    "the other /v1/ paths of the cloud, and /api/chat, /api/generate, /api/embed, /api/tags, /api/show, /api/ps and "
    "/api/version of Ollama; /w/WORKFLOW/ may stand before each of them";

struct known_path {
  std::string_view path;
  endpoint what;
  std::string_view methods;
};

constexpr std::array known_paths{
    known_path{"/v1/chat/completions", endpoint::chat_completions, reads_and_post},
    known_path{"/v1/responses", endpoint::responses, post_only},
    known_path{"/v1/messages", endpoint::messages, post_only},
    known_path{"/v1/completions", endpoint::completions, post_only},
    known_path{"/v1/embeddings", endpoint::embeddings, post_only},
    known_path{"/v1/messages/count_tokens", endpoint::count_tokens, post_only},
    known_path{"/v1/models", endpoint::models, reads_only},
    known_path{"/api/chat", endpoint::ollama_native, post_only},
    known_path{"/api/generate", endpoint::ollama_native, post_only},
    known_path{"/api/embed", endpoint::ollama_native, post_only},
    known_path{"/api/show", endpoint::ollama_native, post_only},
    known_path{"/api/tags", endpoint::ollama_native, reads_only},
    known_path{"/api/ps", endpoint::ollama_native, reads_only},
    known_path{"/api/version", endpoint::ollama_native, reads_only},
};

// Management, account and outbound routes of Ollama (OL §2): a caller of a proxy has no business there.
constexpr std::array<std::string_view, 11> forbidden_trees{
    "/api/pull", "/api/push",    "/api/create", "/api/copy",         "/api/delete", "/api/blobs",
    "/api/me",   "/api/signout", "/api/user",   "/api/experimental", "/debug"};

bool is_in_tree(std::string_view path, std::string_view root) {
  return path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
}

bool lists(std::string_view methods, std::string_view method) {
  if (methods == method) return true;
  for (std::size_t at = 0; at < methods.size();) {
    auto const end = std::min(methods.find(", ", at), methods.size());
    if (methods.substr(at, end - at) == method) return true;
    at = end + 2;
  }
  return false;
}

route& refuse(route& r, int status, std::string_view code, std::string message) {
  r.refuse_status = status;
  r.refuse_code = code;
  r.refuse_message = std::move(message);
  return r;
}

route& refuse_method(route& r, std::string_view allowed) {
  r.allow = allowed;
  return refuse(r, 405, "method_not_allowed", "this path takes " + std::string(allowed));
}

/// Length of a dot as it may be written at the front of `text`: `.`, `%2e` or nothing.
std::size_t dot_at(std::string_view text) {
  if (text.starts_with('.')) return 1;
  return text.size() >= 3 && iequals(text.substr(0, 3), "%2e") ? 3 : 0;
}

/// `.` or `..`, in clear or encoded: another hop might resolve it and reach a path that was never checked.
bool is_dot_segment(std::string_view segment) {
  auto const first = dot_at(segment);
  if (first == 0) return false;
  if (first == segment.size()) return true;
  auto const second = dot_at(segment.substr(first));
  return second != 0 && first + second == segment.size();
}

/// What a path may be made of without anybody reading it in two ways: no escapes, and a dot only inside a segment.
constexpr auto plain_in_paths = [] {
  std::array<bool, 256> plain{};
  for (char const c :
       std::string_view("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/-_.~:@!$&'()*+,;="))
    plain[static_cast<unsigned char>(c)] = true;
  return plain;
}();

bool plainly_unambiguous(std::string_view path) {
  char before = 0;
  for (char const c : path) {
    if (!plain_in_paths[static_cast<unsigned char>(c)]) return false;
    if (before == '/' && (c == '/' || c == '.')) return false;
    before = c;
  }
  return true;
}

/// What makes a path mean different things to different readers; nothing if it is unambiguous.
std::string_view ambiguity(std::string_view path) {
  if (plainly_unambiguous(path)) return {};
  for (std::size_t i = 0; i < path.size(); ++i) {
    auto const c = static_cast<unsigned char>(path[i]);
    if (c <= 0x20 || c >= 0x7f) return "a character that a path may not contain";
    if (c == '\\') return "a backslash";
    if (c == '#') return "a fragment";
    if (c == '%' && i + 2 < path.size()) {
      auto const escape = path.substr(i, 3);
      if (iequals(escape, "%2f") || iequals(escape, "%5c")) return "an encoded slash or backslash";
      if (escape == "%00") return "an encoded NUL";
    }
  }
  for (std::size_t at = 1; at <= path.size();) {
    auto const end = std::min(path.find('/', at), path.size());
    auto const segment = path.substr(at, end - at);
    if (segment.empty() && end < path.size()) return "an empty segment (//); check the base URL for a doubled slash";
    if (is_dot_segment(segment)) return "a dot segment";
    at = end + 1;
  }
  return {};
}

/// Splits an absolute-form target (RFC 9112 §3.2.2) into authority and path; false when it is none or a bad one.
bool split_absolute(route& r, std::string_view target) {
  std::size_t scheme = 0;
  if (target.size() > 7 && iequals(target.substr(0, 7), "http://"))
    scheme = 7;
  else if (target.size() > 8 && iequals(target.substr(0, 8), "https://"))
    scheme = 8;
  if (scheme == 0) return false;
  auto const end = std::min(target.find_first_of("/?#", scheme), target.size());
  r.authority = target.substr(scheme, end - scheme);
  if (r.authority.empty() || r.authority.find('@') != std::string_view::npos) return false;  // RFC 9110 §4.2.4
  // Without a path it is `/` (RFC 9112 §3.2.2), which is no path of ours: a literal will do.
  r.path_and_query = end < target.size() && target[end] == '/' ? target.substr(end) : std::string_view("/");
  return true;
}

bool is_workflow_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
}

/// Who may see the data: the higher, the fewer.
int strictness(policy_kind kind) {
  switch (kind) {
    case policy_kind::cloud_only: return 0;
    case policy_kind::cloud_first: return 1;
    case policy_kind::local_first: return 2;
    case policy_kind::local_only: return 3;
  }
  return 3;
}

const config::workflow* find_workflow(const config::snapshot& configuration, std::string_view name) {
  auto const it = configuration.workflows.find(name);
  return it == configuration.workflows.end() ? nullptr : &it->second;
}

/// A name that the caller gave; a null workflow when it is refused. An unknown name is never read as `default`: a typo
/// in `legal` must not send legal data to the cloud.
const config::workflow* named_workflow(route& r, const config::snapshot& configuration, std::string_view name) {
  const auto* found = is_workflow_name(name) ? find_workflow(configuration, name) : nullptr;
  if (found == nullptr) {
    std::string message = "unknown workflow";
    if (is_workflow_name(name)) message.append(" '").append(name).append("'");
    refuse(r, 400, "unknown_workflow", message + "; the configuration's `workflows` lists the names that exist");
  }
  return found;
}

/// Removes /w/NAME and reads X-Tideover-Workflow; false when the request is refused.
bool find_workflow_of(route& r, const request_head& head, const config::snapshot& configuration,
                      std::string_view bound) {
  const config::workflow* by_path = nullptr;
  if (r.path.starts_with("/w/")) {
    auto const end = r.path.find('/', 3);
    if (end == std::string_view::npos) return refuse(r, 404, "unknown_path", std::string(what_exists)), false;
    by_path = named_workflow(r, configuration, r.path.substr(3, end - 3));
    if (by_path == nullptr) return false;
    r.path.remove_prefix(end);
    r.path_and_query.remove_prefix(end);
  }

  const config::workflow* by_field = nullptr;
  for (const auto& field : head.fields.list) {
    if (field.id != field_id::unknown || !iequals(field.name, "X-Tideover-Workflow")) continue;
    if (by_field != nullptr)
      return refuse(r, 400, "unknown_workflow", "X-Tideover-Workflow was sent more than once"), false;
    by_field = named_workflow(r, configuration, field.value);
    if (by_field == nullptr) return false;
  }

  // The stricter of two that the caller named; a tie is the path's.
  const config::workflow* named = by_path != nullptr ? by_path : by_field;
  r.workflow_by = by_path != nullptr ? named_by::path : by_field != nullptr ? named_by::field : named_by::nothing;
  if (by_path != nullptr && by_field != nullptr && by_path != by_field) {
    bool const field_is_stricter = strictness(by_field->policy) > strictness(by_path->policy);
    named = field_is_stricter ? by_field : by_path;
    r.workflow_by = field_is_stricter ? named_by::field : named_by::path;
    r.also = field_is_stricter ? by_path : by_field;
  }
  r.workflow = named != nullptr ? named : find_workflow(configuration, "default");
  if (!bound.empty()) {
    const auto* own = find_workflow(configuration, bound);
    if (own == nullptr) return refuse(r, 403, "unknown_workflow", "the workflow of this key does not exist"), false;
    if (named != nullptr && named != own) {
      if (r.also != own) r.also_too = r.also;
      r.also = named;
    }
    r.workflow = own;
    r.workflow_by = named_by::key;
  }
  if (r.workflow == nullptr) return refuse(r, 400, "unknown_workflow", "there is no workflow `default`"), false;
  r.policy_of = r.workflow;
  for (const auto* other : {by_path, by_field})
    if (other != nullptr && strictness(other->policy) > strictness(r.policy_of->policy)) r.policy_of = other;
  r.policy = r.policy_of->policy;
  return true;
}

bool speaks_anthropic(std::string_view path, const header_fields& fields) {
  if (is_in_tree(path, "/v1/messages")) return true;
  bool key = false, authorization = false;
  for (const auto& field : fields.list) {
    if (field.id == field_id::authorization) authorization = true;
    if (field.id != field_id::unknown) continue;
    if (iequals(field.name, "anthropic-version")) return true;
    if (iequals(field.name, "x-api-key")) key = true;
  }
  return key && !authorization;
}

void match_path(route& r, std::string_view method) {
  for (const auto& known : known_paths) {
    if (r.path != known.path) continue;
    r.what = known.what;
    // The same path lists what the cloud has stored: its own affair.
    if (known.what == endpoint::chat_completions && lists(reads_only, method)) r.what = endpoint::other_v1;
    if (!lists(known.methods, method)) refuse_method(r, known.methods);
    return;
  }
  for (auto const tree : forbidden_trees) {
    if (!is_in_tree(r.path, tree)) continue;
    refuse(r, 403, "forbidden_path",
           "Tideover does not pass on management, account or debugging paths; use them on the Ollama host itself");
    return;
  }
  if (!r.path.starts_with("/v1/") || r.path.size() == 4) {
    refuse(r, 404, "unknown_path", std::string(what_exists));
    return;
  }
  // /v1/models/{id} is part of the list; deleting a fine-tuned model is the cloud's own affair.
  r.what = r.path.starts_with("/v1/models/") && lists(reads_only, method) ? endpoint::models : endpoint::other_v1;
  if (!lists(pass_through, method)) refuse_method(r, pass_through);
}

}  // namespace

route find_route(const request_head& head, const config::snapshot& configuration, std::string_view bound) {
  route r;
  // CONNECT has its own target form and TRACE would show a caller's key to whoever asks: neither gets further.
  if (head.method == "CONNECT" || head.method == "TRACE" || head.target == "*") {
    refuse_method(r, pass_through);
    return r;
  }
  if (head.target.starts_with('/')) {
    r.path_and_query = head.target;
  } else if (!split_absolute(r, head.target)) {
    refuse(r, 400, "bad_target", "the request target must be a path or an http URL without user information");
    return r;
  }
  r.path = r.path_and_query.substr(0, r.path_and_query.find('?'));
  if (auto const fault = ambiguity(r.path); !fault.empty()) {
    refuse(r, 400, "bad_target", "the path contains " + std::string(fault));
    return r;
  }
  if (!find_workflow_of(r, head, configuration, bound)) return r;
  r.caller_speaks_anthropic = speaks_anthropic(r.path, head.fields);
  match_path(r, head.method);
  // The generation paths of OpenAI stay OpenAI's, whichever key field a caller happens to use.
  bool const by_headers = r.what == endpoint::models || r.what == endpoint::other_v1;
  if (is_in_tree(r.path, "/v1/messages") || (by_headers && r.caller_speaks_anthropic))
    r.cloud_dialect = dialect::anthropic;
  return r;
}

namespace {

bool cloud_can_serve(endpoint what) { return what != endpoint::ollama_native && what != endpoint::unknown; }

bool local_can_serve(const route& r, const config::snapshot& configuration, std::string_view model) {
  switch (r.what) {
    case endpoint::chat_completions:
    case endpoint::completions:
    case endpoint::responses:
    case endpoint::messages:
    case endpoint::models:
    case endpoint::ollama_native: return true;
    case endpoint::embeddings: return !embedding_stand_in(model, *r.workflow, configuration).empty();
    case endpoint::count_tokens:  // another model's count differs
    case endpoint::other_v1:
    case endpoint::unknown: return false;
  }
  return false;
}

void add(candidate_list& list, std::size_t upstream) {
  if (list.size < candidate_list::capacity) list.index[list.size++] = static_cast<std::uint16_t>(upstream);
}

void add_cloud(candidate_list& list, const route& r, const config::snapshot& configuration) {
  for (std::size_t i = 0; i < configuration.upstreams.size(); ++i) {
    const auto& upstream = configuration.upstreams[i];
    if (upstream.tier == tier::cloud && upstream.dialect == r.cloud_dialect) return add(list, i);
  }
}

/// Ollama's own routes are Ollama's alone.
void add_local(candidate_list& list, const route& r, const config::snapshot& configuration) {
  for (std::size_t i = 0; i < configuration.upstreams.size(); ++i) {
    const auto& upstream = configuration.upstreams[i];
    if (upstream.tier != tier::local) continue;
    if (r.what != endpoint::ollama_native || upstream.dialect == dialect::ollama) add(list, i);
  }
}

}  // namespace

std::string embedding_stand_in(std::string_view model, const config::workflow& workflow,
                               const config::snapshot& configuration) {
  auto const found = find_rule({.of_workflow = &workflow.models, .global = &configuration.models}, model);
  if (found.rule == nullptr || model.empty()) return {};
  bool const may = workflow.any_embedding_model || same_model(model, found.rule->local);
  return may ? found.rule->local : std::string();
}

candidate_list candidates_for(const route& r, const config::snapshot& configuration, std::string_view model) {
  candidate_list list;
  if (r.refuse_status != 0 || r.workflow == nullptr) return list;
  bool const cloud = cloud_can_serve(r.what);
  bool const local = local_can_serve(r, configuration, model);
  switch (r.policy) {
    case policy_kind::cloud_first:
      if (cloud) add_cloud(list, r, configuration);
      if (local) add_local(list, r, configuration);
      break;
    case policy_kind::local_first:
      if (local) add_local(list, r, configuration);
      if (cloud) add_cloud(list, r, configuration);
      break;
    case policy_kind::cloud_only:
      if (cloud) add_cloud(list, r, configuration);
      break;
    case policy_kind::local_only:  // a promise: no line here may ever name the cloud
      if (local) add_local(list, r, configuration);
      break;
  }
  return list;
}

no_candidate why_no_candidate(std::uint16_t upstream, const route& r, const config::snapshot& configuration,
                              std::string_view model) {
  auto const list = candidates_for(r, configuration, model);
  auto const* const end = list.index + list.size;
  if (std::find(list.index, end, upstream) != end) return no_candidate::is_one;
  const auto& u = configuration.upstreams[upstream];
  if (u.tier == tier::cloud) {
    if (r.policy == policy_kind::local_only) return no_candidate::policy;
    if (!cloud_can_serve(r.what)) return no_candidate::path;
    return u.dialect == r.cloud_dialect ? no_candidate::not_the_first : no_candidate::other_dialect;
  }
  if (r.policy == policy_kind::cloud_only) return no_candidate::policy;
  if (!local_can_serve(r, configuration, model))
    return r.what == endpoint::embeddings ? no_candidate::other_vectors : no_candidate::path;
  return no_candidate::too_many;
}

std::string_view token(named_by what) {
  switch (what) {
    case named_by::nothing: return "default";
    case named_by::path: return "path";
    case named_by::field: return "header";
    case named_by::key: return "key";
  }
  return "default";
}

std::string_view token(no_candidate why) {
  switch (why) {
    case no_candidate::is_one: return "is_one";
    case no_candidate::policy: return "policy";
    case no_candidate::path: return "path";
    case no_candidate::other_dialect: return "other_dialect";
    case no_candidate::not_the_first: return "not_the_first";
    case no_candidate::other_vectors: return "other_vectors";
    case no_candidate::too_many: return "too_many";
  }
  return "is_one";
}

}  // namespace tideover::policy
