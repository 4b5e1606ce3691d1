#include "tideover/ops/readiness_report.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "json_line.hpp"

namespace tideover::ops {

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

std::string readiness_reasons(const readiness_report& report) {
  std::string text;
  // The worst first.
  for (auto const wanted : {ready_state::down, ready_state::degraded})
    for (const auto& f : report.verdict.findings)
      if (f.state == wanted) text += (text.empty() ? "" : "; ") + sentence(f);
  return text;
}

std::string readiness_json(const readiness_report& report) {
  using json = nlohmann::ordered_json;
  json out{{"state", token(report.verdict.state)}, {"upstream", report.upstream}};
  if (report.tested_at.empty())
    out["tested_at"] = nullptr;
  else
    out["tested_at"] = report.tested_at;
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
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<readiness_report> read_readiness_json(std::string_view text) {
  auto const said = nlohmann::json::parse(text, nullptr, false);
  if (!said.is_object()) return std::nullopt;
  auto const text_in = [](const nlohmann::json& object, const char* key) {
    auto const it = object.find(key);
    return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  auto const state_of = [](const std::string& word) -> std::optional<ready_state> {
    for (auto const s : {ready_state::ready, ready_state::unknown, ready_state::degraded, ready_state::down})
      if (token(s) == word) return s;
    return std::nullopt;
  };
  auto const state = state_of(text_in(said, "state"));
  if (!state) return std::nullopt;
  readiness_report report;
  report.verdict.state = *state;
  report.upstream = text_in(said, "upstream");
  report.tested_at = text_in(said, "tested_at");
  auto const list = [&](const char* key) {
    auto const it = said.find(key);
    return it != said.end() && it->is_array() ? *it : nlohmann::json::array();
  };
  for (const auto& c : list("checks")) {
    if (!c.is_object()) continue;
    for (auto const check : policy::all_ready_checks)
      if (token(check) == text_in(c, "check"))
        report.verdict.findings.push_back({check, state_of(text_in(c, "state")).value_or(ready_state::unknown),
                                           text_in(c, "subject"), text_in(c, "text"), text_in(c, "fix")});
  }
  auto const number = [](const nlohmann::json& object, const char* key) {
    auto const it = object.find(key);
    return it != object.end() && it->is_number() ? it->get<double>() : 0.0;
  };
  for (const auto& m : list("models")) {
    if (!m.is_object()) continue;
    auto& model = report.models.emplace_back();
    model.model = text_in(m, "name");
    model.loaded = m.value("loaded", nlohmann::json()) == true;
    model.tokens_per_second = number(m, "tokens_per_second");
    model.load_seconds = number(m, "load_seconds");
    model.gpu_known = m.contains("gpu_fraction");
    model.gpu_fraction = number(m, "gpu_fraction");
    model.context_tokens = static_cast<std::uint64_t>(std::max(number(m, "context_tokens"), 0.0));
    if (m.contains("continues_prefill")) model.continues_prefill = m["continues_prefill"] == true;
  }
  return report;
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

std::string readiness_line(const readiness_report& report, std::string_view title, std::int64_t unix_microseconds,
                           line_format format) {
  auto const state = report.verdict.state;
  auto const reasons = readiness_reasons(report);
  std::string fix;
  for (auto const wanted : {ready_state::down, ready_state::degraded})
    for (const auto& f : report.verdict.findings)
      if (fix.empty() && f.state == wanted) fix = f.fix;
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
