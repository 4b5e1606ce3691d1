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

TEST_F(FinalError, APolicyThatKeepsFromSomebodyIsNamedAndNotWaitedFor) {
  auto const files = after("/w/local_only/v1/files", reason::connect);
  EXPECT_EQ(files.message,
            "This path is served by the cloud alone, and the policy of workflow local_only (local_only) keeps the "
            "request from it.");
  EXPECT_FALSE(files.waiting_helps);
  auto const tags = find_route(request("GET", "/w/cloud_only/api/tags"), configuration);
  failover machine(plan_for(tags, body, configuration, {.started = now}), configuration);
  ASSERT_EQ(machine.next(now, nullptr), failover::step::give_up);
  EXPECT_NE(final_error({.machine = machine, .asked = tags, .body = body, .configuration = configuration})
                .message.find("served by the local tier alone"),
            std::string::npos);
  auto const vectors = after("/w/local_only/v1/embeddings", reason::connect);
  EXPECT_EQ(vectors.code, "no_same_embedding_model");
  EXPECT_FALSE(vectors.waiting_helps);
  EXPECT_TRUE(after("/v1/embeddings", reason::connect).waiting_helps) << "the cloud may come back";
  EXPECT_EQ(after("/w/local_only/v1/chat/completions", reason::connect).message,
            "The cloud was not asked (policy), and ollama failed (connect). Is it running? Try: ollama list");
  EXPECT_NE(after("/v1/chat/completions", reason::connect).message.find("The cloud did not serve (connect)"),
            std::string::npos);
  configuration.upstreams.clear();
  auto const nobody = after("/v1/files", reason::connect);
  EXPECT_EQ(nobody.message, "No upstream is configured.");
  EXPECT_FALSE(nobody.waiting_helps);
}

TEST_F(FinalError, WaitingMendsNoStateThatAPolicyKeepsAway) {
  body.not_replayable = "conversation";
  EXPECT_TRUE(after("/v1/responses", reason::server_error).waiting_helps);
}

TEST_F(FinalError, ARedirectIsABadGatewayWhereNobodyElseCanServe) {
  auto const files = after("/v1/files", reason::redirect);
  EXPECT_EQ(files.status, 502);
  EXPECT_EQ(files.code, "upstream_redirected");
  EXPECT_FALSE(files.waiting_helps);
  auto const native = after("/api/chat", reason::redirect);
  EXPECT_EQ(native.code, "local_unavailable");
  EXPECT_NE(native.message.find("Redirects are never followed"), std::string::npos);
}

}  // namespace
}  // namespace tideover::policy
