#include "tideover/ops/admin_contingency.hpp"

#include <algorithm>
#include <chrono>
#include <span>

#include "tideover/config/check.hpp"
#include "tideover/config/values.hpp"

namespace tideover::ops {

namespace {

using json = nlohmann::ordered_json;
constexpr std::size_t longest_reason = 500;
constexpr auto longest_time = std::chrono::hours(24 * 366);

std::int64_t unix_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

struct reading {
  contingency_control::order order;
  std::string problem;  // empty: the order is fine
};

std::string known_members(const nlohmann::json& body, std::initializer_list<std::string_view> known) {
  std::string list;
  for (auto const name : known) list += (list.empty() ? "" : ", ") + std::string(name);
  for (const auto& [name, value] : body.items())
    if (std::find(known.begin(), known.end(), name) == known.end())
      return "`" + config::printable(name) + "` means nothing here; known are: " + list;
  return {};
}

/// `decided`: a decision about a workflow that has been removed from the file can still be lifted.
std::string read_workflows(const nlohmann::json& from, const config::snapshot& configuration,
                           std::span<const policy::contingency_decision> decided, std::vector<std::string>& into) {
  if (!from.is_array() || from.empty()) return R"(`workflows` must be a list of names, such as ["all"] or ["legal"])";
  for (const auto& entry : from) {
    if (!entry.is_string()) return "`workflows` must be a list of names";
    auto const name = entry.get<std::string>();
    bool const known = name == policy::all_workflows || configuration.find_workflow(name) != nullptr ||
                       std::any_of(decided.begin(), decided.end(), [&](const auto& d) { return d.workflow == name; });
    if (!known) return config::no_such_workflow(name, configuration, true);
    if (std::find(into.begin(), into.end(), name) == into.end()) into.push_back(name);
  }
  return {};
}

std::string read_reason(const nlohmann::json& body, bool required, std::string& into) {
  auto const it = body.find("reason");
  if (it == body.end() && !required) return {};
  if (it != body.end() && !it->is_string()) return "`reason` must be a text: say why, the journal keeps it";
  if (it == body.end() || it->get_ref<const std::string&>().find_first_not_of(" \t\r\n") == std::string::npos)
    return "`reason` is missing: say why, the journal keeps it";
  into = it->get<std::string>();
  return into.size() > longest_reason ? "`reason` is longer than 500 bytes" : "";
}

reading read_on(const nlohmann::json& body, const config::snapshot& configuration) {
  reading r;
  r.problem = known_members(body, {"workflows", "reason", "for"});
  if (!r.problem.empty()) return r;
  if (body.contains("workflows"))
    r.problem = read_workflows(body["workflows"], configuration, {}, r.order.workflows);
  else
    r.order.workflows = {std::string(policy::all_workflows)};
  if (r.problem.empty()) r.problem = read_reason(body, true, r.order.reason);
  if (!r.problem.empty() || !body.contains("for")) return r;
  if (!body["for"].is_string()) {
    r.problem = "`for` must be a duration such as \"30m\" or \"2h\"";
    return r;
  }
  auto const span = config::parse_duration(body["for"].get<std::string>());
  if (!span)
    r.problem = "`for` " + span.error;
  else if (*span <= duration::zero() || *span > longest_time)
    r.problem = "`for` must be longer than nothing and at most 366d; leave it out to decide until further notice";
  else
    r.order.lasts = *span;
  return r;
}

reading read_off(const admin_call& call, const config::snapshot& configuration,
                 std::span<const policy::contingency_decision> decided) {
  reading r;
  r.order.reason = "lifted";
  r.problem = known_members(call.body, {"workflows", "reason"});
  if (r.problem.empty() && call.body.contains("workflows"))
    r.problem = read_workflows(call.body["workflows"], configuration, decided, r.order.workflows);
  if (r.problem.empty()) r.problem = read_reason(call.body, false, r.order.reason);
  return r;
}

/// A decision that the next process would not know of is none.
std::optional<admin_reply> refuse_when_taken_over(contingency_control& control) {
  auto const why = control.taken_over();
  if (why.empty()) return std::nullopt;
  return error_reply(
      409, "draining",
      "Nothing is decided here any more, because " + why + ": ask again, and the one that stays decides.");
}

}  // namespace

void serve_contingency(admin_api& api, contingency_control& control,
                       std::function<config::snapshot_ptr()> configuration) {
  api.on("GET", "/api/contingency",
         [&control](const admin_call&) { return json_reply(describe(control.state(), control.not_kept())); });

  api.on("PUT", "/api/contingency", [&control, configuration](const admin_call& call) {
    auto r = read_on(call.body, *configuration());
    if (!r.problem.empty()) return error_reply(400, "bad_order", r.problem);
    if (auto refused = refuse_when_taken_over(control)) return *refused;
    r.order.who = call.who;
    control.turn_on(r.order, unix_seconds(), clock::now());
    return json_reply(describe(control.state(), control.not_kept()));
  });

  api.on("DELETE", "/api/contingency", [&control, configuration](const admin_call& call) {
    auto r = read_off(call, *configuration(), control.state().decided());
    if (!call.query.empty()) r.problem = "name workflows in the body: {\"workflows\":[\"legal\"]}";
    if (!r.problem.empty()) return error_reply(400, "bad_order", r.problem);
    if (auto refused = refuse_when_taken_over(control)) return *refused;
    auto const lifted = control.turn_off(r.order.workflows, call.who, r.order.reason);
    auto made = describe(control.state(), control.not_kept());
    made["lifted"] = lifted;
    return json_reply(made);
  });
}

}  // namespace tideover::ops
