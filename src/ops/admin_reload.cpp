#include "tideover/ops/admin_reload.hpp"

#include "tideover/config/problems.hpp"

namespace tideover::ops {

namespace {

using json = nlohmann::ordered_json;
constexpr std::size_t most_in_journal = 50;  // a file that was written anew; the daemon's answer has them all

json described(const config::change& c) {
  json one{{"key", c.key}, {"change", token(c.what)}};
  if (!c.from.empty()) one["from"] = c.from;
  if (!c.to.empty()) one["to"] = c.to;
  return one;
}

json described(const std::vector<config::change>& changes) {
  json all = json::array();
  for (const auto& c : changes) all.push_back(described(c));
  return all;
}

std::string_view code_of(reload_end how) {
  switch (how) {
    case reload_end::done: break;
    case reload_end::bad_configuration: return "bad_configuration";
    case reload_end::cannot_apply: return "cannot_apply";
    case reload_end::draining: return "draining";
  }
  return {};
}

}  // namespace

std::vector<std::string> reload_report::waiting() const {
  std::vector<std::string> keys;
  for (const auto& c : changes)
    if (config::needs_restart(c.key)) keys.push_back(c.key);
  return keys;
}

admin_reply reply_of(const reload_report& report) {
  if (report.how == reload_end::done)
    return json_reply({{"ok", true},
                       {"source", report.source.empty() ? "built-in defaults" : report.source},
                       {"changed", described(report.changes)},
                       {"restart_needed", report.waiting()},
                       {"problems", config::to_json(report.problems)}});
  return json_reply({{"ok", false},
                     {"error", {{"code", code_of(report.how)}, {"message", report.problem}}},
                     {"problems", config::to_json(report.problems)}},
                    report.how == reload_end::bad_configuration ? 422 : 409);
}

journal_entry entry_of(const reload_report& report, const std::string& who) {
  journal_entry entry{.event = "reload", .who = who, .why = report.problem};
  entry.decision = true;
  entry.more["ok"] = report.how == reload_end::done;
  if (report.how == reload_end::done) {
    json changed = json::array();
    for (const auto& c : report.changes)
      if (changed.size() < most_in_journal) changed.push_back(described(c));
    entry.more["changed"] = std::move(changed);
    if (report.changes.size() > most_in_journal) entry.more["more_changes"] = report.changes.size() - most_in_journal;
  }
  return entry;
}

void serve_reload(admin_api& api, std::function<reload_report(const std::string& who)> reload) {
  api.on("POST", "/api/reload", [reload = std::move(reload)](const admin_call& call) {
    if (!call.body.empty())
      return error_reply(400, "bad_order", "A reload takes no members: send {} or nothing. It reads the file again.");
    return reply_of(reload(call.who));
  });
}

}  // namespace tideover::ops
