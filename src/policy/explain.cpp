#include "tideover/policy/explain.hpp"
#include "tideover/policy/local_order.hpp"

#include <algorithm>

#include "explain_parts.hpp"
#include "tideover/adapt/token_estimate.hpp"
#include "tideover/policy/client_keys.hpp"
#include "tideover/policy/door.hpp"
#include "tideover/policy/final_error.hpp"
#include "tideover/policy/reach.hpp"

namespace tideover::policy {
namespace {

/// A head that refers to `from`, with what every client sends beside.
request_head head_of(const described_request& from, const std::string& length) {
  request_head head;
  head.method = from.method;
  head.target = from.target;
  const auto id_of = [](std::string_view name) {
    return boost::beast::http::string_to_field({name.data(), name.size()});
  };
  for (const auto& [name, value] : from.fields) head.fields.list.push_back({id_of(name), name, value});
  if (!head.fields.find(field_id::host)) head.fields.list.push_back({field_id::host, "Host", "localhost"});
  bool const framed = head.fields.find(field_id::transfer_encoding) || head.fields.find(field_id::content_length);
  if (!from.body.empty() && !framed) head.fields.list.push_back({field_id::content_length, "Content-Length", length});
  return head;
}

/// Asks health what it would refuse, and remembers for how long.
struct asking_health final : health_view {
  asking_health(const explain_facts& f, const request_head& h, std::string_view m) : facts(f), head(h), model(m) {}
  std::optional<reason> refuses(std::uint16_t upstream) const override {
    if (!facts.health) return std::nullopt;
    auto const refusal = facts.health(upstream, head, model);
    if (!refusal) return std::nullopt;
    wait = refusal->wait;
    return refusal->why;
  }
  const explain_facts& facts;
  const request_head& head;
  std::string_view model;
  mutable duration wait{};  // of the last refusal
};

/// Who is named by the description or by the head's key, and what that is refused for.
std::optional<adapt::own_error> find_caller(const described_request& request, const request_head& head,
                                            const config::snapshot& configuration, explanation& made) {
  if (request.client) {
    for (const auto& key : configuration.clients.keys)
      if (key.name == *request.client) made.client = &key;
    return std::nullopt;
  }
  auto const found = find_client(head.fields, configuration.clients);
  made.client = found.key;
  return refuse_key(found.verdict);
}

void note_workflow(const route& r, const explain_facts& facts, explanation& made) {
  made.workflow = r.workflow;
  made.workflow_by = r.workflow_by;
  made.policy = r.policy;
  made.policy_of = r.policy_of;
  if (r.workflow == nullptr) return;
  made.causes = facts.in_force.causes_for(r.workflow->name);
  for (const auto* other : {r.also, r.also_too}) {
    if (other == nullptr) continue;
    made.also.push_back(other);
    for (auto& cause : facts.in_force.causes_for(other->name))
      if (cause.workflow == other->name) made.causes.push_back(std::move(cause));
  }
  made.in_contingency = kept_from_clouds(r, [&](std::string_view name) { return facts.in_force.active(name); });
  made.may_leave_the_house = reach::of_exchange(r.policy, made.in_contingency).has_value();
}

void note_replay(const exchange_plan& plan, const adapt::request_facts& body, explanation& made) {
  made.replayable = plan.replayable;
  if (plan.replayable) return;
  made.not_replayable = body.not_replayable;
  if (made.streams_through)
    made.not_replayable_why = "The body is streamed through and not kept.";
  else if (body.not_replayable.empty())
    made.not_replayable_why = "The body is no JSON object that a local model could be given.";
  else
    made.not_replayable_why = adapt::chat::not_replayable_sentence(body.not_replayable);
}

/// The machine of an exchange, told that everybody fails: names who would be asked, in order, and the end.
void walk(const exchange_plan& plan, const asked_request& asked, const explain_facts& facts, explanation& made) {
  failover machine(plan, facts.configuration);
  asking_health const health(facts, asked.head, asked.body.model);
  std::optional<adapt::own_error> local_error;
  std::optional<duration> left_alone;

  for (std::size_t i = 0; i < plan.candidates.size; ++i) {
    explained_upstream u;
    u.index = plan.candidates.index[i];
    if (auto const why = machine.barred(u.index, &health)) {
      u.when = turn::skipped;
      u.skipped_for = why;
      if (*why != reason::contingency) left_alone = u.skipped_until = health.wait;
    }
    u.not_replayable = i > 0 && !plan.replayable;
    if (u.not_replayable) u.when = turn::never;
    made.upstreams.push_back(std::move(u));
  }
  bool first = true;
  while (machine.next(facts.now, &health) == failover::step::attempt) {
    auto const it = std::find_if(made.upstreams.begin(), made.upstreams.end(),
                                 [&](const auto& u) { return u.index == machine.upstream(); });
    it->when = std::exchange(first, false) ? turn::first : turn::next;
    explain_attempt(asked, facts, machine, *it);
    bool const fails = it->local && it->local->refused;
    if (!fails && !made.serves) {
      made.serves = static_cast<std::size_t>(it - made.upstreams.begin());
      auto answered = machine;
      answered.committed();
      made.failover = answered.cloud_failure();
    }
    if (fails && asked.r.what == endpoint::models) {  // "no such model" is an answer
      made.if_all_fail = it->local->refused;
      machine.committed();
      if (!made.serves) made.failover = machine.cloud_failure();
      return;
    }
    if (fails) local_error = it->local->refused;
    failure assumed;
    assumed.why = fails ? reason::server_error : reason::connect;
    assumed.at = phase::not_started;
    machine.failed(assumed, facts.now);
  }
  if (!made.serves) made.failover = machine.cloud_failure();
  if (asked.r.what == endpoint::count_tokens) made.estimate = adapt::estimate_tokens(asked.bytes);
  auto const seconds = [](duration d) {
    return static_cast<unsigned>(std::clamp<std::int64_t>(std::chrono::ceil<std::chrono::seconds>(d).count(), 1, 600));
  };
  made.if_all_fail = final_error(
      {.machine = machine,
       .asked = asked.r,
       .body = asked.body,
       .configuration = facts.configuration,
       .local_error = local_error ? &*local_error : nullptr,
       .left_alone_for = left_alone && machine.attempts() == 0 ? std::optional(seconds(*left_alone)) : std::nullopt});
}

}  // namespace

explanation explain(const described_request& request, const explain_facts& facts) {
  explanation made;
  auto const length = std::to_string(request.body.size());
  auto const head = head_of(request, length);
  made.method = request.method;
  made.path = request.target.substr(0, request.target.find('?'));
  made.body_bytes = request.body.size();

  // As exchange::admit and exchange::run have it, in the same order.
  auto const framing = adapt::judge_request(head);
  made.refused = refuse_head(head, framing, facts.hosts, adapt::judge_page(head, facts.configuration.page_origins));
  if (made.refused) return made;
  made.refused = find_caller(request, head, facts.configuration, made);
  auto const r =
      find_route(head, facts.configuration, made.client ? std::string_view(made.client->workflow) : std::string_view());
  made.what = r.what;
  if (!r.path.empty()) made.path = r.path;
  if (made.refused) return made;
  made.refused = refuse_route(r, facts.hosts);
  if (!made.refused) made.refused = refuse_path_of(made.client, r);
  note_workflow(r, facts, made);
  if (made.refused) return made;
  auto const keeping = plan_body(r.what, framing);
  made.refused = refuse_length(keeping, framing, facts.configuration.limits.request_body);
  if (made.refused) return made;

  plan_facts const start{
      .started = facts.now, .in_contingency = made.in_contingency, .repeats = sdk_repeats(head.fields) != 0};
  asked_request asked{.head = head, .r = r, .bytes = request.body, .caller_key_is_ours = made.client != nullptr};
  exchange_plan plan;
  if (keeping == body_plan::stream_through) {
    made.streams_through = true;
    plan = plan_for_stream_through(r, facts.configuration, start);
  } else {
    auto native = read_native_body(r, request.body);
    asked.body.model = made.model = std::move(native.model);
    made.refused = std::move(native.refused);
    if (!made.refused) made.refused = refuse_models_of(made.client, r, request.body);
    if (made.refused) return made;
    asked.body = facts_of(r, request.body);
    if (is_judged(r.what)) {
      asked.cleaned = adapt::chat::clean_history(r.what, request.body);
      made.model = asked.body.model;
      made.stream = asked.body.stream;
      made.wants_reasoning = asked.body.wants_reasoning;
      made.has_tools = asked.body.has_tools;
      made.has_images = asked.body.has_images;
      if (asked.cleaned.what == adapt::chat::cleaned::kind::refused) {
        const auto& why = asked.cleaned.why;
        made.refused = adapt::own_error{400, why.code, why.message, why.field};
        return made;
      }
    }
    plan = plan_for(r, asked.body, facts.configuration, start);
    order_locals(plan.candidates, r, asked.body.model, facts.configuration,
                 [&](std::uint16_t upstream) { return facts.catalog ? facts.catalog(upstream) : nullptr; });
  }
  note_replay(plan, asked.body, made);
  walk(plan, asked, facts, made);
  for (std::uint16_t i = 0; i < facts.configuration.upstreams.size(); ++i) {
    auto const why = why_no_candidate(i, r, facts.configuration, asked.body.model);
    if (why == no_candidate::is_one) continue;
    explained_upstream u;
    u.index = i;
    u.why_none = why;
    made.upstreams.push_back(std::move(u));
  }
  return made;
}

std::string_view token(turn when) {
  switch (when) {
    case turn::first: return "first";
    case turn::next: return "next";
    case turn::skipped: return "skipped";
    case turn::never: return "never";
  }
  return "never";
}

}  // namespace tideover::policy
