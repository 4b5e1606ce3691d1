// The local tier's watchers before a server that is scripted, driven from the test's thread with a clock that the test
// moves. Not the data path: no exchange runs here.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>

#include "support/living_ollama.hpp"
#include "support/llama_server.hpp"
#include "tideover/ops/local_watch.hpp"

namespace tideover::ops {

struct Tier : testing::Test {
  Tier() {
    config::upstream local;
    local.name = "ollama";
    local.title = "Ollama";
    local.tier = tier::local;
    local.dialect = dialect::ollama;
    local.urls.push_back({false, "127.0.0.1", server.port(), {}});
    made->upstreams = {local};
    made->models = {{"*", "llama3.1:8b"}};
    made->workflows["default"].name = "default";
  }
  ~Tier() override {
    loop.reactions().cancel_everything();
    tier_.reset();
  }

  void begin(test::living_options how = {}) {
    ollama.emplace(server, std::move(how));
    start();
  }
  void begin_other(test::llama_options how = {}) {
    made->upstreams[0].dialect = dialect::openai;
    llama.emplace(server, std::move(how));
    start();
  }
  void start() {
    shared.configuration = made;
    shared.upstreams = proxy::list_routes(*made);
    shared.names = &names;
    shared.gates = {std::make_shared<proxy::local_gate>(made->upstreams[0])};
    tier_.emplace(loop, shared, std::uint16_t{0}, stays);
  }
  /// Lets the loop and the tier run until `holds`; false when it never does.
  bool until(const std::function<bool()>& holds) {
    for (auto const deadline = test::soon(); clock::now() < deadline;) {
      tier_->tick(clock::now() + ahead, trouble);
      loop.turn(std::chrono::milliseconds(5));
      loop.reactions().sweep(clock::now());
      if (holds()) return true;
    }
    return false;
  }
  readiness_report check() {
    bool done = false;
    tier_->readiness().check_now([&] { done = true; });
    EXPECT_TRUE(until([&] { return done; }));
    return tier_->readiness().report();
  }
  /// Asks the servers once more.
  void look() {
    bool done = false;
    tier_->refresh([&] { done = true; });
    EXPECT_TRUE(until([&] { return done; }));
  }
  bool known() {
    return until([&] { return tier_->current()->known; });
  }
  int chats() const { return static_cast<int>(server.requests_to("/api/chat").size()); }

  std::size_t shows() const { return server.requests_to("/api/show").size(); }

  test::scripted_upstream server;
  std::shared_ptr<config::snapshot> made = std::make_shared<config::snapshot>();
  net::event_loop loop;
  net::resolver names;
  proxy::services shared;
  std::shared_ptr<model_stays> stays = std::make_shared<model_stays>();
  std::optional<test::living_ollama> ollama;
  std::optional<test::llama_server> llama;
  std::optional<local_watch> tier_;
  duration ahead{};  // of the real clock
  bool trouble = false;
};

}  // namespace tideover::ops
