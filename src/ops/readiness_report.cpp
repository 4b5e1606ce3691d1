#include "tideover/ops/readiness_report.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "json_line.hpp"

namespace tideover::ops {

using json = nlohmann::ordered_json;
using policy::ready_state;

namespace {

bool in_order(const policy::readiness_finding& f) {
  return f.state == ready_state::ready || f.state == ready_state::unknown;
}

std::string sentence(const policy::readiness_finding& f) {
  return f.subject.empty() ? f.text : f.subject + " " + f.text;
}

std::string_view mark(ready_state s) {
  switch (s) {
    case ready_state::ready: return "[OK]  ";
    case ready_state::unknown: return "[?]   ";
    case ready_state::degraded: return "[WARN]";
    case ready_state::down: return "[FAIL]";
  }
  return {};
}

double rounded(double x) { return static_cast<double>(static_cast<std::int64_t>(x * 1000 + 0.5)) / 1000; }

}  // namespace

int readiness_exit_code(ready_state state) {
  switch (state) {
    case ready_state::ready: return 0;
    case ready_state::degraded: return 1;
    case ready_state::down: return 2;
    case ready_state::unknown: return 3;
  }
  return 3;
}

void add_readiness(process_view& to, const readiness_report& report) {
  for (auto const check : policy::all_ready_checks)
    if (auto const state = report.verdict.of(check); state != ready_state::unknown)
      to.local_checks.push_back({report.upstream, std::string(token(check)), state == ready_state::ready});
  auto const least = [](std::vector<process_view::model_entry>& list, const std::string& model, double value) {
    for (auto& known : list)
      if (known.model == model) return void(known.value = std::min(known.value, value));
    list.push_back({model, value});
  };
  for (const auto& m : report.models) {
    if (m.tokens_per_second > 0) least(to.local_speeds, m.model, m.tokens_per_second);
    if (m.gpu_known) least(to.local_gpu, m.model, m.gpu_fraction);
  }
}

std::string readiness_reasons(const readiness_report& report) {
  std::string text;
  // The worst first.
  for (auto const wanted : {ready_state::down, ready_state::degraded})
    for (const auto& f : report.verdict.findings)
      if (f.state == wanted) text += (text.empty() ? "" : "; ") + sentence(f);
  return text;
}

tier_report make_tier_report(std::vector<readiness_report> upstreams) {
  tier_report tier;
  tier.upstreams = std::move(upstreams);
  if (tier.upstreams.empty()) {
    auto& none = tier.upstreams.emplace_back();
    none.verdict.state = ready_state::down;
    none.verdict.findings.push_back({policy::ready_check::api,
                                     ready_state::down,
                                     {},
                                     "no upstream of tier local is configured",
                                     "add one under `upstreams` (tier: local)"});
  }
  std::vector<ready_state> states;
  for (const auto& r : tier.upstreams) states.push_back(r.verdict.state);
  tier.state = policy::tier_state(states);
  return tier;
}

nlohmann::ordered_json readiness_document(const readiness_report& report) {
  json out{{"state", token(report.verdict.state)}, {"upstream", report.upstream}};
  out["tested_at"] = report.tested_at.empty() ? json(nullptr) : json(report.tested_at);
  out["checking"] = report.checking;
  out["reasons"] = json::array();
  out["checks"] = json::array();
  for (const auto& f : report.verdict.findings) {
    if (!in_order(f)) out["reasons"].push_back(sentence(f));
    json check{{"check", token(f.check)}, {"state", token(f.state)}, {"subject", f.subject}, {"text", f.text}};
    if (!f.fix.empty()) check["fix"] = f.fix;
    out["checks"].push_back(std::move(check));
  }
  out["models"] = json::array();
  for (const auto& m : report.models) {
    json model{{"name", m.model}, {"loaded", m.loaded}};
    if (m.tokens_per_second > 0) model["tokens_per_second"] = rounded(m.tokens_per_second);
    if (m.load_seconds > 0) model["load_seconds"] = rounded(m.load_seconds);
    if (m.gpu_known) model["gpu_fraction"] = rounded(m.gpu_fraction);
    if (m.context_tokens != 0) model["context_tokens"] = m.context_tokens;
    if (m.continues_prefill) model["continues_prefill"] = *m.continues_prefill;
    out["models"].push_back(std::move(model));
  }
  return out;
}

nlohmann::ordered_json readiness_document(const tier_report& report) {
  json out{{"state", token(report.state)}, {"checking", false}, {"reasons", json::array()}};
  auto& upstreams = out["upstreams"] = json::array();
  for (const auto& r : report.upstreams) {
    if (r.checking) out["checking"] = true;
    for (const auto& f : r.verdict.findings)
      if (!in_order(f))
        out["reasons"].push_back(report.upstreams.size() == 1 ? sentence(f) : r.upstream + ": " + sentence(f));
    upstreams.push_back(readiness_document(r));
  }
  return out;
}

namespace {

std::string text_in(const nlohmann::json& object, const char* key) {
  auto const it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

double number_in(const nlohmann::json& object, const char* key) {
  auto const it = object.find(key);
  return it != object.end() && it->is_number() ? it->get<double>() : 0.0;
}

/// The objects of a list; none where there is no such list.
std::vector<nlohmann::json> objects_in(const nlohmann::json& object, const char* key) {
  std::vector<nlohmann::json> list;
  auto const it = object.find(key);
  if (it == object.end() || !it->is_array()) return list;
  for (const auto& entry : *it)
    if (entry.is_object()) list.push_back(entry);
  return list;
}

std::optional<ready_state> state_in(const nlohmann::json& object) {
  auto const word = text_in(object, "state");
  for (auto const s : {ready_state::ready, ready_state::unknown, ready_state::degraded, ready_state::down})
    if (token(s) == word) return s;
  return std::nullopt;
}

std::optional<readiness_report> read_upstream(const nlohmann::json& said) {
  auto const state = state_in(said);
  if (!state) return std::nullopt;
  readiness_report report;
  report.verdict.state = *state;
  report.upstream = text_in(said, "upstream");
  report.tested_at = text_in(said, "tested_at");
  report.checking = said.value("checking", json()) == true;
  for (const auto& c : objects_in(said, "checks"))
    for (auto const check : policy::all_ready_checks)
      if (token(check) == text_in(c, "check"))
        report.verdict.findings.push_back({check, state_in(c).value_or(ready_state::unknown), text_in(c, "subject"),
                                           text_in(c, "text"), text_in(c, "fix")});
  for (const auto& m : objects_in(said, "models")) {
    auto& model = report.models.emplace_back();
    model.model = text_in(m, "name");
    model.loaded = m.value("loaded", nlohmann::json()) == true;
    model.tokens_per_second = number_in(m, "tokens_per_second");
    model.load_seconds = number_in(m, "load_seconds");
    model.gpu_known = m.contains("gpu_fraction");
    model.gpu_fraction = number_in(m, "gpu_fraction");
    model.context_tokens = static_cast<std::uint64_t>(std::max(number_in(m, "context_tokens"), 0.0));
    if (m.contains("continues_prefill")) model.continues_prefill = m["continues_prefill"] == true;
  }
  return report;
}

}  // namespace

std::optional<tier_report> read_readiness(std::string_view text) {
  auto const said = nlohmann::json::parse(text, nullptr, false);
  if (!said.is_object()) return std::nullopt;
  auto const state = state_in(said);
  if (!state) return std::nullopt;
  tier_report tier;
  tier.state = *state;
  for (const auto& one : objects_in(said, "upstreams"))
    if (auto report = read_upstream(one)) tier.upstreams.push_back(std::move(*report));
  if (tier.upstreams.empty()) return std::nullopt;
  return tier;
}

std::string readiness_table(const readiness_report& report) {
  std::string text = "Local tier " + report.upstream + ": " + std::string(token(report.verdict.state));
  if (!report.tested_at.empty()) text += "  (tested " + report.tested_at + ")";
  text += '\n';
  std::size_t widest = 0;
  for (auto const c : policy::all_ready_checks) widest = std::max(widest, token(c).size());
  for (const auto& f : report.verdict.findings) {
    std::string name(token(f.check));
    name.resize(widest, ' ');
    text.append(mark(f.state)).append(" ").append(name).append("  ").append(sentence(f)).append("\n");
    if (!f.fix.empty()) text.append(mark(f.state).size() + widest + 3, ' ').append("fix: ").append(f.fix).append("\n");
  }
  // Names come from a server: nothing in them may speak to the terminal.
  std::erase_if(text, [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f; });
  return text;
}

std::string readiness_table(const tier_report& report) {
  std::string text;
  if (report.upstreams.size() > 1) text = "local tier: " + std::string(token(report.state)) + "\n\n";
  for (const auto& r : report.upstreams) {
    if (&r != &report.upstreams.front()) text += "\n";
    text += readiness_table(r);
  }
  return text;
}

namespace {

/// What mends the worst of it.
std::string first_fix(const readiness_report& report) {
  for (auto const wanted : {ready_state::down, ready_state::degraded})
    for (const auto& f : report.verdict.findings)
      if (f.state == wanted && !f.fix.empty()) return f.fix;
  return {};
}

}  // namespace

journal_entry readiness_entry(const readiness_report& report) {
  journal_entry entry{.event = "readiness", .who = "tideover", .why = readiness_reasons(report)};
  entry.more["upstream"] = report.upstream;
  entry.more["state"] = token(report.verdict.state);
  if (auto const fix = first_fix(report); !fix.empty()) entry.more["fix"] = fix;
  return entry;
}

std::string readiness_line(const readiness_report& report, std::string_view title, std::int64_t unix_microseconds,
                           line_format format) {
  auto const state = report.verdict.state;
  auto const reasons = readiness_reasons(report);
  auto const fix = first_fix(report);
  std::string_view level = state == ready_state::down ? "error" : state == ready_state::degraded ? "warn" : "info";
  std::string_view words;
  switch (state) {
    case ready_state::ready: words = " is ready to stand in"; break;
    case ready_state::unknown: words = " is not known to be ready"; break;
    case ready_state::degraded: words = " is not fully ready to stand in"; break;
    case ready_state::down: words = " cannot stand in"; break;
  }
  if (format == line_format::json) {
    json_line line(unix_microseconds, {title, report.upstream, reasons, fix});
    line.token("level", level).text("msg", {title, words}).token("event", "readiness");
    line.text("upstream", report.upstream).token("state", token(state));
    line.text_if_any("reasons", reasons).text_if_any("fix", fix);
    return line.end();
  }
  return event_text(unix_microseconds, level, {title, words},
                    {{"upstream", report.upstream}, {"state", token(state)}, {"reasons", reasons}, {"fix", fix}});
}

}  // namespace tideover::ops
