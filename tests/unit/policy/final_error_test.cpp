// Why nobody could serve, in the words that tell the caller what to do.
#include "tideover/policy/final_error.hpp"

#include <gtest/gtest.h>

#include "tideover/policy/plan.hpp"
#include "unit/policy/examples.hpp"

namespace tideover::policy {
namespace {

using namespace examples;
using namespace std::chrono_literals;

struct FinalError : testing::Test {
  config::snapshot configuration = house();
  adapt::request_facts body;
  time_point now{1h};
  FinalError() { body.is_json_object = true; }

  /// Everybody who is asked fails with `why`.
  adapt::own_error after(std::string_view target, reason why, const adapt::own_error* local_error = nullptr,
                         std::optional<unsigned> left_alone = {}, duration later = {}) {
    auto const r = find_route(request("POST", target), configuration);
    failover machine(plan_for(r, body, configuration, {.started = now}), configuration);
    while (machine.next(now, nullptr) == failover::step::attempt) {
      failure what;
      what.why = why;
      machine.failed(what, now);
      now += later;
    }
    return final_error({.machine = machine,
                        .asked = r,
                        .body = body,
                        .configuration = configuration,
                        .local_error = local_error,
                        .left_alone_for = left_alone});
  }
};

TEST_F(FinalError, NamesWhatToDo) {
  auto const both = after("/v1/chat/completions", reason::connect);
  EXPECT_EQ(both.status, 503);
  EXPECT_EQ(both.code, "local_unavailable");
  EXPECT_NE(both.message.find("Is it running? Try: ollama list"), std::string::npos) << both.message;

  adapt::own_error const lacking{503, "local_model_missing", "pull it", {}};
  EXPECT_EQ(after("/v1/chat/completions", reason::connect, &lacking).code, "local_model_missing");
  EXPECT_EQ(after("/w/cloud_only/v1/chat/completions", reason::timeout).code, "cloud_unavailable");
  EXPECT_NE(after("/w/cloud_only/v1/chat/completions", reason::timeout, nullptr, 7).message.find("in 7 s"),
            std::string::npos);
  EXPECT_EQ(after("/v1/embeddings", reason::connect).code, "no_same_embedding_model");
  EXPECT_EQ(after("/w/local_only/v1/files", reason::connect).code, "no_upstream");
}

TEST_F(FinalError, NamesTheFieldThatForbadeAReplay) {
  body.not_replayable = "conversation";
  auto const error = after("/v1/responses", reason::server_error);
  EXPECT_EQ(error.code, "not_replayable");
  EXPECT_EQ(error.param, "conversation");
  body = {};
  EXPECT_EQ(after("/v1/responses", reason::server_error).code, "not_replayable");
}

TEST_F(FinalError, TheDeadlineIsAGatewayTimeout) {
  auto const error = after("/v1/chat/completions", reason::timeout, nullptr, {}, 1h);
  EXPECT_EQ(error.status, 504);
  EXPECT_EQ(error.code, "deadline_exceeded");
}

}  // namespace
}  // namespace tideover::policy
