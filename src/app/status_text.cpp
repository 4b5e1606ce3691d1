#include "tideover/app/status_text.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <vector>

#include "daemon_answer.hpp"

namespace tideover::app {

namespace {

constexpr std::size_t label_width = 13;
constexpr std::size_t most_names = 5;  // of loaded models

enum class tone : std::uint8_t { plain, good, warn, bad, faint };

std::string painted(const std::string& text, tone t, const look& how) {
  if (!how.coloured || text.empty() || t == tone::plain) return text;
  const char* code = t == tone::good ? "32" : t == tone::warn ? "1;33" : t == tone::bad ? "1;31" : "2";
  return std::string("\x1b[") + code + "m" + text + "\x1b[0m";
}

/// Columns, where each code point takes one. Colours take none.
std::size_t columns_of(std::string_view text) {
  std::size_t n = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b') {
      i = std::min(text.find('m', i), text.size());
    } else if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) {
      ++n;
    }
  }
  return n;
}

std::string padded(std::string text, std::size_t width) {
  auto const has = columns_of(text);
  text.append(has < width ? width - has : 2, ' ');
  return text;
}

/// Words go to the next line, below the first one, where they would not fit.
std::string folded(const std::string& line, std::size_t indent, const look& how) {
  if (how.columns <= indent + 20 || columns_of(line) <= how.columns) return line + "\n";
  std::string made;
  std::size_t used = 0;
  std::string_view left = line;
  while (!left.empty()) {
    auto space = left.find_first_not_of(' ');
    space = left.find(' ', space == std::string_view::npos ? left.size() : space);  // a word with blanks before it
    auto word = left.substr(0, space);
    left.remove_prefix(word.size());
    if (used > indent && used + columns_of(word) > how.columns) {
      made += "\n" + std::string(indent, ' ');
      used = indent;
      word.remove_prefix(std::min(word.find_first_not_of(' '), word.size()));
    }
    made += word;
    used += columns_of(word);
  }
  return made + "\n";
}

std::string row(const std::string& label, const std::string& text, const look& how) {
  return folded(padded(label, label_width) + text, label_width, how);
}

/// RFC 3339 with a Z, as the daemon writes it.
std::optional<std::int64_t> read_moment(const std::string& text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d", &year, &month, &day, &hour, &minute, &second) != 6)
    return std::nullopt;
  using namespace std::chrono;
  auto const date = std::chrono::year(year) / month / day;
  if (!date.ok()) return std::nullopt;
  return duration_cast<seconds>(sys_days(date).time_since_epoch()).count() + hour * 3600 + minute * 60 + second;
}

/// `2026-01-02T03:04:05Z`, whatever fraction there was.
std::string to_the_second(std::string text) {
  if (auto const dot = text.find('.'); dot != std::string::npos && text.ends_with('Z'))
    text.erase(dot, text.size() - dot - 1);
  return text;
}

std::string ago(const document& from, const char* name, const look& how) {
  auto const at = read_moment(text_of(from, name));
  return at ? span_text(how.now - *at) + " ago" : text_of(from, name);
}

std::string since(const document& from, const char* name, const look& how) {
  auto const text = text_of(from, name);
  auto const at = read_moment(text);
  return "since " + to_the_second(text) + (at ? " (" + span_text(how.now - *at) + ")" : "");
}

/// ` until 2026-01-02T03:04:05Z (12 s left)`; nothing where there is no end.
std::string until(const document& from, const look& how) {
  auto const text = text_of(from, "until");
  if (text.empty()) return {};
  auto const at = read_moment(text);
  return " until " + to_the_second(text) +
         (!at             ? ""
          : *at > how.now ? " (" + span_text(*at - how.now) + " left)"
                          : " (now)");
}

std::string counted(std::size_t n, const std::string& word) {
  return std::to_string(n) + " " + word + (n == 1 ? "" : "s");
}

bool is_up(const document& upstream) { return member(upstream, "up") == true; }
bool is_cloud(const document& upstream) { return text_of(upstream, "tier") == "cloud"; }

// ---- the sentence on top

struct verdict {
  tone how = tone::good;
  std::string word, sentence;
};

/// Who answers apps now? That is what somebody wants to know who looks in an outage.
verdict judge(const document& told) {
  std::string away;
  std::size_t clouds = 0, clouds_away = 0;
  for (const auto& u : member(told, "upstreams")) {
    if (!is_cloud(u)) continue;
    ++clouds;
    if (is_up(u)) continue;
    ++clouds_away;
    away += (away.empty() ? "" : " and ") + text_of(u, "title");
  }
  auto const local = text_of(member(told, "readiness"), "state");
  bool const stands_in = local == "ready" || local == "degraded";
  const auto& contingency = member(told, "contingency");
  verdict v;
  auto const health = text_of(told, "health");
  v.how = health == "ok" ? tone::good : tone::warn;
  v.word = health;
  std::transform(v.word.begin(), v.word.end(), v.word.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  auto const nobody = [&](const std::string& why) {
    v.how = tone::bad;
    v.sentence = why + (local == "down" ? ", and the local tier is down: requests fail"
                                        : ", and whether the local tier works is not known yet");
  };
  if (member(contingency, "active") == true) {
    auto const all = member(contingency, "all") == true;
    auto const whom = all ? std::string("everything") : names_of(member(contingency, "workflows"));
    if (stands_in)
      v.sentence = "no cloud is asked for " + whom + ": the local tier answers";
    else
      nobody("no cloud is asked for " + whom);
    if (!all && clouds_away > 0) v.sentence += "; " + away + (clouds_away == 1 ? " is" : " are") + " away too";
  } else if (clouds_away > 0) {
    auto const text = away + (clouds_away == 1 ? " is away" : " are away");
    if (stands_in)
      v.sentence = text + ": the local tier answers instead";
    else
      nobody(text);
  } else if (clouds == 0) {
    v.sentence = stands_in ? "the local tier answers" : "";
    if (!stands_in) nobody("no cloud is configured");
  } else {
    v.sentence = local == "ready"      ? "the cloud answers, and the local tier is ready to stand in"
                 : local == "degraded" ? "the cloud answers; the local tier could stand in, but not fully"
                 : local == "down"     ? "the cloud answers, but nothing could stand in for it: the local tier is down"
                                       : "the cloud answers; whether the local tier could stand in is not known yet";
  }
  if (text_of(told, "state") == "draining") {
    v.how = tone::warn;
    v.word = "DRAINING";
    v.sentence = "the daemon is on its way out: requests that run finish, new ones are not taken";
  }
  return v;
}

// ---- upstreams

/// Nothing where that is not known.
std::string next_try(const document& from, const look& how) {
  auto const at = read_moment(text_of(from, "until"));
  if (!at) return {};
  return ", is tried again " +
         (*at > how.now ? "in " + span_text(*at - how.now) : std::string("with the next request"));
}

std::string obstacle(const document& told, const look& how) {
  auto const state = text_of(told, "state");
  auto const reason = " (" + text_of(told, "reason") + ")";
  if (state == "half_open") return "breaker half open" + reason + ": one request tries now";
  return (state == "resting" ? "rests" : "breaker " + state) + reason + next_try(told, how);
}

std::string cloud_rows(const document& u, const look& how) {
  std::string text = padded(text_of(u, "title"), 11);
  const auto& breaker = member(u, "breaker");
  bool const left_alone = breaker.is_object() && text_of(breaker, "state") != "closed";
  if (left_alone)
    text += painted("AWAY", tone::bad, how) + "  " + obstacle(breaker, how);
  else
    text += is_up(u) ? painted("up", tone::good, how) : painted("AWAY", tone::bad, how) + "  for some models";
  text = row("cloud", text + "  " + painted(text_of(u, "url"), tone::faint, how), how);
  for (const auto& m : member(u, "models_refused")) {
    auto const model = text_of(m, "model");
    auto line =
        (model.empty() ? std::string("every model") : model) + ": " + painted(obstacle(m, how), tone::warn, how);
    if (const auto& keys = member(m, "keys"); keys.is_number_integer() && keys.get<std::size_t>() > 0)
      line += ", for " + counted(keys.get<std::size_t>(), "key");
    text += row("", line, how);
  }
  return text;
}

std::string models_of(const std::string& upstream, const document& told) {
  std::size_t all = 0, loaded = 0;
  std::string names;
  for (const auto& m : member(member(told, "local"), "models")) {
    if (text_of(m, "upstream") != upstream) continue;
    ++all;
    if (member(m, "loaded") != true) continue;
    if (++loaded <= most_names) names += (names.empty() ? "" : ", ") + text_of(m, "name");
  }
  if (loaded > most_names) names += ", " + std::to_string(loaded - most_names) + " more";
  return counted(all, "model") + (loaded == 0 ? ", none loaded" : ", loaded: " + names);
}

std::string local_rows(const document& u, const document& told, const look& how) {
  auto const name = text_of(u, "name");
  document ready;
  for (const auto& one : member(member(told, "readiness"), "upstreams"))
    if (text_of(one, "upstream") == name) ready = one;
  auto state = text_of(ready, "state");
  std::string text = padded(text_of(u, "title"), 11);
  auto const problem = text_of(u, "problem");
  if (!is_up(u) || state == "down")
    text += painted("DOWN", tone::bad, how) + (is_up(u) || problem.empty() ? "" : "  " + problem);
  else
    text += state == "ready"      ? painted("ready", tone::good, how)
            : state == "degraded" ? painted("DEGRADED", tone::warn, how)
            : state.empty()       ? "up"
                                  : state;
  if (is_up(u)) text += "  " + models_of(name, told);
  text = row("local", text + "  " + painted(text_of(u, "url"), tone::faint, how), how);
  for (const auto& check : member(ready, "checks")) {
    auto const what = text_of(check, "state");
    if (what != "down" && what != "degraded") continue;
    auto const subject = text_of(check, "subject");
    if (problem.empty())
      text += row("",
                  painted((subject.empty() ? "" : subject + " ") + text_of(check, "text"),
                          what == "down" ? tone::bad : tone::warn, how),
                  how);
    if (auto const fix = text_of(check, "fix"); !fix.empty()) text += row("", "to mend it: " + fix, how);
  }
  return text;
}

// ---- what needs attention beside upstreams

std::string troubles(const document& told, const look& how) {
  std::string text;
  const auto& config = member(told, "config");
  const auto& reload = member(config, "last_reload");
  if (member(reload, "ok") == false)
    text += row("reload",
                painted("FAILED", tone::bad, how) + " " + ago(reload, "at", how) +
                    ", so the one before is in force: " + text_of(reload, "problem"),
                how) +
            row("", "to mend it: correct the file (tideover check), then tideover reload", how);
  const auto& journal = member(told, "journal");
  if (member(journal, "writable") == false)
    text += row("journal", painted("NOT WRITTEN", tone::bad, how) + ": " + text_of(journal, "problem"), how) +
            row("", "to mend it: make room, or let Tideover write its state directory", how);
  const auto& counters = member(told, "counters");
  if (const auto& lost = member(counters, "journal_lines_lost"); lost.is_number_integer() && lost > 0)
    text += row("journal",
                painted(counted(lost.get<std::size_t>(), "line") + " lost", tone::warn, how) + " since the start", how);
  if (const auto& dropped = member(counters, "log_lines_dropped"); dropped.is_number_integer() && dropped > 0)
    text += row("log",
                painted(counted(dropped.get<std::size_t>(), "line") + " dropped", tone::warn, how) +
                    " since the start: whoever reads the log is too slow",
                how);
  return text;
}

}  // namespace

std::string span_text(std::int64_t seconds) {
  auto const s = std::max<std::int64_t>(seconds, 0);
  auto const two = [](std::int64_t a, const char* name_a, std::int64_t b, const char* name_b) {
    return std::to_string(a) + name_a + (b == 0 ? std::string() : " " + std::to_string(b) + name_b);
  };
  if (s < 60) return std::to_string(s) + " s";
  if (s < 600) return two(s / 60, " min", s % 60, " s");
  if (s < 3600) return std::to_string(s / 60) + " min";
  if (s < 86400) return two(s / 3600, " h", s % 3600 / 60, " min");
  return two(s / 86400, " d", s % 86400 / 3600, " h");
}

std::string labelled_line(const std::string& label, const std::string& text, const look& how) {
  return row(label, text, how);
}

std::string warning(const std::string& text, const look& how) { return painted(text, tone::bad, how); }

std::string contingency_text(const document& told, const look& how) {
  bool const on = member(told, "active") == true;
  auto const names = member(told, "all") == true ? std::string("everything") : names_of(member(told, "workflows"));
  std::string text =
      on ? folded("contingency is " + painted("ON", tone::warn, how) + " for " + names + ": no cloud is asked", 2, how)
         : "contingency is off\n";
  for (const auto& source : member(told, "sources")) {
    std::string line = "  " + text_of(source, "workflow") + ": by ";
    if (auto const lift = text_of(source, "how_to_lift"); !lift.empty())
      line += text_of(source, "source") + "; to lift it, " + lift;
    else
      line += text_of(source, "who") + " " + since(source, "since", how) + until(source, how) + ": " +
              text_of(source, "reason");
    text += folded(line, 4, how);
  }
  if (member(told, "persisted") == false)
    text += folded("  " + painted("This would not survive a restart", tone::bad, how) + ": " + text_of(told, "problem"),
                   4, how);
  return text;
}

std::string status_text(const document& told, const look& how) {
  auto const v = judge(told);
  std::string text = row(painted(v.word, v.how, how), v.sentence, how) + "\n";
  for (const auto& u : member(told, "upstreams")) text += is_cloud(u) ? cloud_rows(u, how) : local_rows(u, told, how);
  text += troubles(told, how);
  text += contingency_text(member(told, "contingency"), how) + "\n";
  const auto& listeners = member(told, "listeners");
  text += row("proxy", names_of(member(listeners, "proxy")), how);
  auto const reload = member(member(told, "config"), "last_reload");
  text += row("config",
              text_of(member(told, "config"), "source") +
                  (member(reload, "ok") == true ? ", reloaded " + ago(reload, "at", how) : ""),
              how);
  const auto& process = member(told, "process");
  text += row(
      "Tideover",
      text_of(told, "version") + ", pid " + text_of(process, "pid") + ", runs " + since(process, "started", how), how);
  return text;
}

int status_exit_code(const document& told) {
  auto const health = text_of(told, "health");
  return health == "ok"            ? exit_ok
         : health == "degraded"    ? exit_degraded
         : health == "contingency" ? exit_contingency
                                   : exit_failure;
}

}  // namespace tideover::app
