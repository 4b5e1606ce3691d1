#include "fault/check.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace tideover::test {
namespace {

const std::set<std::string> outcomes{"answered", "failed_over", "refused", "failed", "cut", "client_gone"};

std::string quoted(const std::string& label, const std::string& value) { return label + "=\"" + value + '"'; }

std::string code_in(const stage& s, const std::string& body) {
  auto const json = nlohmann::json::parse(body, nullptr, false);
  auto const place =
      nlohmann::json::json_pointer(is_anthropic(s.played.asked) ? "/error/details/error_code" : "/error/code");
  if (!json.is_object() || !json.contains(place)) return "no code";
  return json[place].is_string() ? json[place].get<std::string>() : json[place].dump();
}

bool is_stream_type(const observed& seen) { return seen.field("content-type").rfind("text/event-stream", 0) == 0; }

void check_who(const observed& seen, std::string_view tier, const std::string& upstream) {
  EXPECT_EQ(seen.field("x-tideover-tier"), tier);
  EXPECT_EQ(seen.field("x-tideover-upstream"), upstream);
  EXPECT_NE(seen.field("x-tideover-request-id"), "");
}

void check_local_answer(const stage& s, const observed& seen) {
  EXPECT_EQ(seen.status(), 200) << seen.body;
  EXPECT_TRUE(seen.complete());
  check_who(seen, "local", "ollama");
  EXPECT_EQ(seen.field("x-tideover-model"), "llama3.1:8b");
  EXPECT_EQ(text_of(seen.body), local_text) << "nothing less, and nothing of the cloud's beginning: " << seen.body;
  if (is_stream(s.played.asked)) {
    EXPECT_TRUE(is_stream_type(seen)) << "a stream was asked for";
    EXPECT_TRUE(has_terminator(s.dialect, seen.events));
  }
  auto const generations = s.home->local_generations().size();
  EXPECT_GE(generations, 1U);
  EXPECT_LE(generations, s.asked());
}

void check_cloud_answer(const stage& s, const observed& seen) {
  EXPECT_TRUE(seen.complete());
  check_who(seen, "cloud", is_anthropic(s.played.asked) ? "anthropic" : "openai");
  EXPECT_TRUE(seen.body == s.expected) << "byte for byte: " << seen.body.substr(0, 2000);
}

void check_own_error(const stage& s, const observed& seen) {
  EXPECT_TRUE(seen.complete());
  check_who(seen, "none", "");
  EXPECT_EQ(seen.field("x-tideover-error"), s.played.expected.code);
  EXPECT_EQ(seen.field("content-type").rfind("application/json", 0), 0U);
  auto const native = s.played.asked == call::native || s.played.asked == call::native_stream;
  if (native) {
    auto const json = nlohmann::json::parse(seen.body, nullptr, false);
    EXPECT_TRUE(json.is_object() && json["error"].is_string()) << seen.body;
  } else {
    EXPECT_EQ(code_in(s, seen.body), s.played.expected.code) << seen.body;
  }
  if (seen.status() >= 500) {
    EXPECT_NE(seen.field("retry-after"), "");
    EXPECT_EQ(seen.field("x-should-retry"), "false");
  }
}

void check_cut(const stage& s, const observed& seen) {
  EXPECT_NE(seen.ended, io::ok) << "a clean end says: this is all";
  if (!is_stream(s.played.asked)) return;
  if (s.played.asked == call::native_stream) {
    EXPECT_EQ(seen.body.find("\"done\":true"), std::string::npos);
    return;
  }
  EXPECT_EQ(seen.unfinished, "") << "only whole events are relayed";
  ASSERT_FALSE(seen.events.empty());
  auto const is_error = [&](const sse_event& event) { return is_error_event(s.dialect, event); };
  if (s.played.expected.code.empty()) {  // the cloud said itself that it failed, and its bytes are not changed
    EXPECT_TRUE(std::any_of(seen.events.begin(), seen.events.end(), is_error)) << seen.body;
    EXPECT_EQ(seen.body, s.expected);
    return;
  }
  EXPECT_FALSE(has_terminator(s.dialect, seen.events)) << seen.body;
  const auto& last = seen.events.back();
  EXPECT_TRUE(is_error(last)) << last.raw;
  EXPECT_NE(last.data.find(s.played.expected.code), std::string::npos) << last.raw;
  auto const before = seen.body.substr(0, seen.body.size() - last.raw.size());
  if (s.expected.empty())  // Ollama's words were translated
    EXPECT_EQ(text_of(before), "The local ") << before;
  else
    EXPECT_EQ(before, s.expected) << "what came before stays as it was, and nothing is said twice";
}

void check_continued(const stage& s, const observed& seen) {
  EXPECT_TRUE(seen.complete());
  check_who(seen, "cloud", is_anthropic(s.played.asked) ? "anthropic" : "openai");  // as it began
  EXPECT_EQ(text_of(seen.body), "The cloud " + std::string(local_text)) << "nothing lost, nothing twice: " << seen.body;
  EXPECT_EQ(seen.body.rfind(s.expected, 0), 0U) << "what came before stays as it was: " << seen.body;
  EXPECT_TRUE(has_terminator(s.dialect, seen.events));
  for (auto const& event : seen.events) EXPECT_FALSE(is_error_event(s.dialect, event)) << event.raw;
  EXPECT_LE(s.home->local_generations().size(), 1U);
}

void check_caller(const stage& s, const observed& seen) {
  const auto& expected = s.played.expected;
  if (expected.what == sees::nothing) return;
  EXPECT_EQ(seen.status(), expected.status) << seen.body.substr(0, 500);
  switch (expected.what) {
    case sees::local_answer: check_local_answer(s, seen); break;
    case sees::cloud_answer:
    case sees::cloud_error: check_cloud_answer(s, seen); break;
    case sees::own_error: check_own_error(s, seen); break;
    case sees::cut: check_cut(s, seen); break;
    case sees::continued: check_continued(s, seen); break;
    case sees::nothing: break;
  }
  // A cut comes after the head: what stands there is about the choice of the upstream, not about its end.
  if (expected.what != sees::cut && expected.what != sees::continued) {
    EXPECT_EQ(seen.field("x-tideover-failover"), expected.reason);
  }
  // `x-should-retry: false` beside the error of a cloud that Tideover could not replace.
  if (expected.what == sees::cloud_error && !expected.reason.empty()) {
    EXPECT_EQ(seen.field("x-should-retry"), "false");
  }
}

void check_line(const stage& s, const observed& seen, const std::vector<nlohmann::json>& lines) {
  const auto& expected = s.played.expected;
  if (lines.empty()) return;
  auto const id = seen.field("x-tideover-request-id");
  auto line = std::find_if(lines.begin(), lines.end(), [&](auto const& l) { return l.value("request_id", "") == id; });
  if (expected.what == sees::nothing) line = std::prev(lines.end());
  ASSERT_NE(line, lines.end()) << "no line has the id " << id;
  EXPECT_EQ(line->value("outcome", ""), expected.outcome) << *line;
  EXPECT_EQ(line->value("reason", ""), expected.reason) << *line;
  if (expected.what == sees::nothing) return;
  EXPECT_EQ(line->value("status", 0), expected.status) << *line;
  if (expected.what == sees::own_error) {
    EXPECT_EQ(line->value("error_code", ""), expected.code) << *line;
  }
  auto const failovers = s.home->daemon().log_lines_of("failover");
  auto const told =
      std::count_if(failovers.begin(), failovers.end(), [&](auto const& l) { return l.value("request_id", "") == id; });
  if (expected.outcome == "failed_over") {
    EXPECT_EQ(told, 1) << "each failover has one event";
  }
  if (expected.outcome == "answered" || expected.reason.empty()) {
    EXPECT_EQ(told, 0);
  }
}

void check_blame(const stage& s, double open, const std::vector<nlohmann::json>& events) {
  const auto& expected = s.played.expected;
  if (s.failures_to_open != 1) return;
  std::vector<nlohmann::json> opened;
  for (auto const& e : events)
    if (e.value("state", "") == "open") opened.push_back(e);
  EXPECT_EQ(open, expected.who == blamed::nobody ? 0 : 1) << "breakers that are open";
  ASSERT_EQ(opened.size(), expected.who == blamed::nobody ? 0U : 1U);
  if (opened.empty()) return;
  EXPECT_EQ(opened[0].value("upstream", ""), is_anthropic(s.played.asked) ? "anthropic" : "openai");
  // Where a path knows no models, there is none to name.
  if (s.played.asked != call::files && s.played.asked != call::models) {
    EXPECT_EQ(opened[0].contains("model"), expected.who == blamed::service) << opened[0];
  }
}

/// No key where it does not belong, and no request where it does not belong either.
void check_secrets(const stage& s, const observed& seen, const std::string& metrics) {
  constexpr std::string_view mark = "canary-7f3e9a51";
  for (auto const& r : s.local.requests())
    EXPECT_EQ((r.head + r.body).find(mark), std::string::npos) << "the caller's key reached Ollama";
  EXPECT_EQ(s.home->daemon().all_output().find(mark), std::string::npos) << "the caller's key is in the log";
  EXPECT_EQ(metrics.find(mark), std::string::npos);
  EXPECT_EQ((seen.answer.head.raw + seen.body).find(mark), std::string::npos);
  if (s.other_cloud_asked) return;
  auto const& other = is_anthropic(s.played.asked) ? s.home->openai : s.home->anthropic;
  EXPECT_EQ(other.application_bytes(), 0U) << "a cloud of another dialect was told something";
}

}  // namespace

void check_sums(daemon_process& daemon, std::size_t requests) {
  (void)daemon.wait_for_log("request", requests);
  double counted = 0;
  EXPECT_TRUE(eventually([&] { return (counted = daemon.metric("tideover_requests_total")) >= double(requests); }));
  EXPECT_EQ(counted, double(requests)) << "each request is counted once";
  EXPECT_EQ(daemon.metric("tideover_log_lines_dropped_total"), 0);
  std::map<std::string, double> by_outcome;
  for (auto const& outcome : outcomes)
    by_outcome[outcome] = daemon.metric("tideover_requests_total", {quoted("outcome", outcome)});
  EXPECT_EQ(daemon.stop(), 0);
  auto const lines = daemon.log_lines_of("request");
  EXPECT_EQ(lines.size(), requests) << "each request has one line";
  std::set<std::string> ids;
  for (auto const& line : lines) {
    EXPECT_TRUE(ids.insert(line.value("request_id", "")).second) << "two lines of one request: " << line;
    EXPECT_EQ(outcomes.count(line.value("outcome", "")), 1U) << line;
    --by_outcome[line.value("outcome", "")];
  }
  for (auto const& [outcome, left] : by_outcome) EXPECT_EQ(left, 0) << "log and metrics differ about " << outcome;
}

void check(stage& s, const observed& seen) {
  auto& daemon = s.home->daemon();
  auto const requests = s.asked();
  check_caller(s, seen);
  (void)daemon.wait_for_log("request", requests);
  auto const metrics = daemon.metrics();
  auto const open = daemon.metric("tideover_breaker_state", {quoted("state", "open")});
  EXPECT_LE(s.cloud_requests().size(), s.played.expected.cloud_asked_most) << "requests that reached the cloud";
  for (auto const& rule : s.played.never) {
    SCOPED_TRACE("never: " + rule.sentence);
    rule.check(s, seen);
  }
  check_sums(daemon, requests);
  check_line(s, seen, daemon.log_lines_of("request"));
  check_blame(s, open, daemon.log_lines_of("breaker"));
  check_secrets(s, seen, metrics);
}

}  // namespace tideover::test
