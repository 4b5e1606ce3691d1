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
    default: break;
  }
  return last.status >= 500 ? " Its log says more." : "";
}

}  // namespace

adapt::own_error final_error(const ending_facts& facts) {
  using ending = failover::ending;
  const auto& machine = facts.machine;
  const auto& configuration = facts.configuration;
  auto const upstream = [&]() -> const config::upstream& { return configuration.upstreams[machine.upstream()]; };
  auto const why = machine.cloud_failure();
  std::string const cloud = why ? "The cloud did not serve (" + std::string(token(*why)) + ")" : "Nobody could serve";
  if (machine.end() == ending::deadline)
    return {504, "deadline_exceeded", cloud + " and the workflow's deadline has passed.", {}};
  if (machine.end() == ending::not_replayable) {
    if (!facts.body.not_replayable.empty())
      return {503, "not_replayable",
              cloud + ", and this request cannot be answered locally: `" + facts.body.not_replayable +
                  "` refers to state that only the cloud has.",
              facts.body.not_replayable};
    if (facts.asked.what == endpoint::other_v1)
      return {503, "cloud_unavailable", cloud + "; this path has no local equivalent.", {}};
    return {503, "not_replayable", cloud + ", and the body is no JSON object that a local model could be given.", {}};
  }
  if (facts.local_error != nullptr) return *facts.local_error;
  bool const any = !configuration.upstreams.empty();
  if (machine.end() == ending::no_candidate)
    return {
        503,
        "no_upstream",
        any ? "No upstream is configured that could serve this path under workflow " + facts.asked.workflow->name + "."
            : "No upstream is configured.",
        {}};
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
    return {503,
            "no_same_embedding_model",
            cloud + "; embeddings are answered locally only where `models` names the very same model on both sides.",
            {}};
  std::string const wait = facts.left_alone_for ? " It is left alone for a while: try again in " +
                                                      std::to_string(*facts.left_alone_for) + " s."
                                                : "";
  return {503, "cloud_unavailable", cloud + "; this request has no local candidate." + wait, {}};
}

}  // namespace tideover::policy
