// What an operator reads first, in each state that an outage has.
#include "tideover/app/status_text.hpp"

#include <gtest/gtest.h>

namespace tideover::app {
namespace {

using json = nlohmann::ordered_json;

// 2026-01-01T12:00:00Z
constexpr std::int64_t noon = 1767268800;
const look plain{.now = noon};

json well() {
  return json::parse(R"({
    "health": "ok", "version": "0.1.0", "state": "serving",
    "process": {"pid": 7, "started": "2026-01-01T09:58:00Z"},
    "config": {"source": "/etc/tideover/tideover.yaml", "last_reload": null},
    "listeners": {"proxy": ["127.0.0.1:6837"]},
    "upstreams": [
      {"name": "openai", "title": "OpenAI", "tier": "cloud", "url": "https://api.openai.com", "up": true,
       "breaker": {"state": "closed", "reason": null, "until": null}, "models_refused": []},
      {"name": "ollama", "title": "Ollama", "tier": "local", "url": "http://127.0.0.1:11434", "up": true}],
    "contingency": {"active": false, "all": false, "workflows": [], "sources": [], "persisted": true},
    "local": {"known": true, "models": [{"name": "llama3.1:8b", "upstream": "ollama", "loaded": true},
                                        {"name": "phi4:14b", "upstream": "ollama", "loaded": false}]},
    "readiness": {"state": "ready", "upstreams": [{"upstream": "ollama", "state": "ready", "checks": []}]},
    "journal": {"writable": true, "problem": ""},
    "counters": {"journal_lines_lost": 0, "log_lines_dropped": 0}})");
}

json cloud_away() {
  auto told = well();
  told["health"] = "degraded";
  told["upstreams"][0]["up"] = false;
  told["upstreams"][0]["breaker"] = {{"state", "open"}, {"reason", "connect"}, {"until", "2026-01-01T12:00:12Z"}};
  return told;
}

void local_down(json& told) {
  told["upstreams"][1]["up"] = false;
  told["upstreams"][1]["problem"] = "Connection refused";
  told["readiness"] = json::parse(
      R"({"state": "down", "upstreams": [{"upstream": "ollama", "state": "down", "checks": [
         {"check": "api", "state": "down", "subject": "", "text": "cannot be reached", "fix": "ollama serve"}]}]})");
}

void expect_lines(const std::string& text, std::initializer_list<std::string_view> lines) {
  for (auto const line : lines)
    EXPECT_NE(("\n" + text).find("\n" + std::string(line) + "\n"), std::string::npos) << line << "\nis not in\n"
                                                                                      << text;
}

TEST(StatusText, WhenAllIsWell) {
  EXPECT_EQ(status_text(well(), plain),
            "OK           the cloud answers, and the local tier is ready to stand in\n"
            "\n"
            "cloud        OpenAI     up  https://api.openai.com\n"
            "local        Ollama     ready  2 models, loaded: llama3.1:8b  http://127.0.0.1:11434\n"
            "contingency is off\n"
            "\n"
            "proxy        127.0.0.1:6837\n"
            "config       /etc/tideover/tideover.yaml\n"
            "Tideover     0.1.0, pid 7, runs since 2026-01-01T09:58:00Z (2 h 2 min)\n");
}

TEST(StatusText, SaysFirstWhoAnswersInAnOutage) {
  auto told = cloud_away();
  expect_lines(
      status_text(told, plain),
      {"DEGRADED     OpenAI is away: the local tier answers instead",
       "cloud        OpenAI     AWAY  breaker open (connect), is tried again in 12 s  https://api.openai.com"});
  expect_lines(status_text(told, {.now = noon + 12}),
               {"cloud        OpenAI     AWAY  breaker open (connect), is tried again with the next request  "
                "https://api.openai.com"});
  told["upstreams"][0]["breaker"] = {{"state", "half_open"}, {"reason", "timeout"}, {"until", nullptr}};
  expect_lines(status_text(told, plain),
               {"cloud        OpenAI     AWAY  breaker half open (timeout): one request tries "
                "now  https://api.openai.com"});
  local_down(told);
  expect_lines(status_text(told, plain), {"DEGRADED     OpenAI is away, and the local tier is down: requests fail",
                                          "local        Ollama     DOWN  Connection refused  http://127.0.0.1:11434",
                                          "             to mend it: ollama serve"});
  told["readiness"]["state"] = "unknown";
  expect_lines(status_text(told, plain),
               {"DEGRADED     OpenAI is away, and whether the local tier works is not known yet"});
}

TEST(StatusText, ShowsWhatRestsAfter429) {
  auto told = well();
  told["upstreams"][0]["models_refused"] = json::parse(
      R"([{"model": "gpt-4o", "state": "resting", "reason": "rate_limited", "until": "2026-01-01T12:01:40Z", "keys": 2}])");
  expect_lines(status_text(told, plain),
               {"OK           the cloud answers, and the local tier is ready to stand in",
                "             gpt-4o: rests (rate_limited), is tried again in 1 min 40 s, for 2 keys"});
}

TEST(StatusText, ShowsAnUnfitLocalTierBeforeItIsNeeded) {
  auto told = well();
  told["health"] = "degraded";
  told["readiness"] = json::parse(
      R"({"state": "degraded", "upstreams": [{"upstream": "ollama", "state": "degraded", "checks": [
         {"check": "api", "state": "ready", "subject": "", "text": "answers"},
         {"check": "gpu", "state": "degraded", "subject": "llama3.1:8b", "text": "runs on the CPU", "fix": "see nvidia-smi"}]}]})");
  expect_lines(status_text(told, plain),
               {"DEGRADED     the cloud answers; the local tier could stand in, but not fully",
                "local        Ollama     DEGRADED  2 models, loaded: llama3.1:8b  http://127.0.0.1:11434",
                "             llama3.1:8b runs on the CPU", "             to mend it: see nvidia-smi"});
  local_down(told);
  expect_lines(status_text(told, plain),
               {"DEGRADED     the cloud answers, but nothing could stand in for it: the local tier is down"});
}

TEST(StatusText, ShowsWhoKeepsWhatFromTheCloudAndForHowLong) {
  auto told = well();
  told["health"] = "contingency";
  told["contingency"] = json::parse(R"x({"active": true, "all": false, "workflows": ["legal", "sales"], "sources": [
    {"source": "operator", "workflow": "legal", "reason": "audit", "who": "ann (uid 1000)",
     "since": "2026-01-01T11:57:00.000Z", "until": "2026-01-01T13:57:00.000Z"},
    {"source": "file", "workflow": "sales", "how_to_lift": "remove it from the file"},
    {"source": "environment", "workflow": "all", "how_to_lift": "unset TIDEOVER_CONTINGENCY and restart"}],
    "persisted": false, "problem": "No space left on device"})x");
  expect_lines(status_text(told, plain),
               {"CONTINGENCY  no cloud is asked for legal, sales: the local tier answers",
                "contingency is ON for legal, sales: no cloud is asked",
                "  legal: by ann (uid 1000) since 2026-01-01T11:57:00Z (3 min) until 2026-01-01T13:57:00Z (1 h 57 min "
                "left): audit",
                "  sales: by file; to lift it, remove it from the file",
                "  all: by environment; to lift it, unset TIDEOVER_CONTINGENCY and restart",
                "  This would not survive a restart: No space left on device"});
  local_down(told);
  told["contingency"]["all"] = true;
  expect_lines(status_text(told, plain),
               {"CONTINGENCY  no cloud is asked for everything, and the local tier is down: requests fail"});
}

TEST(StatusText, ShowsAReloadThatFailedAndAJournalThatIsNotWritten) {
  auto told = well();
  told["config"]["last_reload"] = {
      {"ok", false}, {"at", "2026-01-01T11:56:30Z"}, {"problem", "t.yaml:1:1: error: bad"}};
  told["journal"] = {{"writable", false}, {"problem", "No space left on device"}};
  told["counters"] = {{"journal_lines_lost", 1}, {"log_lines_dropped", 12}};
  expect_lines(status_text(told, plain),
               {"reload       FAILED 3 min 30 s ago, so the one before is in force: t.yaml:1:1: error: bad",
                "             to mend it: correct the file (tideover check), then tideover reload",
                "journal      NOT WRITTEN: No space left on device", "journal      1 line lost since the start",
                "log          12 lines dropped since the start: whoever reads the log is too slow"});
  told["config"]["last_reload"] = {{"ok", true}, {"at", "2026-01-01T11:59:59Z"}};
  expect_lines(status_text(told, plain), {"config       /etc/tideover/tideover.yaml, reloaded 1 s ago"});
}

TEST(StatusText, SaysThatTheDaemonIsOnItsWayOut) {
  auto told = well();
  told["state"] = "draining";
  EXPECT_TRUE(status_text(told, plain).starts_with("DRAINING     the daemon is on its way out"))
      << status_text(told, plain);
}

TEST(StatusText, FoldsLongLinesUnderTheirText) {
  auto const text = status_text(cloud_away(), {.now = noon, .columns = 50});
  expect_lines(text, {"DEGRADED     OpenAI is away: the local tier", "             answers instead",
                      "cloud        OpenAI     AWAY  breaker open", "             (connect), is tried again in 12 s",
                      "             https://api.openai.com"});
  EXPECT_EQ(status_text(cloud_away(), {.now = noon, .columns = 5}), status_text(cloud_away(), plain))
      << "nothing can be folded into that";
  auto named = cloud_away();
  named["upstreams"][0]["title"] = "ÄÖÜ-Wölkchen";  // characters are counted, not bytes
  expect_lines(status_text(named, {.now = noon, .columns = 62}),
               {"cloud        ÄÖÜ-Wölkchen  AWAY  breaker open (connect), is",
                "             tried again in 12 s  https://api.openai.com"});
}

TEST(StatusText, ColoursOnlyWhereAskedAndKeepsTheColumns) {
  EXPECT_EQ(status_text(cloud_away(), plain).find('\x1b'), std::string::npos);
  auto coloured = status_text(cloud_away(), {.now = noon, .columns = 50, .coloured = true});
  EXPECT_NE(coloured.find("\x1b[1;31mAWAY\x1b[0m"), std::string::npos) << coloured;
  for (std::size_t at; (at = coloured.find('\x1b')) != std::string::npos;)
    coloured.erase(at, coloured.find('m', at) - at + 1);
  EXPECT_EQ(coloured, status_text(cloud_away(), {.now = noon, .columns = 50}));
}

TEST(StatusText, LetsNothingThroughThatSpeaksToTheTerminal) {
  auto told = cloud_away();
  told["upstreams"][0]["title"] = "a\x1b[2Jb";
  told["upstreams"][0]["breaker"]["reason"] = "\x1b]0;title\x07";
  told["contingency"]["workflows"] = {"\x1b[31m"};
  EXPECT_EQ(status_text(told, plain).find('\x1b'), std::string::npos);
  EXPECT_EQ(status_text(told, plain).find('\x07'), std::string::npos);
}

TEST(StatusText, OfADocumentThatIsNoneIsStillText) {
  for (const auto* odd :
       {"null", "[]", "{}", R"({"upstreams": 7, "readiness": [], "contingency": "x"})",
        R"({"upstreams": [1, null, {"tier": "cloud", "breaker": []}], "process": {"started": "now"}})"})
    EXPECT_FALSE(status_text(json::parse(odd), plain).empty()) << odd;
}

TEST(SpanText, RoundsNothingUp) {
  struct row {
    std::int64_t seconds;
    const char* text;
  };
  for (const auto& [seconds, text] : std::initializer_list<row>{{-5, "0 s"},
                                                                {0, "0 s"},
                                                                {59, "59 s"},
                                                                {60, "1 min"},
                                                                {61, "1 min 1 s"},
                                                                {599, "9 min 59 s"},
                                                                {600, "10 min"},
                                                                {3599, "59 min"},
                                                                {3600, "1 h"},
                                                                {7020, "1 h 57 min"},
                                                                {86399, "23 h 59 min"},
                                                                {86400, "1 d"},
                                                                {187200, "2 d 4 h"}})
    EXPECT_EQ(span_text(seconds), text);
}

TEST(StatusExitCode, IsThatOfTheContract) {
  EXPECT_EQ(status_exit_code({{"health", "ok"}}), 0);
  EXPECT_EQ(status_exit_code({{"health", "degraded"}}), 10);
  EXPECT_EQ(status_exit_code({{"health", "contingency"}}), 11);
  EXPECT_EQ(status_exit_code({{"health", "splendid"}}), 1);
}

}  // namespace
}  // namespace tideover::app
