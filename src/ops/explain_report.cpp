#include "tideover/ops/explain_report.hpp"

#include <algorithm>
#include <chrono>

#include "tideover/config/values.hpp"
#include "tideover/ops/status.hpp"

namespace tideover::ops {
namespace {

using json = nlohmann::ordered_json;

std::int64_t seconds(duration d) { return std::chrono::ceil<std::chrono::seconds>(d).count(); }

json or_null(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }

json error_of(const adapt::own_error& e, bool with_message = true) {
  json made{{"status", e.status}, {"code", e.code}};
  if (with_message) made["message"] = e.message;
  if (!e.param.empty()) made["field"] = e.param;
  return made;
}

std::string client_rule(const config::client_key& key, const config::snapshot& configuration) {
  return "clients.keys[" + std::to_string(&key - configuration.clients.keys.data()) + "]";
}

/// How the workflow was found, as the request or the file has it.
std::string workflow_rule(const policy::explanation& e, const config::snapshot& configuration) {
  switch (e.workflow_by) {
    case policy::named_by::key: return client_rule(*e.client, configuration) + ".workflow";
    case policy::named_by::path: return "the path /w/" + e.workflow->name + "/";
    case policy::named_by::field: return "the header X-Tideover-Workflow";
    case policy::named_by::nothing: break;
  }
  return "nothing names another one";
}

json contingency_of(const policy::explanation& e) {
  json made{{"active", e.in_contingency}, {"causes", json::array()}};
  for (const auto& c : e.causes) {
    json one{{"workflow", c.workflow}, {"source", token(c.source)}};
    switch (c.source) {
      case policy::contingency_source::environment: one["rule"] = "$TIDEOVER_CONTINGENCY"; break;
      case policy::contingency_source::file: one["rule"] = "contingency.workflows"; break;
      case policy::contingency_source::operators: one["rule"] = "tideover contingency on"; break;
    }
    if (c.decision) {
      one["who"] = c.decision->who;
      one["reason"] = c.decision->reason;
      one["until"] = c.decision->until ? json(moment(*c.decision->until)) : json(nullptr);
    }
    made["causes"].push_back(std::move(one));
  }
  return made;
}

std::string limit_rule(timer which, const config::upstream& u, const policy::explanation& e) {
  if (which == timer::deadline) return "workflows." + e.workflow->name + ".deadline";
  return "upstreams." + u.name + ".timeouts." + std::string(token(which));
}

json limits_of(const policy::explained_upstream& from, const config::upstream& u, const policy::explanation& e) {
  constexpr const char* of[] = {"connect", "content", "idle", "leg"};
  json made = json::array();
  for (std::size_t i = 0; i < from.limits.size(); ++i) {
    const auto& limit = from.limits[i];
    if (limit.span > std::chrono::hours(24 * 365)) continue;  // none
    made.push_back({{"of", of[std::min<std::size_t>(i, 3)]},
                    {"timer", token(limit.which)},
                    {"span", config::duration_text(limit.span)},
                    {"rule", limit_rule(limit.which, u, e)}});
  }
  return made;
}

std::string key_of(const config::upstream& u, const policy::explanation& e) {
  if (u.credential) return "configured";
  if (u.tier == tier::local) return "none";
  return e.client != nullptr ? "none" : "the caller's own";
}

json window_of(const policy::explained_replay& r, const config::upstream& u) {
  if (!r.asks_for_window) return nullptr;
  json made{{"num_ctx", r.window.num_ctx == 0 ? json(nullptr) : json(r.window.num_ctx)},
            {"needed", r.window.needed},
            {"largest", r.window.largest},
            {"fits", r.window.fits},
            {"loads_again", r.window.reloads}};
  made["rule"] = "upstreams." + u.name + ".context_tokens";
  return made;
}

json local_of(const policy::explained_replay& r, const config::upstream& u, const policy::explanation& e) {
  json made;
  made["path"] = or_null(r.path);
  made["as_it_came"] = r.as_it_came;
  made["model"] = or_null(r.model);
  made["why"] = or_null(r.why);
  made["rule"] = or_null(r.rule);
  made["refused"] = r.refused ? error_of(*r.refused) : json(nullptr);
  made["loaded"] = r.known ? json(r.loaded) : json(nullptr);
  made["considered"] = json::array();
  for (const auto& m : r.considered)
    made["considered"].push_back({{"model", m.name}, {"eligible", m.eligible}, {"note", m.note}});
  made["prompt_tokens"] = r.prompt_tokens == 0 ? json(nullptr) : json(r.prompt_tokens);
  made["window"] = r.path.empty() && r.window.fits ? json(nullptr) : window_of(r, u);
  made["changes"] = r.notes;
  made["tool_call_demanded"] = r.must_call;
  made["continues_prefill"] = r.continues_prefill;
  const auto& w = *e.workflow;
  bool const generates = is_generation(e.what);
  made["system_prompt"] = nullptr;
  if (generates && !w.system_prompt.text.empty()) {
    using mode = config::system_prompt::mode;
    auto const how = w.system_prompt.where;
    made["system_prompt"] = {{"mode", how == mode::replace  ? "replace"
                                      : how == mode::append ? "append"
                                                            : "prepend"},
                             {"rule", "workflows." + w.name + ".system_prompt"}};
  }
  made["parameters"] =
      generates && w.parameters != config::parameters{} ? json("workflows." + w.name + ".parameters") : json(nullptr);
  made["queue"] = nullptr;
  if (r.door)
    made["queue"] = {{"waiting", r.door->waiting},
                     {"busy", r.door->busy},
                     {"expected_wait_seconds", seconds(r.door->expected_wait)},
                     {"rule", "upstreams." + u.name + ".concurrency"}};
  return made;
}

/// Why it is not asked: a word for programs and a sentence with the rule for people.
void say_never(json& made, const policy::explained_upstream& from, const config::upstream& u,
               const policy::explanation& e) {
  using policy::no_candidate;
  std::string reason, rule, text;
  if (from.skipped_for) {
    reason = token(*from.skipped_for);
    if (*from.skipped_for == tideover::reason::contingency) {
      rule = "contingency";
      text = "contingency is on";
    } else {
      bool const opened = *from.skipped_for == tideover::reason::breaker_open;
      rule = "upstreams." + u.name + ".breaker";
      text = opened ? "its circuit breaker is open" : "it asked to be left alone (" + reason + ")";
      if (!opened) rule = "a 429 or quota answer";
      if (from.skipped_until > duration{}) made["for_seconds"] = seconds(from.skipped_until);
    }
  } else if (from.not_replayable) {
    reason = "not_replayable";
    rule = "only the first candidate may have this request";
    text = e.not_replayable_why;
  } else {
    reason = from.why_none == no_candidate::policy ? "policy" : std::string(token(from.why_none));
    rule = "the path";
    switch (from.why_none) {
      case no_candidate::policy:
        rule = "workflows." + e.policy_of->name + ".policy";
        text = "the policy " + std::string(token(e.policy)) + " leaves it out";
        break;
      case no_candidate::path: text = "nothing of its tier can serve this path"; break;
      case no_candidate::other_dialect:
        rule = "upstreams." + u.name + ".dialect";
        text = "the request is for another vendor's cloud";
        break;
      case no_candidate::not_the_first:
        rule = "the order of upstreams";
        text = "another cloud of its dialect comes first";
        break;
      case no_candidate::other_vectors:
        rule = "workflows." + e.workflow->name + ".embeddings";
        text = "`models` does not name the very same embedding model on both sides";
        break;
      case no_candidate::too_many:
        rule = "the order of upstreams";
        text = "too many come before it";
        break;
      case no_candidate::is_one: break;
    }
  }
  made["reason"] = reason;
  made["text"] = text;
  made["rule"] = rule;
}

json upstream_of(const policy::explained_upstream& from, const policy::explanation& e,
                 const config::snapshot& configuration) {
  const auto& u = configuration.upstreams[from.index];
  json made{{"upstream", u.name}, {"title", u.title}, {"tier", token(u.tier)}, {"asked", token(from.when)}};
  bool const asked = from.when == policy::turn::first || from.when == policy::turn::next;
  if (!asked) {
    say_never(made, from, u, e);
    return made;
  }
  made["rule"] = "workflows." + e.policy_of->name + ".policy";
  made["credential"] = key_of(u, e);
  made["limits"] = limits_of(from, u, e);
  made["hedge"] = nullptr;
  if (from.hedge_after)
    made["hedge"] = {{"after", config::duration_text(*from.hedge_after)},
                     {"rule", "workflows." + e.workflow->name + ".hedge_after"}};
  made["retries"] = from.retries;
  made["headers"] = {
      {"dropped", from.fields.dropped}, {"replaced", from.fields.replaced}, {"added", from.fields.added}};
  if (u.tier == tier::cloud) {
    made["model"] = or_null(e.model);
    made["changes"] = from.cleaned;
  }
  if (from.local) made["local"] = local_of(*from.local, u, e);
  return made;
}

json outcome_of(const policy::explanation& e, const config::snapshot& configuration) {
  json made{{"tier", "none"}, {"upstream", nullptr}, {"model", nullptr}, {"failover", nullptr}, {"error", nullptr}};
  if (e.refused) {
    made["error"] = error_of(*e.refused);
    return made;
  }
  if (e.failover) made["failover"] = token(*e.failover);
  if (e.serves) {
    const auto& from = e.upstreams[*e.serves];
    const auto& u = configuration.upstreams[from.index];
    made["tier"] = token(u.tier);
    made["upstream"] = u.name;
    made["model"] = or_null(from.local ? from.local->model : e.model);
    return made;
  }
  if (e.estimate)
    made["estimate"] = *e.estimate;
  else if (e.if_all_fail)
    made["error"] = error_of(*e.if_all_fail);
  return made;
}

json stream_of(const policy::explanation& e) {
  if (!e.stream || e.workflow == nullptr) return nullptr;
  using config::on_cut;
  const auto& w = *e.workflow;
  auto const name = w.on_cut == on_cut::hold ? "hold" : w.on_cut == on_cut::continue_it ? "continue" : "error";
  return {
      {"on_cut", name}, {"hold_for", config::duration_text(w.hold_for)}, {"rule", "workflows." + w.name + ".stream"}};
}

}  // namespace

json explain_document(const policy::explanation& e, const config::snapshot& configuration,
                      const explain_source& source) {
  json made;
  made["source"] = source.daemon ? "daemon" : "configuration";
  made["configuration"] = configuration.source.empty() ? "built-in defaults" : configuration.source;
  made["assumed"] = source.assumed;
  made["unknown"] = source.unknown;
  made["models_asked_of"] = or_null(source.models_asked_of);
  made["request"] = {{"method", e.method},        {"path", e.path},         {"endpoint", token(e.what)},
                     {"model", or_null(e.model)}, {"stream", e.stream},     {"reasoning", e.wants_reasoning},
                     {"tools", e.has_tools},      {"images", e.has_images}, {"body_bytes", e.body_bytes}};
  made["refused"] = e.refused ? error_of(*e.refused) : json(nullptr);
  made["client"] = nullptr;
  if (e.client != nullptr)
    made["client"] = {{"name", e.client->name},
                      {"rule", client_rule(*e.client, configuration)},
                      {"requests_per_minute",
                       e.client->requests_per_minute == 0 ? json(nullptr) : json(e.client->requests_per_minute)}};
  made["workflow"] = nullptr;
  made["policy"] = nullptr;
  if (e.workflow != nullptr) {
    made["workflow"] = {{"name", e.workflow->name},
                        {"by", token(e.workflow_by)},
                        {"rule", workflow_rule(e, configuration)},
                        {"also", json::array()}};
    for (const auto* other : e.also) made["workflow"]["also"].push_back(other->name);
    made["policy"] = {{"name", token(e.policy)},
                      {"rule", "workflows." + e.policy_of->name + ".policy"},
                      {"tightened", e.policy_of != e.workflow}};
  }
  made["contingency"] = contingency_of(e);
  made["may_leave_the_house"] = e.may_leave_the_house;
  made["replayable"] = {{"value", e.replayable}, {"field", or_null(e.not_replayable)}};
  if (!e.replayable) made["replayable"]["text"] = e.not_replayable_why;
  made["streams_through"] = e.streams_through;
  made["deadline"] = nullptr;
  if (e.workflow != nullptr && !e.streams_through)
    made["deadline"] = {{"span", config::duration_text(e.workflow->deadline)},
                        {"rule", "workflows." + e.workflow->name + ".deadline"}};
  made["stream"] = stream_of(e);
  made["upstreams"] = json::array();
  for (const auto& u : e.upstreams) made["upstreams"].push_back(upstream_of(u, e, configuration));
  made["outcome"] = outcome_of(e, configuration);
  made["if_all_fail"] = nullptr;
  if (e.estimate)
    made["if_all_fail"] = {{"status", 200}, {"estimate", *e.estimate}};
  else if (e.if_all_fail)
    made["if_all_fail"] = error_of(*e.if_all_fail, false);
  return made;
}

}  // namespace tideover::ops
