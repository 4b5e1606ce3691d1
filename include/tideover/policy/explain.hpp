// What would happen to this request, and which rule says so: every decision of an exchange before anybody is asked,
// made by the same functions, as one value. Nothing is sent, taken or changed.
// Not a rule of its own: where an explanation and an exchange differ, it is a bug. Pure: facts and time come in.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tideover/adapt/error_body.hpp"
#include "tideover/adapt/framing.hpp"
#include "tideover/config/snapshot.hpp"
#include "tideover/core/failure.hpp"
#include "tideover/core/http_message.hpp"
#include "tideover/policy/contingency.hpp"
#include "tideover/policy/failover.hpp"
#include "tideover/policy/model_choice.hpp"
#include "tideover/policy/route_table.hpp"

namespace tideover::policy {

/// A request as somebody describes it, complete: ops/explain_order fills in what was left out.
struct described_request {
  std::string method = "POST";
  std::string target = "/v1/chat/completions";
  std::vector<std::pair<std::string, std::string>> fields;  // names and values fit for a head
  std::string body;
  std::optional<std::string> client;  // a name under clients.keys: as if its key had been presented
};

/// What is known beyond the configuration. Functions that are empty: nobody knows.
struct explain_facts {
  const config::snapshot& configuration;
  const contingency& in_force;
  adapt::host_rules hosts{};
  time_point now{};
  /// What is known of a local upstream; null: nobody was asked.
  std::function<const local_catalog*(std::uint16_t upstream)> catalog{};
  /// What health would refuse, and for how long.
  struct refusal {
    reason why = reason::breaker_open;
    duration wait{};
  };
  std::function<std::optional<refusal>(std::uint16_t upstream, const request_head& head, std::string_view model)>
      health{};
  std::function<std::optional<bool>(std::uint16_t upstream, std::string_view model)> continues_prefill{};
  /// The door of a local upstream, and what a wish for a place would meet there.
  struct queue {
    std::size_t waiting = 0;
    std::size_t busy = 0;
    duration expected_wait{};
  };
  std::function<std::optional<queue>(std::uint16_t upstream, const place_wish& wish)> door{};
};

/// A limit and the setting that it comes from.
struct explained_limit {
  timer which = timer::none;
  duration span{};
};

/// Which of the caller's header fields do not reach this upstream as they came. Names in the caller's spelling.
struct explained_fields {
  std::vector<std::string> dropped;
  std::vector<std::string> replaced;  // another value goes out under the name
  std::vector<std::string> added;
};

/// How a local server would be asked.
struct explained_replay {
  std::optional<adapt::own_error> refused;  // it would not be asked at all, and why
  bool as_it_came = false;                  // Ollama's own paths: no byte is changed
  std::string path;                         // of the local server
  std::string model;                        // who stands in; empty: not chosen
  std::string why;                          // the rule that named it, or why it was chosen
  std::string rule;                         // "models[2]": the rule that matched the requested name; empty: none did
  bool known = false;                       // it is in the catalog; else nothing of the next two is known
  bool loaded = false;
  std::vector<considered_model> considered;  // every installed model, in the order of preference
  std::uint64_t prompt_tokens = 0;           // estimated; 0: not a generation
  window_choice window;
  bool asks_for_window = false;    // its server can be told how large a window to use
  std::vector<std::string> notes;  // what is changed, dropped or emulated
  bool must_call = false;          // a tool call is demanded: the answer is looked at, and asked for once more
  bool continues_prefill = false;  // known to go on with a begun answer
  std::optional<explain_facts::queue> door;
};

/// When this upstream would be asked.
enum class turn : std::uint8_t {
  first,    // of all
  next,     // if those before it fail
  skipped,  // it is a candidate, and something stands in its way
  never,    // no candidate, or out of reach: the request cannot be replayed
};
std::string_view token(turn when);

struct explained_upstream {
  std::uint16_t index = 0;  // in the configuration
  turn when = turn::never;
  no_candidate why_none = no_candidate::is_one;
  bool not_replayable = false;        // never, because only the first candidate may have this request
  std::optional<reason> skipped_for;  // breaker_open, rate_limited, quota, contingency
  duration skipped_until{};           // how long health keeps it from us; zero: not known
  // Of those that would be asked:
  std::vector<explained_limit> limits;    // connect, content, idle, leg
  std::optional<duration> hedge_after;    // the next one starts beside it
  unsigned retries = 0;                   // it may be asked so often again
  std::vector<std::string> cleaned;       // what a local model left in the conversation is taken out for a cloud
  explained_fields fields;                // of the head
  std::optional<explained_replay> local;  // of local upstreams
};

struct explanation {
  // The request, as far as decisions look at it.
  std::string method, path;
  endpoint what = endpoint::unknown;
  std::string model;
  bool stream = false, wants_reasoning = false, has_tools = false, has_images = false;
  std::size_t body_bytes = 0;

  std::optional<adapt::own_error> refused;  // by Tideover itself, before anybody is asked
  const config::client_key* client = nullptr;

  // Whose rules apply. Null where the request was refused before that was known.
  const config::workflow* workflow = nullptr;
  named_by workflow_by = named_by::nothing;
  std::vector<const config::workflow*> also;  // that were named as well
  policy_kind policy = policy_kind::local_only;
  const config::workflow* policy_of = nullptr;
  bool in_contingency = false;
  std::vector<contingency_cause> causes;
  bool may_leave_the_house = false;  // there is a pass for clouds (policy/reach)

  bool streams_through = false;  // the body is not kept
  bool replayable = true;
  std::string not_replayable;      // the field that forbids it; empty: the body is no JSON object, or is not kept
  std::string not_replayable_why;  // a sentence

  std::vector<explained_upstream> upstreams;  // candidates in their order, then the others
  std::optional<std::size_t> serves;          // of `upstreams`: the first that is not known to fail
  std::optional<reason> failover;             // what X-Tideover-Failover would say if that one answers
  /// If nobody answers: the caller's error, unless a cloud sent one of its own, which comes first.
  std::optional<adapt::own_error> if_all_fail;
  std::optional<std::uint64_t> estimate;  // of count_tokens: the answer instead of that error
};

/// `request.client` is a name of the configuration. What the result points to is the configuration's.
explanation explain(const described_request& request, const explain_facts& facts);

}  // namespace tideover::policy
