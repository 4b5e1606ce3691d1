#include "tideover/policy/final_error.hpp"

namespace tideover::policy {

namespace {

/// What to look at when the local server failed, as far as the failure tells.
std::string local_advice(const config::upstream& local, const failure& last) {
  switch (last.why) {
    case reason::dns:
    case reason::connect:
    case reason::connect_timeout:
      return " Is it running?" + std::string(local.dialect == dialect::ollama ? " Try: ollama list" : "");
    case reason::redirect: return " Redirects are never followed: is its url right?";
    default: break;
  }
  return last.status >= 500 ? " Its log says more." : "";
}

/// What became of the cloud. `policy` and the like are no failures of it: nobody asked.
std::string word_on_cloud(std::optional<reason> why) {
  if (!why) return "Nobody could serve";
  bool const asked = *why != reason::policy && *why != reason::contingency && *why != reason::breaker_open;
  return (asked ? "The cloud did not serve (" : "The cloud was not asked (") + std::string(token(*why)) + ")";
}

/// Waiting mends nothing where the cloud is not asked by the configuration's own word.
adapt::own_error unless_policy_ends(std::optional<reason> why, adapt::own_error error) {
  error.waiting_helps = why && *why != reason::policy;
  return error;
}

/// There was nobody to ask. Would another policy have had somebody?
adapt::own_error no_candidate_error(const ending_facts& facts) {
  const auto& w = *facts.asked.policy_of;
  auto freely = facts.asked;
  freely.policy = policy_kind::cloud_first;
  adapt::own_error none{503, "no_upstream", "No upstream is configured.", {}};
  none.waiting_helps = false;
  bool const kept = candidates_for(freely, facts.configuration, facts.body.model).size != 0;
  if (kept && facts.asked.what == endpoint::embeddings && facts.asked.policy == policy_kind::local_only) {
    none.code = "no_same_embedding_model";
    none.message =
        "The cloud was not asked (policy); embeddings are answered locally only where `models` names the very same "
        "model on both sides.";
  } else if (kept) {
    none.message = std::string("This path is served by ") +
                   (facts.asked.policy == policy_kind::local_only ? "the cloud" : "the local tier") +
                   " alone, and the policy of workflow " + w.name + " (" + std::string(token(w.policy)) +
                   ") keeps the request from it.";
  } else if (!facts.configuration.upstreams.empty()) {
    none.message = "No upstream is configured that could serve this path under workflow " + w.name + ".";
  }
  return none;
}

}  // namespace

adapt::own_error final_error(const ending_facts& facts) {
  using ending = failover::ending;
  const auto& machine = facts.machine;
  const auto& configuration = facts.configuration;
  auto const upstream = [&]() -> const config::upstream& { return configuration.upstreams[machine.upstream()]; };
  auto const why = machine.cloud_failure();
  std::string const cloud = word_on_cloud(why);
  if (facts.asked.what == endpoint::other_v1 && why == reason::redirect) {
    adapt::own_error error{502,
                           "upstream_redirected",
                           "The cloud answered with a redirect, which is neither followed nor passed on. Is its url "
                           "right?",
                           {}};
    error.waiting_helps = false;
    return error;
  }
  if (machine.end() == ending::deadline)
    return {504, "deadline_exceeded", cloud + " and the workflow's deadline has passed.", {}};
  if (machine.end() == ending::not_replayable) {
    if (!facts.body.not_replayable.empty())
      return unless_policy_ends(why, {503, "not_replayable",
                                      cloud + ", and this request cannot be answered locally: `" +
                                          facts.body.not_replayable + "` refers to state that only the cloud has.",
                                      facts.body.not_replayable});
    if (facts.asked.what == endpoint::other_v1)
      return {503, "cloud_unavailable", cloud + "; this path has no local equivalent.", {}};
    return unless_policy_ends(
        why,
        {503, "not_replayable", cloud + ", and the body is no JSON object that a local model could be given.", {}});
  }
  if (facts.local_error != nullptr) return *facts.local_error;
  if (machine.end() == ending::no_candidate) return no_candidate_error(facts);
  auto const& last = machine.last_failure();
  bool const asked_local = last && machine.attempts() > 0 && upstream().tier == tier::local;
  if (asked_local) {
    const auto& local = upstream();
    auto const status = last->status >= 500 ? ", status " + std::to_string(last->status) : std::string();
    return {503,
            "local_unavailable",
            cloud + ", and " + local.title + " failed (" + std::string(token(last->why)) + status + ")." +
                local_advice(local, *last),
            {}};
  }
  if (facts.asked.what == endpoint::embeddings)
    return unless_policy_ends(
        why, {503,
              "no_same_embedding_model",
              cloud + "; embeddings are answered locally only where `models` names the very same model on both sides.",
              {}});
  std::string const wait = facts.left_alone_for ? " It is left alone for a while: try again in " +
                                                      std::to_string(*facts.left_alone_for) + " s."
                                                : "";
  return {503, "cloud_unavailable", cloud + "; this request has no local candidate." + wait, {}};
}

}  // namespace tideover::policy
