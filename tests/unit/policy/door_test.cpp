// What is refused before anybody is asked, and what becomes of a body while it comes in.
#include "tideover/policy/door.hpp"

#include <gtest/gtest.h>

#include "unit/policy/examples.hpp"

namespace tideover::policy {
namespace {

using namespace examples;

/// As the exchange asks, with no page allowed.
std::optional<adapt::own_error> refuse_head(const request_head& head, const adapt::request_framing& framing,
                                            const adapt::host_rules& hosts) {
  return policy::refuse_head(head, framing, hosts, adapt::judge_page(head, {}));
}

std::string code_of(const std::optional<adapt::own_error>& error) { return error ? error->code : "-"; }

TEST(Door, FramingComesBeforeHostAndHostBeforeOrigin) {
  adapt::host_rules const hosts;
  auto const good = request("POST", "/v1/messages", {{"Host", "localhost"}});
  EXPECT_EQ(code_of(refuse_head(good, {}, hosts)), "-");
  adapt::request_framing ambiguous;
  ambiguous.refuse_status = 400;
  ambiguous.why = "two lengths";
  auto const bad = request("POST", "/", {{"Host", "evil.example"}, {"Origin", "https://evil.example"}});
  EXPECT_EQ(code_of(refuse_head(bad, ambiguous, hosts)), "bad_request");
  EXPECT_EQ(code_of(refuse_head(bad, {}, hosts)), "host_not_allowed");
  EXPECT_EQ(code_of(refuse_head(bad, {}, {.machine_name = {}, .configured = {"evil.example"}})), "-")
      << "a page of this very host";
  auto const page = request("POST", "/", {{"Host", "localhost"}, {"Origin", "https://evil.example"}});
  EXPECT_EQ(code_of(refuse_head(page, {}, hosts)), "origin_not_allowed");
}

TEST(Door, OnlyKeysThatAreNoneAreRefused) {
  EXPECT_EQ(code_of(refuse_key(key_verdict::not_asked)), "-");
  EXPECT_EQ(code_of(refuse_key(key_verdict::known)), "-");
  EXPECT_EQ(code_of(refuse_key(key_verdict::missing)), "client_key_missing");
  EXPECT_EQ(code_of(refuse_key(key_verdict::wrong)), "client_key_wrong");
}

TEST(Door, AnAuthorityThatIsNotOursIsRefusedBeforeThePath) {
  auto const configuration = house();
  auto const head = request("POST", "http://api.example.com/nowhere");
  EXPECT_EQ(code_of(refuse_route(find_route(head, configuration), {})), "host_not_allowed");
  auto const here = request("POST", "http://localhost/nowhere");
  EXPECT_EQ(code_of(refuse_route(find_route(here, configuration), {})), "unknown_path");
}

TEST(Door, AKeyThatIsHeldToModelsAsksForNoOther) {
  config::client_key key;
  key.name = "crm";
  route r;
  const auto asks = [&](endpoint what, std::string_view body) {
    r.what = what;
    return code_of(refuse_models_of(&key, r, body));
  };
  auto const* const other = R"({"model":"gpt-4o"})";
  EXPECT_EQ(asks(endpoint::chat_completions, other), "-") << "held to nothing";
  r.what = endpoint::other_v1;
  EXPECT_EQ(code_of(refuse_path_of(&key, r)), "-");
  key.models = {"gpt-4o-mini", "llama*"};
  for (auto const what : {endpoint::chat_completions, endpoint::completions, endpoint::responses, endpoint::messages,
                          endpoint::count_tokens, endpoint::embeddings}) {
    EXPECT_EQ(asks(what, other), "model_not_allowed");
    EXPECT_EQ(asks(what, R"({"model":"gpt-4o-mini"})"), "-");
    EXPECT_EQ(asks(what, R"({"model":"gpt-4o","model":"gpt-4o-mini"})"), "model_not_allowed") << "the first counts too";
    EXPECT_EQ(asks(what, R"({"model":"gpt-4o-mini","Model":"gpt-4o"})"), "model_not_allowed");
    EXPECT_EQ(asks(what, R"({"model":"gpt-4o-mini","models":["gpt-4o"]})"), "model_not_allowed");
    EXPECT_EQ(asks(what, R"({"prompt":{"id":"pmpt_1"}})"), "model_not_allowed") << "a stored prompt has a model";
    EXPECT_EQ(asks(what, R"({"model":"gpt-4o-mini")"), "model_not_allowed") << "not to be read to its end";
    EXPECT_EQ(asks(what, ""), "model_not_allowed");
  }
  EXPECT_EQ(asks(endpoint::ollama_native, R"({"MODEL":"qwen3:8b"})"), "model_not_allowed");
  EXPECT_EQ(asks(endpoint::ollama_native, R"({"name":"qwen3:8b"})"), "model_not_allowed");
  EXPECT_EQ(asks(endpoint::ollama_native, R"({"Name":"llama3.1:8b"})"), "-");
  EXPECT_EQ(asks(endpoint::ollama_native, ""), "-") << "a list";
  EXPECT_EQ(asks(endpoint::models, ""), "-");
  EXPECT_EQ(code_of(refuse_path_of(&key, r)), "-");
  r.what = endpoint::other_v1;
  EXPECT_EQ(code_of(refuse_path_of(&key, r)), "path_not_allowed");
  EXPECT_EQ(code_of(refuse_path_of(nullptr, r)), "-") << "somebody else's key";
  key.models = {"gpt-4o-mini", "*"};
  EXPECT_EQ(code_of(refuse_path_of(&key, r)), "-");
  EXPECT_EQ(asks(endpoint::chat_completions, other), "-");
}

TEST(Door, TheRefusalOfAModelNamesItAndTheKey) {
  config::client_key key;
  key.name = "crm";
  key.models = {"a"};
  route r;
  r.what = endpoint::messages;
  auto const refused = refuse_models_of(&key, r, R"({"model":")" + std::string(5000, 'm') + "\"}");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 403);
  EXPECT_NE(refused->message.find("`crm`"), std::string::npos);
  EXPECT_NE(refused->message.find("`mmm"), std::string::npos);
  EXPECT_LT(refused->message.size(), 400u);
}

std::optional<adapt::own_error> read_refused(const route& r, std::string_view body) {
  return read_native_body(r, body).refused;
}

TEST(Door, OllamasOwnPathsNameOneModelInItsPlainForm) {
  route r;
  r.what = endpoint::ollama_native;
  EXPECT_EQ(read_native_body(r, R"({"Model":"Llama3.1:8b"})").model, "Llama3.1:8b");
  EXPECT_EQ(read_native_body(r, R"({"model":"","name":"a"})").model, "a");
  EXPECT_EQ(read_native_body(r, R"({"messages":[]})").model, "") << "which is Ollama's to refuse";
  for (auto const* body :
       {R"({"model":"a ","x":1})", R"({"model":"\u212aimi"})", R"({"model":"a@sha256:0"})", R"({"model":"a\u0000"})",
        "{\"model\":\"a\xff\"}", R"({"model":"a","name":"b"})", R"({"model":"a","MODEL":"b"})"})
    EXPECT_EQ(code_of(read_refused(r, body)), "bad_request") << body;
  for (auto const* body :
       {R"({"model":"x: cloud"})", R"({"model":"x:cloud\u00a0"})", R"({"model":"a","Name":"x:Cloud\n"})"})
    EXPECT_EQ(code_of(read_refused(r, body)), "cloud_model_refused") << body;
  for (auto const* body : {R"({"model":"a","name":"A:latest"})", R"({"model":"","messages":[]})", R"({"model":7})"})
    EXPECT_EQ(code_of(read_refused(r, body)), "-") << body;
}

TEST(Door, OllamasOwnPathsServeNoModelsOfItsCloud) {
  route r;
  r.what = endpoint::ollama_native;
  for (auto const* body : {R"({"model":"m:cloud"})", R"({"MODEL":"m:120b-cloud"})", R"({"name":"m:cloud"})",
                           R"({"model":"m:cloud","model":"m"})"})
    EXPECT_EQ(code_of(read_refused(r, body)), "cloud_model_refused") << body;
  EXPECT_EQ(code_of(read_refused(r, R"({"model":"m","prompt":"x:cloud"})")), "-");
  auto const behind = [](std::size_t levels) {
    return "{\"x\":" + std::string(levels, '[') + std::string(levels, ']') + ",\"model\":\"m:cloud\"}";
  };
  EXPECT_EQ(code_of(read_refused(r, behind(500))), "cloud_model_refused");
  // Ollama reads ten thousand levels, so a name of its cloud could stand behind what our reader gives up at.
  EXPECT_EQ(code_of(read_refused(r, behind(2000))), "bad_request");
  EXPECT_EQ(code_of(read_refused(r, "")), "-");
  r.what = endpoint::chat_completions;
  EXPECT_EQ(code_of(read_refused(r, R"({"model":"m:cloud"})")), "-") << "there it is a name like any other";
}

TEST(Door, OnlyLargeBodiesOfCloudOnlyPathsAreStreamedThrough) {
  using adapt::body_kind;
  const auto framed = [](body_kind kind, std::uint64_t length) {
    adapt::request_framing f;
    f.body = kind;
    f.length = length;
    return f;
  };
  struct {
    endpoint what;
    body_kind kind;
    std::uint64_t length;
    body_plan plan;
  } const rows[] = {
      {endpoint::chat_completions, body_kind::none, 0, body_plan::nothing},
      {endpoint::chat_completions, body_kind::length, 0, body_plan::nothing},
      {endpoint::chat_completions, body_kind::length, 1u << 20, body_plan::hold},
      {endpoint::chat_completions, body_kind::chunked, 0, body_plan::hold},
      {endpoint::other_v1, body_kind::length, 64u << 10, body_plan::hold},
      {endpoint::other_v1, body_kind::length, (64u << 10) + 1, body_plan::stream_through},
      {endpoint::other_v1, body_kind::chunked, 0, body_plan::stream_through},
  };
  for (const auto& row : rows)
    EXPECT_EQ(plan_body(row.what, framed(row.kind, row.length)), row.plan)
        << token(row.what) << ' ' << static_cast<int>(row.kind) << ' ' << row.length;
  EXPECT_EQ(code_of(refuse_length(body_plan::hold, framed(body_kind::length, 11), 10)), "request_too_large");
  EXPECT_EQ(code_of(refuse_length(body_plan::hold, framed(body_kind::length, 10), 10)), "-");
  EXPECT_EQ(code_of(refuse_length(body_plan::stream_through, framed(body_kind::length, 11), 10)), "-");
}

}  // namespace
}  // namespace tideover::policy
