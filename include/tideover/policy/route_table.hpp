// From method, path and headers to what a request asks for, and to the workflow it belongs to.
// Not for hosts, keys or bodies. Routes on the raw path by exact match: nothing is decoded, here or later.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tideover/config/snapshot.hpp"
#include "tideover/core/http_message.hpp"
#include "tideover/core/words.hpp"

namespace tideover::policy {

/// What named the workflow whose rules apply.
enum class named_by : std::uint8_t {
  nothing,  // `default`
  path,     // /w/NAME/
  field,    // X-Tideover-Workflow
  key,      // the caller's key is bound to it
};
std::string_view token(named_by what);  // default, path, header, key

struct route {
  endpoint what = endpoint::unknown;
  std::string_view path_and_query;             // of the target, workflow prefix and absolute-form authority removed
  std::string_view path;                       // the same without the query
  std::string_view authority;                  // of an absolute-form target, for the Host rules; empty otherwise
  const config::workflow* workflow = nullptr;  // whose rules apply
  const config::workflow* also = nullptr;      // another one that was named: its contingency counts as well
  const config::workflow* also_too = nullptr;  // and a third, where a key is bound and the caller named two
  named_by workflow_by = named_by::nothing;
  policy_kind policy = policy_kind::local_only;  // the strictest of those that were named
  const config::workflow* policy_of = nullptr;   // whose that is
  enum dialect cloud_dialect = dialect::openai;  // whose cloud may serve it
  bool caller_speaks_anthropic = false;          // by path, or by anthropic-version / x-api-key (CL §7)

  int refuse_status = 0;         // 0: go on
  std::string_view refuse_code;  // bad_target, unknown_workflow, unknown_path, method_not_allowed, forbidden_path
  std::string refuse_message;
  std::string_view allow;  // for 405
};

/// Workflow: path prefix /w/NAME/…, then X-Tideover-Workflow, then `default`; when both are given the stricter policy
/// wins (local_only > local_first > cloud_first > cloud_only); unknown or empty names and several header fields are
/// 400.
/// `//v1/…` and paths with `%2f`, `%5c`, `\`, `/../` or `/./` inside a known prefix are refused (400), never repaired.
/// `bound`: the workflow of the caller's key. It cannot be left, but another one's stricter policy holds as well.
route find_route(const request_head& head, const config::snapshot& configuration, std::string_view bound = {});

/// Which upstreams may serve, in order: indexes into snapshot.upstreams. Empty when none can. At most one cloud
/// upstream (the first of the right dialect): nobody's data goes to two clouds.
struct candidate_list {
  static constexpr std::size_t capacity = 8;
  std::uint16_t index[capacity] = {};
  std::uint8_t size = 0;
};

/// `model` is the name the caller asked for. Only embeddings depend on it: they may go local where `models` maps the
/// name to itself, because vectors of another model would silently poison an index (embedding_stand_in).
/// Unknown (empty): cloud only.
candidate_list candidates_for(const route& r, const config::snapshot& configuration, std::string_view model = {});

/// Why an upstream is none of the candidates.
enum class no_candidate : std::uint8_t {
  is_one,         // it is
  policy,         // the workflow's policy leaves its tier out
  path,           // nothing of its tier can serve this path
  other_dialect,  // the request is for another vendor's cloud
  not_the_first,  // another cloud of the same dialect comes first in the file: nobody's data goes to two
  other_vectors,  // embeddings of another model (embedding_stand_in)
  too_many,       // there are `candidate_list::capacity` before it
};
std::string_view token(no_candidate why);
no_candidate why_no_candidate(std::uint16_t upstream, const route& r, const config::snapshot& configuration,
                              std::string_view model = {});

/// The local model whose vectors may stand in for those of `model`: where the tables map the name to itself, or to
/// another one and the workflow says `embeddings: any_model`. Empty: none may.
std::string embedding_stand_in(std::string_view model, const config::workflow& workflow,
                               const config::snapshot& configuration);

}  // namespace tideover::policy
