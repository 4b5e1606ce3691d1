// An outage from beginning to end, and a cloud that comes and goes: nobody notices, and the cloud is left alone.
// By default a few seconds each; TIDEOVER_SOAK=1 (tests/fault/soak) plays them at full length. Always bounded.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <thread>

#include "fault/check.hpp"
#include "fault/stage.hpp"
#include "support/name_server.hpp"
#include "support/own_network.hpp"

namespace tideover::test {
namespace {

bool at_full_length() {
  auto const* asked = std::getenv("TIDEOVER_SOAK");
  return asked != nullptr && *asked == '1';
}

/// What many callers got, counted.
struct tally {
  std::atomic<unsigned> cloud{0}, local{0}, wrong{0};

  void count(const http_answer& answer) {
    bool const whole = answer.status == 200 && answer.complete();
    auto const text = text_of(answer.body);
    if (whole && answer.field("x-tideover-tier") == "cloud" && text == cloud_text)
      ++cloud;
    else if (whole && answer.field("x-tideover-tier") == "local" && text == local_text)
      ++local;
    else if (++wrong <= 3)
      ADD_FAILURE() << answer.status << ' ' << answer.head.raw << answer.body;
  }
  unsigned all() const { return cloud + local + wrong; }
};

http_answer ask(std::uint16_t port, bool as_stream) {
  return post(port, "/v1/chat/completions", as_stream ? chat_stream_body : chat_body,
              {{"Authorization", "Bearer sk-soak"}});
}

struct outage {
  const char* name;
  bool with_streams;  // every second request; not where a stream may be cut in the middle, which must be seen
  std::function<void(world&, fault_gate&)> begin, end;
};

/// Steady callers before, during and after an outage.
void play(const outage& kind) {
  auto const lasts = at_full_length() ? 30s : 3s;
  auto const pause = std::chrono::milliseconds(at_full_length() ? 5000 : 500);
  unsigned const requests = at_full_length() ? 500 : 120;  // during the outage
  constexpr unsigned callers = 4;

  world w;
  fault_gate gate(w.openai.port());
  world_options options;
  options.openai_url = gate.url();
  auto const span = std::to_string(pause.count()) + "ms";
  options.breaker = "{open_for: " + span + ", open_for_max: " + span + "}";
  w.start(options);

  tally heard;
  std::atomic<unsigned> sent{0};
  std::atomic<bool> over{false};
  std::atomic<steady::rep> back_at_cloud{0};  // the first answer of the cloud's after its return
  std::atomic<bool> returned{false};
  auto const beat = std::chrono::duration_cast<steady::duration>(lasts) * callers / requests;
  std::vector<std::thread> threads;
  for (unsigned c = 0; c < callers; ++c)
    threads.emplace_back([&, c] {
      auto next = steady::now() + beat * static_cast<int>(c) / static_cast<int>(callers);
      while (!over) {
        std::this_thread::sleep_until(next);  // the callers' own rhythm
        next += beat;
        bool const after = returned;
        auto const answer = ask(w.port(), ++sent % 2 == 0 && kind.with_streams);
        heard.count(answer);
        steady::rep never = 0;
        if (after && answer.field("x-tideover-tier") == "cloud")
          back_at_cloud.compare_exchange_strong(never, steady::now().time_since_epoch().count());
      }
    });

  EXPECT_TRUE(eventually([&] { return heard.cloud >= 2 * callers; }));
  auto const asked_before = w.openai.requests().size();
  auto const tried_before = gate.connections();
  kind.begin(w, gate);
  auto const began = steady::now();
  std::this_thread::sleep_until(began + lasts);
  auto const asked = w.openai.requests().size() - asked_before;
  auto const tried = gate.connections() - tried_before;
  auto const during = steady::now() - began;
  auto const local_by_then = heard.local.load();
  kind.end(w, gate);
  auto const return_at = steady::now();
  returned = true;
  EXPECT_TRUE(eventually([&] { return back_at_cloud != 0; }, return_at + pause + patience / 2));
  auto const recovery = steady::time_point(steady::duration(back_at_cloud)) - return_at;
  over = true;
  for (auto& thread : threads) thread.join();

  EXPECT_EQ(heard.wrong, 0U) << "on the way out, during it, or on the way back";
  EXPECT_GE(local_by_then, requests / 2) << "the outage was long enough to mean something";
  // Three failures trip the breaker, and who was on the way then comes on top; afterwards one attempt per interval.
  auto const most = 3 + callers + static_cast<std::size_t>(during / pause) + 1;
  EXPECT_LE(asked, most);
  EXPECT_LE(tried, most + callers) << "connections that were tried";
  // One interval, the request that tries next, and what a busy machine takes.
  EXPECT_LE(recovery, pause + beat + 3s);
  std::printf(
      "%s: %u requests, %u by the cloud, %u by Ollama; %zu cloud attempts during the outage, back after %.1f s\n",
      kind.name, heard.all(), heard.cloud.load(), heard.local.load(), asked,
      std::chrono::duration<double>(recovery).count());
  check_sums(w.daemon(), heard.all());
}

TEST(Outage, OfACloudThatAnswers503CostsFewAttemptsAndNobodyNotices) {
  play({"503", true,
        [](world& w, fault_gate&) {
          w.openai.on("/v1/chat/completions", reply(503, openai::error("The server had an error", "server_error")));
        },
        [](world& w, fault_gate&) { serve_cloud(w.openai); }});
}

TEST(Outage, OfACloudThatRefusesConnectionsCostsFewAttemptsAndNobodyNotices) {
  play({"refused", false,
        [](world&, fault_gate& gate) {
          gate.set(fault_gate::door::refuse);
          gate.reset_all();
        },
        [](world&, fault_gate& gate) { gate.heal(); }});
}

TEST(Flapping, ACloudThatFailsEveryThirdSecondLosesNobodysRequest) {
  auto const lasts = at_full_length() ? 60s : 5s;
  constexpr unsigned callers = 50;
  world w;
  fault_gate gate(w.openai.port());
  world_options options;
  options.openai_url = gate.url();
  options.breaker = "{open_for: 500ms, open_for_max: 500ms}";
  w.start(options);
  tally heard;
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (unsigned c = 0; c < callers; ++c)
    threads.emplace_back([&] {
      while (!over) {
        heard.count(ask(w.port(), false));   // a stream that is cut in the middle may be seen
        std::this_thread::sleep_for(100ms);  // a caller thinks
      }
    });
  auto const began = steady::now();
  for (int second = 0; steady::now() < began + lasts; ++second) {
    if (second % 3 == 2) {
      gate.set(fault_gate::door::refuse);
      gate.reset_all();
    } else {
      gate.heal();
    }
    std::this_thread::sleep_until(began + std::chrono::seconds(second + 1));
  }
  over = true;
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(heard.wrong, 0U);
  EXPECT_GT(heard.cloud, 0U);
  EXPECT_GT(heard.local, 0U);
  std::printf("flapping: %u requests, %u by the cloud, %u by Ollama\n", heard.all(), heard.cloud.load(),
              heard.local.load());
  check_sums(w.daemon(), heard.all());
}

TEST(Address, ThatChangesWhileConnectionsAreKeptIsFollowedWithinAMinute) {
  if (!at_full_length()) GTEST_SKIP() << "takes as long as an address is kept: run tests/fault/soak";
  if (!has_own_network()) GTEST_SKIP() << "needs root, for a network namespace with a name server of its own";
  name_server names("127.0.0.1", 53);
  names.set("cloud.test", {name_server::mood::answers, {cloud_address}});
  world w(make_server_context(shared_ca().good().certificate_file, shared_ca().good().key_file));
  fault_gate old_place(w.openai.port(), cloud_address);
  fault_gate new_place(w.openai.port(), second_cloud_address, old_place.port());
  world_options options;
  options.openai_url = "https://cloud.test:" + std::to_string(old_place.port());
  options.openai_more = ", tls: {ca_file: \"" + shared_ca().ca_file() + "\"}";
  options.breaker = "{open_for: 500ms, open_for_max: 500ms}";
  w.start(options);
  tally heard;
  heard.count(ask(w.port(), false));
  EXPECT_EQ(heard.cloud, 1U);
  names.set("cloud.test", {name_server::mood::answers, {second_cloud_address}});
  old_place.set(fault_gate::door::close_on_accept);
  old_place.drop_all();
  EXPECT_TRUE(eventually(
      [&] {
        heard.count(ask(w.port(), false));
        std::this_thread::sleep_for(200ms);
        return heard.cloud >= 2;
      },
      steady::now() + 70s));
  EXPECT_GE(new_place.connections(), 1U);
  EXPECT_EQ(heard.wrong, 0U);
  check_sums(w.daemon(), heard.all());
}

}  // namespace
}  // namespace tideover::test
