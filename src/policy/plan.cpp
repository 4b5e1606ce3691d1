#include "tideover/policy/plan.hpp"

#include <charconv>
#include <utility>

#include "tideover/policy/door.hpp"

namespace tideover::policy {

unsigned sdk_repeats(const header_fields& fields) {
  auto const text = fields.value_of("x-stainless-retry-count");
  unsigned count = 0;
  bool const good = std::from_chars(text.data(), text.data() + text.size(), count).ec == std::errc{};
  return good && count < 1000 ? count : 0;
}

adapt::request_facts facts_of(const route& r, std::string_view body) {
  if (is_judged(r.what)) return adapt::scan_request(r.what, body);
  adapt::request_facts facts;
  facts.model = read_native_body(r, body).model;
  return facts;
}

exchange_plan plan_for(const route& r, const adapt::request_facts& body, const config::snapshot& configuration,
                       const plan_facts& facts) {
  const auto& w = *r.workflow;
  exchange_plan made;
  made.candidates = candidates_for(r, configuration, body.model);
  made.started = facts.started;
  made.deadline = after(facts.started, w.deadline);
  made.replayable = !is_generation(r.what) || (body.is_json_object && body.not_replayable.empty());
  made.in_contingency = facts.in_contingency;
  made.local_by_policy = r.policy == policy_kind::local_only || r.policy == policy_kind::local_first;
  made.streaming = body.stream;
  made.wants_reasoning = body.wants_reasoning;
  made.repeats = facts.repeats;
  if (is_generation(r.what)) made.hedge_after = w.hedge_after;
  made.may_continue = body.stream && w.on_cut == config::on_cut::continue_it;
  return made;
}

exchange_plan plan_for_stream_through(const route& r, const config::snapshot& configuration, const plan_facts& facts) {
  exchange_plan made;
  made.candidates = candidates_for(r, configuration);
  made.started = facts.started;
  made.deadline = never;
  made.replayable = false;
  made.in_contingency = facts.in_contingency;
  return made;
}

}  // namespace tideover::policy
