#include "tideover/adapt/chat/clean_history.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "simulation/seed.hpp"

namespace tideover::adapt::chat {
namespace {

using kind = cleaned::kind;

std::string const signature = make_signature("8f3a");
std::string const local_thinking = R"({"type":"thinking","thinking":"t","signature":")" + signature + "\"}";
std::string const cloud_thinking = R"({"type":"thinking","thinking":"t","signature":"ErUB+/=="})";
std::string const hi = R"({"role":"user","content":"hi"})";

std::string assistant(const std::string& blocks) { return R"({"role":"assistant","content":[)" + blocks + "]}"; }
std::string chat(const std::string& messages, const std::string& rest = "") {
  return R"({"model":"claude","messages":[)" + messages + "]" + rest + "}";
}

struct history_row {
  const char* name;
  std::string body;
  std::string expected;  // the same text where nothing changes
  std::vector<std::string> notes = {"dropped thinking of the local model"};
};

void check(endpoint what, const std::vector<history_row>& rows) {
  for (auto const& row : rows) {
    SCOPED_TRACE(row.name);
    auto const result = clean_history(what, row.body);
    if (row.expected == row.body) {
      EXPECT_EQ(result.what, kind::unchanged) << result.body;
      continue;
    }
    ASSERT_EQ(result.what, kind::changed);
    EXPECT_EQ(result.body, row.expected);
    EXPECT_EQ(result.notes, row.notes);
  }
}

TEST(CleanHistory, LocalThinkingBlocksGoAndEverythingElseStaysByteForByte) {
  std::string const text = R"({ "type" : "text",  "text":"\u0061 ~" })";
  auto const unchanged = [](const std::string& body) { return history_row{"", body, body}; };
  check(
      endpoint::messages,
      {
          unchanged(chat(hi)),
          unchanged(chat(hi + "," + assistant(cloud_thinking + "," + text))),
          unchanged(chat(R"({"role":"user","content":"what is )" + signature + "?\"}")),
          unchanged(chat(assistant(R"({"type":"text","text":")" + signature + "\"}"))),
          unchanged(R"({"messages":")" + signature + "\"}"),
          unchanged(R"({"messages":[)" + assistant(local_thinking)),  // no JSON: the cloud's to refuse
          {"first block", chat(hi + "," + assistant(local_thinking + " , " + text)), chat(hi + "," + assistant(text))},
          {"last block", chat(assistant(text + " , " + local_thinking + " ")), chat(assistant(text + " "))},
          {"block in the middle", chat(assistant(cloud_thinking + "," + local_thinking + "," + text)),
           chat(assistant(cloud_thinking + "," + text))},
          {"several blocks", chat(assistant(local_thinking + "," + local_thinking + "," + text + "," + local_thinking)),
           chat(assistant(text))},
          {"a message of nothing else", chat(hi + ", " + assistant(local_thinking) + ", " + hi), chat(hi + ", " + hi)},
          {"the first message of nothing else", chat(assistant(local_thinking) + ", " + hi), chat(hi)},
          {"several messages",
           chat(assistant(local_thinking + "," + text) + "," + hi + "," + assistant(local_thinking) + "," +
                assistant(text + "," + local_thinking)),
           chat(assistant(text) + "," + hi + "," + assistant(text))},
          {"a signature written with an escape",
           chat(assistant(R"({"type":"thinking","signature":"\u0074ideoverQ1"},)" + text + "," + local_thinking)),
           chat(assistant(text))},
      });
}

TEST(CleanHistory, OtherRoutesAreNotLookedAt) {
  auto const body = chat(assistant(local_thinking + "," + cloud_thinking));
  for (auto const what : {endpoint::chat_completions, endpoint::completions, endpoint::embeddings, endpoint::other_v1})
    EXPECT_EQ(clean_history(what, body).what, kind::unchanged);
  EXPECT_EQ(clean_history(endpoint::count_tokens, body).what, kind::changed);
}

TEST(CleanHistory, ThinkingIsTurnedOffWhereTheCloudWouldMissItsOwn) {
  std::string const enabled = R"(,"thinking": {"type":"enabled","budget_tokens":1024},"max_tokens":9)";
  std::string const disabled = R"(,"thinking": {"type":"disabled"},"max_tokens":9)";
  std::string const adaptive = R"(,"thinking": {"type":"adaptive"},"max_tokens":9)";
  auto const use = [](const std::string& id) {
    return R"({"type":"tool_use","id":")" + id + R"(","name":"f","input":{}})";
  };
  std::string const result = R"(,{"role":"user","content":[{"type":"tool_result","tool_use_id":"x","content":"1"}]})";
  auto const local_use = use(make_id("toolu_", "1"));
  std::string const off = "thinking turned off for a turn that a local model began";
  std::string const dropped = "dropped thinking of the local model";
  auto const management = [](const std::string& edits) { return R"(,"context_management":{"edits":[)" + edits + "]}"; };
  check(endpoint::messages,
        {
            {"a local call after local thinking",
             chat(hi + "," + assistant(local_thinking + "," + local_use) + result, enabled),
             chat(hi + "," + assistant(local_use) + result, disabled),
             {dropped, off}},
            {"a local call of a model that does not think",
             chat(hi + "," + assistant(local_use) + result, enabled),
             chat(hi + "," + assistant(local_use) + result, disabled),
             {off}},
            {"adaptive thinking makes no such demand", chat(assistant(local_use) + result, adaptive),
             chat(assistant(local_use) + result, adaptive)},
            {"the cloud's own thinking is there", chat(assistant(cloud_thinking + "," + local_use) + result, enabled),
             chat(assistant(cloud_thinking + "," + local_use) + result, enabled)},
            {"a later turn of the cloud",
             chat(assistant(local_use) + result + "," + assistant(cloud_thinking + "," + use("toolu_1")) + result,
                  enabled),
             chat(assistant(local_use) + result + "," + assistant(cloud_thinking + "," + use("toolu_1")) + result,
                  enabled)},
            {"an answer in text",
             chat(assistant(local_thinking + R"(,{"type":"text","text":"a"})") + "," + hi, enabled),
             chat(assistant(R"({"type":"text","text":"a"})") + "," + hi, enabled),
             {dropped}},
            {"what demands thinking goes as well",
             chat(assistant(local_use) + result,
                  enabled + management(R"({"type":"clear_thinking_20251015"},{"type":"clear_tool_uses_20250919"})")),
             chat(assistant(local_use) + result, disabled + management(R"({"type":"clear_tool_uses_20250919"})")),
             {off}},
        });
}

std::string input(const std::string& items, const std::string& rest = "") {
  return R"({"input":[)" + items + "]" + rest + "}";
}

TEST(CleanHistory, LocalReasoningItemsGo) {
  std::string const user = R"({"type":"message","role":"user","content":"hi"})";
  std::string const by_id = R"({"type":"reasoning","id":")" + make_id("rs_", "1") + R"(","summary":[]})";
  std::string const by_content =
      R"({"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":")" + signature + "\"}";
  std::string const cloud = R"({"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"gAAA"})";
  std::string const call =
      R"({"type":"function_call","id":")" + make_id("fc_", "1") + R"(","call_id":"c","name":"f","arguments":"{}"})";
  std::vector<std::string> const notes = {"dropped reasoning of the local model"};
  auto const reference = [](const std::string& prefix) {
    return R"({"type":"item_reference","id":")" + make_id(prefix, "1") + "\"}";
  };
  check(endpoint::responses,
        {
            {"known by its id", input(user + ", " + by_id + ", " + user), input(user + ", " + user), notes},
            {"known by its content", input(by_content + ", " + user), input(user), notes},
            {"the cloud's stays", input(cloud + "," + by_id + "," + call), input(cloud + "," + call), notes},
            {"calls and messages stay", input(call + "," + user), input(call + "," + user)},
            {"a reference to reasoning", input(reference("rs_") + "," + user), input(user), notes},
            {"text input", R"({"input":")" + signature + "\"}", R"({"input":")" + signature + "\"}"},
        });
}

TEST(CleanHistory, ReferencesToLocalAnswersAreRefusedWithTheCloudsOwnCode) {
  auto const previous =
      clean_history(endpoint::responses, R"({"input":"hi","previous_response_id":")" + make_id("resp_", "1") + "\"}");
  EXPECT_EQ(previous.what, kind::refused);
  EXPECT_EQ(previous.why.code, "previous_response_not_found");
  EXPECT_EQ(previous.why.field, "previous_response_id");
  EXPECT_NE(previous.why.message.find("local model"), std::string::npos);

  for (const char* type : {R"("type":"item_reference",)", ""}) {
    auto const item =
        clean_history(endpoint::responses, input("{" + std::string(type) + R"("id":")" + make_id("msg_", "1") + "\"}"));
    EXPECT_EQ(item.what, kind::refused);
    EXPECT_EQ(item.why.field, "input[].type=item_reference");
  }
  EXPECT_EQ(clean_history(endpoint::responses, R"({"input":"tideoverQ","previous_response_id":"resp_68a"})").what,
            kind::unchanged);
}

/// Random conversations: what is left is the document without its local parts, in the bytes that were there.
TEST(CleanHistory, WhatIsLeftIsTheSameDocumentWithoutItsLocalParts) {
  for (auto const seed : simulation::seeds(200)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    simulation::dice dice(seed);
    std::string_view const spaces[] = {"", " ", "\n  ", "\t"};
    std::string const others[] = {cloud_thinking, R"({"type":"text","text":"tideoverQ ]},{"})",
                                  R"({"type":"text","text":"\"\\"})", R"({"type":"image","source":{"data":"QQQQ"}})"};
    std::string body = R"({"messages":[)";
    auto expected = nlohmann::json::array();
    bool any_local = false;
    for (std::uint64_t messages = dice.below(5), i = 0; i < messages; ++i) {
      std::string blocks;
      auto kept = nlohmann::json::array();
      std::uint64_t const count = dice.below(5);
      for (std::uint64_t b = 0; b < count; ++b) {
        bool const local = dice.once_in(2);
        any_local = any_local || local;
        std::string const block = local ? local_thinking : dice.pick(others);
        if (!local) kept.push_back(nlohmann::json::parse(block));
        if (b != 0) blocks.append(dice.pick(spaces)).append(",");
        blocks.append(dice.pick(spaces)).append(block);
      }
      if (i != 0) body.append(dice.pick(spaces)).append(",");
      body.append(dice.pick(spaces)).append(R"({"role":"assistant","content":[)").append(blocks).append("]}");
      if (count == 0 || !kept.empty()) expected.push_back({{"role", "assistant"}, {"content", kept}});
    }
    body += R"(] ,"x":1.0})";
    auto const result = clean_history(endpoint::messages, body);
    EXPECT_EQ(result.what, any_local ? kind::changed : kind::unchanged);
    if (result.what != kind::changed) continue;
    auto const document = nlohmann::json::parse(result.body, nullptr, false);
    ASSERT_FALSE(document.is_discarded()) << result.body;
    EXPECT_EQ(document.at("messages"), expected);
    EXPECT_TRUE(result.body.ends_with(R"(] ,"x":1.0})"));
    // Every byte that is left is one that was there, in the same order.
    std::size_t at = 0;
    for (char c : result.body) {
      at = body.find(c, at);
      ASSERT_NE(at, std::string::npos);
      ++at;
    }
  }
}

TEST(LocalMark, IsInEveryIdAndSignatureAndNowhereElse) {
  for (const char* prefix : {"rs_", "resp_", "msg_", "fc_", "toolu_", "call_", "chatcmpl-", "cmpl-"}) {
    EXPECT_TRUE(is_local_id(make_id(prefix, "8f3a"))) << prefix;
    EXPECT_TRUE(may_hold_local_mark(make_id(prefix, "8f3a"))) << prefix;
  }
  EXPECT_TRUE(is_local_signature(signature));
  for (const char* foreign : {"", "rs_", "rs_68a1", "tideoverQ8f3a", "rs_xtideoverQ"})
    EXPECT_FALSE(is_local_id(foreign));
  for (const char* foreign : {"", "ErUB", "xtideoverQ", "tideover"}) EXPECT_FALSE(is_local_signature(foreign));
  EXPECT_FALSE(may_hold_local_mark(""));
  EXPECT_FALSE(may_hold_local_mark("Q"));
  EXPECT_FALSE(may_hold_local_mark("QQQtideover"));
  EXPECT_TRUE(may_hold_local_mark("QQtideoverQ"));
  EXPECT_TRUE(may_hold_local_mark("tideoverQ"));
  EXPECT_FALSE(may_hold_local_mark(std::string_view("xtideoverQ").substr(2)));
}

TEST(LocalMark, IdsConsistOfWhatTheMessagesApiTakes) {
  auto const id = make_id("toolu_", "8f3a");
  EXPECT_EQ(id.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"),
            std::string::npos);
}

}  // namespace
}  // namespace tideover::adapt::chat
