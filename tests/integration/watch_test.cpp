// `status --watch` beside a real daemon: what it shows, on a terminal and to a script, and how it ends.
#include <csignal>
#include <ctime>

#include "integration/world.hpp"
#include "support/run_program.hpp"
#include "support/running_program.hpp"
#include "support/socket_server.hpp"
#include "support/terminal.hpp"

namespace tideover::test {
namespace {

const environment_of_program with_terminal{{"TERM", "xterm"}, {"NO_COLOR", "1"}};
constexpr auto opened = "\x1b[?1049h\x1b[?25l\x1b[?7l";
constexpr auto restored = "\x1b[?7h\x1b[?25h\x1b[?1049l";

std::string socket_of(world& w) { return w.daemon().folder().file("admin.sock"); }

std::vector<std::string> watching(const std::string& socket, std::vector<std::string> more = {}) {
  std::vector<std::string> words{tideover_binary(), "status", "--watch", "--socket", socket};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

void switch_on(const std::string& socket, const std::string& lasts = "2h") {
  auto const done = run_tideover({"contingency", "on", "--reason", "a try", "--for", lasts, "--socket", socket});
  ASSERT_EQ(done.exit_code, 0) << done.err;
}

/// Documents until one has this health. None is there that changes nothing.
nlohmann::json document_of(running_program& watched, const std::string& health) {
  std::string before;
  while (auto const line = watched.line()) {
    EXPECT_NE(*line, before);
    before = *line;
    auto document = nlohmann::json::parse(*line, nullptr, false);
    EXPECT_TRUE(document.is_object()) << *line;
    if (!document.is_object() || document.value("health", "") == health) return document;
  }
  return nullptr;
}

TEST(Watch, RedrawsInPlaceAndLeavesTheTerminalAsItWas) {
  world w;
  w.start();
  for (int const signal : {SIGINT, SIGTERM, SIGHUP}) {
    terminal watched(watching(socket_of(w)), with_terminal);
    ASSERT_TRUE(watched.shows(opened)) << watched.everything();
    ASSERT_TRUE(watched.shows("contingency is off")) << watched.everything();
    switch_on(socket_of(w));
    ASSERT_TRUE(watched.shows("contingency is ON for everything")) << watched.everything();
    EXPECT_EQ(watched.everything().find("\x1b[2J", watched.everything().find("contingency")), std::string::npos)
        << "cleared in between: that flickers";
    ASSERT_EQ(run_tideover({"contingency", "off", "--socket", socket_of(w)}).exit_code, 0);
    ASSERT_TRUE(watched.shows("contingency is off")) << watched.everything();
    if (signal == SIGINT)
      watched.type("\x03");
    else
      watched.signal(signal);
    EXPECT_EQ(watched.exit_code(), 0) << signal;
    auto const end = watched.everything().rfind(restored);
    ASSERT_NE(end, std::string::npos) << watched.everything();
    EXPECT_NE(watched.everything().find("contingency is off", end), std::string::npos) << "the last word stays";
  }
}

TEST(Watch, CountsTimeWithoutAWordOfTheDaemon) {
  temporary_folder const folder;
  auto const now = ::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char started[32];
  std::strftime(started, sizeof started, "%Y-%m-%dT%H:%M:%SZ", &parts);
  socket_server const silent(
      folder.file("s"), 200,
      std::string("event: snapshot\ndata: {\"health\":\"ok\",\"process\":{\"started\":\"") + started + "\"}}\n\n",
      "text/event-stream", socket_server::then::wait);
  terminal watched(watching(silent.path()), with_terminal);
  auto const next_span = [&] {
    EXPECT_TRUE(watched.shows("runs since ")) << watched.everything();
    EXPECT_TRUE(watched.shows(")")) << watched.everything();
    auto const& all = watched.everything();
    auto const at = all.rfind("runs since ");
    return all.substr(at, all.find(')', at) - at);
  };
  auto const first = next_span();
  EXPECT_NE(next_span(), first);
  EXPECT_EQ(watched.everything().find("NO DAEMON"), std::string::npos);
}

TEST(Watch, StoppedFromTheKeyboardGivesTheTerminalBackAndTakesItAgain) {
  world w;
  w.start();
  terminal watched(watching(socket_of(w)), with_terminal);
  ASSERT_TRUE(watched.shows("contingency is off")) << watched.everything();
  watched.type("\x1a");
  ASSERT_TRUE(watched.shows(restored)) << watched.everything();
  watched.signal(SIGCONT);
  ASSERT_TRUE(watched.shows(opened)) << watched.everything();
  ASSERT_TRUE(watched.shows("contingency is off")) << watched.everything();
  watched.type("\x03");
  EXPECT_EQ(watched.exit_code(), 0);
}

TEST(Watch, ComesBackWithTheLastEventItHeard) {
  temporary_folder const folder;
  socket_server const daemon(folder.file("s"), 200, "id: run-7\nevent: snapshot\ndata: {\"health\":\"ok\"}\n\n",
                             "text/event-stream");
  running_program watched(watching(daemon.path()));
  ASSERT_TRUE(watched.complains("answers again")) << watched.complaints();
  auto const asked = daemon.requests();
  ASSERT_GE(asked.size(), 2U);
  EXPECT_EQ(asked[0].find("Last-Event-ID"), std::string::npos) << asked[0];
  EXPECT_NE(asked[1].find("\r\nLast-Event-ID: run-7\r\n"), std::string::npos) << asked[1];
}

TEST(Watch, FitsTheWindowAndItsChanges) {
  world w;
  w.start();
  terminal watched(watching(socket_of(w)), with_terminal);
  watched.resize(50, 5);
  ASSERT_TRUE(watched.shows("\n…\x1b[K\x1b[J")) << watched.everything();  // more lines than rows
  watched.resize(50, 40);
  ASSERT_TRUE(watched.shows("Tideover  ")) << watched.everything();
  auto const& all = watched.everything();
  auto const frame = all.rfind("\x1b[H");
  EXPECT_NE(all.find("\n             ", frame), std::string::npos) << "nothing was folded: " << all.substr(frame);
  std::string_view left(all);
  for (left.remove_prefix(frame + 3); !left.empty();) {
    auto const line = left.substr(0, left.find('\x1b'));
    // A single word may be longer; the terminal cuts it.
    EXPECT_TRUE(line.size() <= 50 || line.find(' ', 13) == std::string_view::npos) << line;
    left.remove_prefix(std::min(left.find('\n'), left.size() - 1) + 1);
  }
}

TEST(Watch, SaysWhenTheDaemonIsGoneAndGoesOnWithTheNext) {
  temporary_folder const folder;
  world_options options;
  options.environment = {{"TMPDIR", folder.path()}};  // where its socket is
  auto const socket = folder.file("admin.sock");
  world first, second;
  first.start(options);
  terminal watched(watching(socket), with_terminal);
  running_program told(watching(socket));
  running_program json(watching(socket, {"--json"}));
  ASSERT_TRUE(watched.shows("contingency is off")) << watched.everything();
  ASSERT_TRUE(told.line_with("contingency is off"));
  auto const pid = document_of(json, "ok")["process"]["pid"];
  first.daemon().stop();
  ASSERT_TRUE(watched.shows("NO DAEMON")) << watched.everything();
  ASSERT_TRUE(told.complains("trying again")) << told.complaints();
  nlohmann::json lost;
  while (auto const line = json.line())
    if (lost = nlohmann::json::parse(*line, nullptr, false); lost.contains("error")) break;
  EXPECT_EQ(lost["ok"], false);
  EXPECT_EQ(lost["error"]["code"], "connection_lost") << lost;
  second.start(options);
  ASSERT_TRUE(told.complains("answers again")) << told.complaints();
  ASSERT_TRUE(told.line_with("contingency is off"));
  auto const again = document_of(json, "ok");
  EXPECT_NE(again["process"]["pid"], pid);
  switch_on(socket);
  EXPECT_TRUE(watched.shows("contingency is ON for everything")) << watched.everything();
  EXPECT_TRUE(told.line_with("contingency is ON for everything"));
  EXPECT_TRUE(document_of(json, "contingency").is_object());
  second.daemon().stop();
}

TEST(Watch, PrintsOneDocumentPerChangeForScripts) {
  world w;
  w.start();
  ASSERT_TRUE(eventually([&] { return get(w.daemon().admin_port(), "/readyz?tier=local").status == 200; }));
  running_program watched(watching(socket_of(w), {"--json"}));
  auto before = document_of(watched, "ok");
  ASSERT_TRUE(before.is_object());
  EXPECT_FALSE(before.contains("counters")) << "they change all the time";
  switch_on(socket_of(w));
  auto const on = document_of(watched, "contingency");
  EXPECT_EQ(on["contingency"]["sources"][0]["reason"], "a try") << on;
  ASSERT_EQ(run_tideover({"contingency", "off", "--socket", socket_of(w)}).exit_code, 0);
  EXPECT_EQ(document_of(watched, "ok")["contingency"]["active"], false);
  watched.signal(SIGINT);
  EXPECT_EQ(watched.exit_code(), 0);
  EXPECT_FALSE(watched.complains("tideover")) << watched.complaints();
}

TEST(Watch, EndsAtOnceWhenNobodyReadsAnyMore) {
  world w;
  w.start();
  for (const auto& more : {std::vector<std::string>{}, {"--json"}}) {
    running_program watched(watching(socket_of(w), more));
    ASSERT_TRUE(watched.line().has_value());
    watched.stop_reading();  // nothing changes, so that nothing is written
    EXPECT_EQ(watched.exit_code(), 0);
    EXPECT_FALSE(watched.complains("tideover")) << watched.complaints();
  }
}

TEST(Watch, IsEndedByASignalEvenWhileNobodyReads) {
  temporary_folder const folder;
  // A snapshot larger than a pipe holds, so that it has to wait for its reader.
  std::string const large(1u << 20, 'x');
  auto const event = "event: snapshot\ndata: {\"health\":\"ok\",\"large\":\"" + large + "\"}\n\n";
  socket_server const daemon(folder.file("s"), 200, event, "text/event-stream");
  running_program watched(watching(daemon.path(), {"--json"}));
  ASSERT_TRUE(watched.begins());
  watched.signal(SIGINT);
  EXPECT_EQ(watched.exit_code(), 0);
}

TEST(Watch, SaysThatTheOutputCannotBeWritten) {
  world w;
  w.start();
  auto const full = run_words({"/bin/sh", "-c", "exec \"$0\" \"$@\" >/dev/full", tideover_binary(), "status", "--watch",
                               "--socket", socket_of(w)});
  EXPECT_EQ(full.exit_code, 1);
  EXPECT_NE(full.err.find("the output cannot be written: No space left on device"), std::string::npos) << full.err;
}

TEST(Watch, OnATerminalThatIsNoneJustPrints) {
  world w;
  w.start();
  terminal watched(watching(socket_of(w)), {{"TERM", "dumb"}});
  ASSERT_TRUE(watched.shows("contingency is off")) << watched.everything();
  switch_on(socket_of(w));
  ASSERT_TRUE(watched.shows("contingency is ON for everything")) << watched.everything();
  watched.type("\x03");
  EXPECT_EQ(watched.exit_code(), 0);
  EXPECT_EQ(watched.everything().find('\x1b'), std::string::npos) << watched.everything();
}

}  // namespace
}  // namespace tideover::test
