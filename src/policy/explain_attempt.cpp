#include <algorithm>

#include "explain_parts.hpp"
#include "tideover/adapt/header_rules.hpp"
#include "tideover/policy/local_replay.hpp"

namespace tideover::policy {
namespace {

/// The limits as spans from now on, each with the setting that is the earliest.
std::vector<explained_limit> limits_of(const attempt_limits& limits, time_point now) {
  return {{limits.connect_timer, limits.connect - now},
          {limits.first_content_timer, limits.first_content - now},
          {timer::idle, limits.idle},
          {limits.total_timer, limits.total - now}};
}

/// Made anew for everybody, or meant for Tideover: nothing is lost with these.
bool is_ours(std::string_view name) {
  constexpr std::string_view own = "x-tideover-";
  return iequals(name, "host") || iequals(name, "content-length") || iequals(name, "connection") ||
         iequals(name.substr(0, own.size()), own);
}

/// Written and compared, so that the one list of rules stays the one list (adapt/header_rules).
explained_fields fields_of(const asked_request& asked, const config::upstream& u, bool rewritten) {
  // Only whether there is a key decides; the key itself is nothing for an explanation.
  constexpr std::string_view some_key = "configured";
  adapt::upstream_request to;
  to.method = asked.head.method;
  to.target = asked.r.path_and_query;
  to.authority = "upstream";
  to.tier = u.tier;
  to.dialect = u.dialect;
  if (u.credential) to.credential = some_key;
  to.body = asked.bytes.empty() ? adapt::body_kind::none : adapt::body_kind::length;
  to.length = asked.bytes.size();
  to.judged = is_judged(asked.r.what) || asked.r.what == endpoint::models;
  to.body_rewritten = rewritten;
  to.caller_key_is_ours = asked.caller_key_is_ours;
  std::string head;
  adapt::write_request_head(head, asked.head, to);

  struct line {
    std::string_view name, value;
  };
  std::vector<line> written;
  std::string_view rest = head;
  rest.remove_prefix(std::min(rest.find("\r\n") + 2, rest.size()));
  while (!rest.empty() && !rest.starts_with("\r\n")) {
    auto const end = rest.find("\r\n");
    auto const text = rest.substr(0, end);
    auto const colon = text.find(": ");
    written.push_back({text.substr(0, colon), text.substr(colon + 2)});
    rest.remove_prefix(end + 2);
  }
  explained_fields made;
  const auto add = [](std::vector<std::string>& to_list, std::string_view name) {
    if (std::find(to_list.begin(), to_list.end(), name) == to_list.end()) to_list.emplace_back(name);
  };
  for (const auto& f : asked.head.fields.list) {
    if (is_ours(f.name)) continue;
    auto const it =
        std::find_if(written.begin(), written.end(), [&](const line& l) { return iequals(l.name, f.name); });
    if (it == written.end())
      add(made.dropped, f.name);
    else if (it->value != f.value)
      add(made.replaced, f.name);
  }
  for (const auto& l : written)
    if (!is_ours(l.name) && !asked.head.fields.find(l.name)) add(made.added, l.name);
  return made;
}

}  // namespace

void explain_attempt(const asked_request& asked, const explain_facts& facts, const failover& machine,
                     explained_upstream& into) {
  const auto& u = facts.configuration.upstreams[into.index];
  into.limits = limits_of(machine.limits(), facts.now);
  if (auto const at = machine.hedge_at()) into.hedge_after = *at - facts.now;
  // Asked of the machine with what is retried most readily: nothing of the request went out.
  failure nothing_sent;
  nothing_sent.why = reason::connect;
  nothing_sent.at = phase::connect;
  if (machine.retry_at(nothing_sent, facts.now, 0)) into.retries = u.retry.attempts;
  bool rewritten = false;
  if (u.tier == tier::local) {
    int const fault_status = machine.cloud_failure() == reason::policy ? 400 : 503;
    into.local = explain_replay(asked, facts, into.index, fault_status);
    rewritten = !into.local->as_it_came;
  } else if (asked.cleaned.what == adapt::chat::cleaned::kind::changed) {
    into.cleaned = asked.cleaned.notes;
    rewritten = true;
  }
  into.fields = fields_of(asked, u, rewritten);
}

}  // namespace tideover::policy
