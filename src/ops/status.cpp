#include "tideover/ops/status.hpp"

#include <algorithm>
#include <chrono>

#include "tideover/ops/access_log.hpp"
#include "tideover/ops/contingency_control.hpp"

namespace tideover::ops {

namespace {

using json = nlohmann::ordered_json;
using breaker_state = policy::circuit_breaker::state;

std::int64_t microseconds(auto since_epoch) {
  return std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count();
}

bool answers(const status_facts::local_upstream& l) { return l.catalog->known && l.problem.empty(); }

std::string problem_of(const status_facts::local_upstream& l) {
  return answers(l) || !l.problem.empty() ? l.problem : "has not answered yet";
}

json obstacle_of(const policy::endpoint_health::obstacle& o, wall_clock& calendar) {
  json made{{"state", o.state == breaker_state::closed ? "resting" : token(o.state)}, {"reason", token(o.why)}};
  made["until"] = o.state == breaker_state::half_open ? json(nullptr) : json(moment(calendar.at(o.until)));
  return made;
}

json upstream_of(const config::upstream& u, std::uint16_t index, const status_facts& f, wall_clock& calendar,
                 bool& well) {
  json made{{"name", u.name}, {"title", u.title}, {"tier", token(u.tier)}, {"dialect", token(u.dialect)}};
  made["url"] = u.urls.empty() ? "" : u.urls.front().to_string();
  if (u.tier == tier::local) {
    well = false;
    for (const auto& l : f.local)
      if (l.upstream == index) {
        made["up"] = well = answers(l);
        if (!answers(l)) made["problem"] = problem_of(l);
      }
    for (const auto& r : f.readiness.upstreams)
      if (r.upstream == u.name)
        well = well && r.verdict.state != policy::ready_state::down && r.verdict.state != policy::ready_state::degraded;
    return made;
  }
  made["credential"] = u.credential ? "configured" : "the caller's own";
  json breaker{{"state", token(breaker_state::closed)}, {"reason", nullptr}, {"until", nullptr}};
  json models = json::array();
  well = true;
  for (const auto& o : f.obstacles) {
    if (o.upstream != index) continue;
    if (o.model.empty() && o.keys == 0) {
      breaker = obstacle_of(o, calendar);
      well = false;
      continue;
    }
    if (o.state == breaker_state::open) well = false;  // as tideover_upstream_up says
    auto one = json{{"model", o.model}};
    one.update(obstacle_of(o, calendar));
    one["keys"] = o.keys;
    models.push_back(std::move(one));
  }
  made["up"] = well;
  made["breaker"] = std::move(breaker);
  made["models_refused"] = std::move(models);
  return made;
}

json local_of(const status_facts& f) {
  json models = json::array();
  bool known = false;
  std::string problem;
  for (const auto& l : f.local) {
    const auto& name = f.configuration->upstreams[l.upstream].name;
    for (const auto& m : l.catalog->models)
      models.push_back({{"name", m.name}, {"upstream", name}, {"loaded", m.loaded}});
    known = known || l.catalog->known;
    if (problem.empty() && !l.problem.empty()) problem = f.local.size() == 1 ? l.problem : name + ": " + l.problem;
  }
  return {
      {"known", known}, {"readiness", token(f.readiness.state)}, {"models", std::move(models)}, {"problem", problem}};
}

}  // namespace

std::int64_t wall_clock::at(time_point when) {
  auto const offset =
      microseconds(std::chrono::system_clock::now().time_since_epoch()) - microseconds(clock::now().time_since_epoch());
  if (!offset_ || std::abs(offset - *offset_) > 500'000) offset_ = offset;
  return (microseconds(when.time_since_epoch()) + *offset_) / 1'000'000;
}

std::string moment(std::int64_t unix_seconds) {
  auto text = timestamp(unix_seconds * 1'000'000);  // …:SS.mmmZ
  text.replace(text.size() - 5, 4, "");
  return text;
}

nlohmann::ordered_json status_document(const status_facts& f, wall_clock& calendar) {
  const auto& c = *f.configuration;
  bool all_well = f.journal_writable || !f.journal_wanted;
  json upstreams = json::array();
  for (std::uint16_t i = 0; i < c.upstreams.size(); ++i) {
    bool well = true;
    upstreams.push_back(upstream_of(c.upstreams[i], i, f, calendar, well));
    all_well = all_well && well;
  }
  json workflows = json::array();
  for (const auto& [name, w] : c.workflows)
    workflows.push_back({{"name", name}, {"policy", token(w.policy)}, {"contingency", f.contingency->active(name)}});

  json made;
  made["health"] = f.contingency->any() ? "contingency" : all_well ? "ok" : "degraded";
  made["version"] = f.version;
  made["state"] = f.draining ? "draining" : "serving";
  made["process"] = {{"pid", f.pid}, {"started", moment(f.started)}};
  made["config"] = {{"source", c.source.empty() ? "built-in defaults" : c.source}};
  made["config"]["last_reload"] = nullptr;
  if (f.last_reload.at != 0) {
    made["config"]["last_reload"] = {{"ok", f.last_reload.ok}, {"at", moment(f.last_reload.at)}};
    if (!f.last_reload.ok) made["config"]["last_reload"]["problem"] = f.last_reload.problem;
  }
  json urls = json::array();
  for (std::size_t i = 0; i < f.proxy_addresses.size(); ++i) {
    bool const tls = i < c.listeners.size() && c.listeners[i].tls.has_value();
    urls.push_back((tls ? "https://" : "http://") + f.proxy_addresses[i]);
  }
  made["listeners"] = {
      {"proxy", f.proxy_addresses}, {"urls", std::move(urls)}, {"admin", f.admin_address}, {"socket", f.admin_socket}};
  made["clients"] = {{"required", c.clients.required}};
  made["upstreams"] = std::move(upstreams);
  made["workflows"] = std::move(workflows);
  made["contingency"] = describe(*f.contingency, f.contingency_not_kept);
  made["local"] = local_of(f);
  made["readiness"] = readiness_document(f.readiness);
  made["journal"] = {{"writable", f.journal_writable}, {"problem", f.journal_problem}};
  made["counters"] = {{"uptime_seconds", std::max<std::int64_t>(f.now - f.started, 0)},
                      {"connections", f.connections},
                      {"log_lines_dropped", f.log_lines_dropped},
                      {"journal_lines_lost", f.journal_lines_lost}};
  return made;
}

}  // namespace tideover::ops
