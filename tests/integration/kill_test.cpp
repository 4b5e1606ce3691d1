// An operator's decision that was acknowledged holds, whenever the process is killed. Toggles and kills at moments that
// a seed chooses: before the order is sent, while it is being carried out, right after the answer. TIDEOVER_KILLS=N
// sets the number of toggles (tests/integration/kill_loop plays a thousand), TIDEOVER_SIM_SEED repeats a run.
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <random>
#include <set>

#include "integration/journal_lines.hpp"
#include "integration/world.hpp"

namespace tideover::test {
namespace {

unsigned from_environment(const char* name, unsigned usual) {
  auto const* text = std::getenv(name);
  return text != nullptr && *text != '\0' ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : usual;
}

struct random_numbers {
  std::mt19937 engine;
  unsigned below(std::size_t end) { return static_cast<unsigned>(engine() % end); }
};

using workflows = std::set<std::string>;

/// What the daemon says is in contingency by an operator.
workflows asked(const daemon_process& daemon) {
  raw_client client(daemon.folder().file("admin.sock"));
  client.request("GET", "/api/contingency");
  auto const document = json_of(client.read_answer());
  workflows on;
  for (auto const& source : document["sources"])
    if (source["source"] == "operator") on.insert(source["workflow"].get<std::string>());
  return on;
}

struct order {
  std::string method, body;
  workflows after;
};

order random_order(random_numbers& random, const workflows& now) {
  static const std::vector<std::string> names{"default", "legal", "sales"};
  auto const& name = names[random.below(names.size())];
  order next;
  next.after = now;
  bool const on = !now.contains(name);
  if (on)
    next.after.insert(name);
  else
    next.after.erase(name);
  next.method = on ? "PUT" : "DELETE";
  next.body = R"({"workflows":[")" + name + R"("],"reason":"kill test"})";
  return next;
}

/// Kills the daemon after about so many turns of a busy loop, while the order may be under way.
void kill_after(const daemon_process& daemon, unsigned turns) {
  std::atomic<unsigned> done = 0;
  while (done.fetch_add(1, std::memory_order_relaxed) < turns) continue;
  daemon.signal(SIGKILL);
}

TEST(AcknowledgedDecisions, HoldWheneverTheProcessIsKilled) {
  unsigned const toggles = from_environment("TIDEOVER_KILLS", 60);
  unsigned const seed = from_environment("TIDEOVER_SIM_SEED", std::random_device()());
  SCOPED_TRACE("TIDEOVER_SIM_SEED=" + std::to_string(seed));
  random_numbers random{std::mt19937(seed)};

  world upstreams;
  temporary_folder const state;
  daemon_options how;
  world_options options;
  options.workflows =
      "workflows: {default: {policy: cloud_first}, legal: {policy: cloud_first}, sales: {policy: cloud_first}}";
  how.yaml = upstreams.yaml(options);
  how.environment = {{"STATE_DIRECTORY", state.path()}};

  workflows holds;  // acknowledged
  unsigned done = 0, acknowledged = 0, kills = 0, unanswered = 0, carried_out = 0;
  while (done < toggles) {
    daemon_process daemon(how);
    ASSERT_TRUE(daemon.serves()) << daemon.all_output();
    auto const found = asked(daemon);
    ASSERT_EQ(found, holds) << "after " << kills << " kills and " << done << " toggles";

    unsigned const rounds = 1 + random.below(5);
    for (unsigned i = 0; i < rounds && done < toggles; ++i) {
      auto const next = random_order(random, holds);
      raw_client client(daemon.folder().file("admin.sock"));
      bool const last = i + 1 == rounds || done + 1 == toggles;
      ++done;
      client.request(next.method, "/api/contingency", next.body);
      if (last && random.below(4) != 0) {
        // From a microsecond to some milliseconds: parsing, writing, syncing and renaming are all in there.
        kill_after(daemon, 1U << (random.below(22)));
        auto const answer = client.read_answer();
        ASSERT_EQ(daemon.wait_for_exit(), 128 + SIGKILL);
        ++kills;
        if (answer.status == 200) {
          ++acknowledged;
          holds = next.after;
          break;
        }
        // Nobody was told: either is right, but nothing in between.
        ++unanswered;
        daemon_process again(how);
        ASSERT_TRUE(again.serves()) << again.all_output();
        auto const now = asked(again);
        ASSERT_TRUE(now == holds || now == next.after) << "neither before nor after the order";
        carried_out += now == next.after;
        holds = now;
        again.signal(SIGKILL);
        ASSERT_EQ(again.wait_for_exit(), 128 + SIGKILL);
        ++kills;
        break;
      }
      auto const answer = client.read_answer();
      ASSERT_EQ(answer.status, 200) << answer.body;
      ++acknowledged;
      holds = next.after;
      if (last) {
        daemon.signal(SIGKILL);
        ASSERT_EQ(daemon.wait_for_exit(), 128 + SIGKILL);
        ++kills;
      }
    }
  }
  daemon_process daemon(how);
  ASSERT_TRUE(daemon.serves()) << daemon.all_output();
  EXPECT_EQ(asked(daemon), holds);
  // A kill may tear a line of the journal, never glue two together.
  auto const lines = journal_of(state.path());
  auto const torn = std::count_if(lines.begin(), lines.end(), [](const auto& line) { return line.is_discarded(); });
  EXPECT_LE(torn, static_cast<long>(kills));
  std::cout << done << " toggles, " << acknowledged << " acknowledged, " << kills << " kills, " << unanswered
            << " orders were under way (" << carried_out << " of them had been carried out), " << lines.size()
            << " lines in the journal, " << torn << " torn\n";
}

}  // namespace
}  // namespace tideover::test
