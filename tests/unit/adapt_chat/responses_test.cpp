#include "request_table.hpp"

namespace tideover::adapt::chat {
namespace {

std::string with(const std::string& rest) { return R"({"input":"hi",)" + rest + "}"; }
std::string const plain = R"({"input":"hi"})";
std::string items(const std::string& list) { return R"({"input":[)" + list + "]}"; }
std::string const user = R"({"type":"message","role":"user","content":"hi"})";
std::string const native_user = R"({"role":"user","content":"hi"})";
std::string asked(const std::string& messages, const std::string& rest = "") {
  return R"({"messages":[)" + messages + "]" + (rest.empty() ? "" : "," + rest) + "}";
}
std::string const native = asked(native_user);

TEST(ResponsesRequest, InputItemsBecomeWhatTheLocalServerReads) {
  std::string const no_reasoning = "dropped reasoning of an earlier turn";
  check(
      endpoint::responses,
      {
          {"text", plain, native},
          {"message", items(user), native},
          {"message without a type", items(R"({"role":"user","content":"hi"})"), native},
          {"instructions", with(R"("instructions":"i")"), asked(R"({"role":"system","content":"i"},)" + native_user)},
          {"instructions and developer",
           R"({"instructions":"i","input":[{"role":"developer","content":"x"},)" + user + "]}",
           asked(R"({"role":"system","content":"i\n\nx"},)" + native_user),
           {"role developer became system"}},
          {"text parts",
           items(R"({"role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_text","text":"b"}]})"),
           asked(R"({"role":"user","content":"a\nb"})")},
          {"an answer given back",
           items(R"({"type":"message","id":"msg_1","status":"completed","role":"assistant","content":)"
                 R"([{"type":"output_text","text":"a","annotations":[]}]})"),
           asked(R"({"role":"assistant","content":"a"})")},
          {"refusal part", items(R"({"role":"assistant","content":[{"type":"refusal","refusal":"no"}]})"),
           asked(R"({"role":"assistant","content":"no"})")},
          {"image",
           items(R"({"role":"user","content":[{"type":"input_text","text":"a"},)"
                 R"({"type":"input_image","image_url":"data:image/png;base64,AAAA"}]})"),
           asked(R"({"role":"user","content":"a","images":["AAAA"]})")},
          {"image on the web",
           items(R"({"role":"user","content":[{"type":"input_image","image_url":"http://x.test/a.png"}]})"),
           "unsupported_content input[].content[].image_url",
           {},
           true},
          {"stored image",
           items(R"({"role":"user","content":[{"type":"input_image","file_id":"file-1"}]})"),
           "not_replayable input[].content[].file_id",
           {},
           true},
          {"file",
           items(R"({"role":"user","content":[{"type":"input_file","file_data":"AA"}]})"),
           "unsupported_content input[].content[].type=input_file",
           {},
           true},
          {"call and its output",
           items(
               R"({"type":"function_call","id":"fc_1","status":"completed","call_id":"c1","name":"f","arguments":""},)"
               R"({"type":"function_call_output","call_id":"c1","output":"42"})"),
           asked(R"({"role":"assistant","content":"","tool_calls":[{"id":"c1","function":)"
                 R"({"index":0,"name":"f","arguments":{}}}]},)"
                 R"({"role":"tool","tool_call_id":"c1","tool_name":"f","content":"42"})"),
           {"empty tool-call arguments became {}"}},
          {"words and two calls are one turn",
           items(R"({"role":"assistant","content":"a"},)"
                 R"({"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},)"
                 R"({"type":"function_call","call_id":"c2","name":"g","namespace":"n","arguments":"{}"})"),
           asked(R"({"role":"assistant","content":"a","tool_calls":[{"id":"c1","function":)"
                 R"({"index":0,"name":"f","arguments":{}}},{"id":"c2","function":)"
                 R"({"index":1,"name":"n.g","arguments":{}}}]})")},
          {"output in parts",
           items(R"({"type":"function_call_output","call_id":"c1","output":[{"type":"input_text","text":"42"}]})"),
           asked(R"({"role":"tool","tool_call_id":"c1","content":"42"})")},
          {"output with an image",
           items(R"({"type":"function_call_output","call_id":"c1","output":)"
                 R"([{"type":"input_image","image_url":"data:image/png;base64,AAAA"}]})"),
           asked(R"({"role":"tool","tool_call_id":"c1","content":""},)"
                 R"({"role":"user","content":"Images from the result of the tool:","images":["AAAA"]})"),
           {"images in tool results moved to a user message"}},
          {"reasoning",
           items(R"({"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"gAAA"},)" + user),
           native,
           {no_reasoning}},
          {"search by the cloud",
           items(R"({"type":"web_search_call","id":"ws_1"},)" + user),
           native,
           {"dropped records of searches made by the cloud"}},
          {"nothing but reasoning", items(R"({"type":"reasoning","summary":[]})"), "invalid_request input", {}, true},
          {"reference",
           items(R"({"type":"item_reference","id":"msg_1"})"),
           "not_replayable input[].type=item_reference",
           {},
           true},
          {"compacted history",
           items(R"({"type":"compaction","encrypted_content":"x"})"),
           "not_replayable input[].type=compaction",
           {},
           true},
          {"shell call",
           items(R"({"type":"local_shell_call","call_id":"c"})"),
           "unsupported_content input[].type=local_shell_call",
           {},
           true},
          {"unknown role", items(R"({"role":"oracle","content":"x"})"), "invalid_request input[].role", {}, true},
          {"no input", "{}", "invalid_request input", {}, true},
          {"instructions alone", R"({"instructions":"i","input":[]})", "invalid_request input", {}, true},
      });
}

TEST(ResponsesRequest, ParametersAreMappedDroppedOrRefused) {
  std::string const native_tool = R"("tools":[{"type":"function","function":{"name":"f","description":"",)"
                                  R"("parameters":{"type":"object","properties":{}}}}])";
  std::string const told = "tool_choice became an instruction to the model";
  std::string const reduced = "tools reduced to those that tool_choice allows";
  auto const demanded =
      asked(R"({"role":"system","content":"Answer by calling the tool f. Do not answer in text."},)" + native_user,
            native_tool);
  std::vector<request_row> rows = {
      {"sampling", with(R"("max_output_tokens":5,"temperature":0.1,"top_p":0.5,"stream":true)"),
       asked(native_user, R"("stream":true,"options":{"num_predict":5,"temperature":0.1,"top_p":0.5})")},
      {"previous answer", with(R"("previous_response_id":"resp_1")"), "not_replayable previous_response_id", {}, true},
      {"conversation", with(R"("conversation":"conv_1")"), "not_replayable conversation", {}, true},
      {"background", with(R"("background":true)"), "not_replayable background", {}, true},
      {"foreground", with(R"("background":false)"), native},
      {"stored prompt", with(R"("prompt":{"id":"pmpt_1"})"), "not_replayable prompt", {}, true},
      {"format text", with(R"("text":{"format":{"type":"text"}})"), native},
      {"format schema",
       with(R"("text":{"format":{"type":"json_schema","name":"n","strict":true,"schema":{"type":"object"}}})"),
       asked(native_user, R"("format":{"type":"object"})")},
      {"format object", with(R"("text":{"format":{"type":"json_object"}})"), asked(native_user, R"("format":"json")")},
      {"format grammar",
       with(R"("text":{"format":{"type":"grammar"}})"),
       "unsupported_parameter text.format.type",
       {},
       true},
      {"verbosity", with(R"("text":{"verbosity":"low"})"), native, {"dropped text.verbosity"}},
      {"effort, no thinker",
       with(R"("reasoning":{"effort":"high","summary":"auto"})"),
       native,
       {"dropped the wish for reasoning: the local model does not think"},
       false,
       text_only},
      {"effort", with(R"("reasoning":{"effort":"high","summary":"auto"})"), asked(native_user, R"("think":true)")},
      {"no effort", with(R"("reasoning":{"effort":"none"})"), native},
      {"function",
       with(R"("tools":[{"type":"function","name":"f","description":null,"strict":true,"parameters":)"
            R"({"type":"object","properties":{}}}],"tool_choice":"auto")"),
       asked(native_user, native_tool)},
      {"function by name",
       with(R"("tools":[{"type":"function","name":"f"},{"type":"function","name":"g"}],)"
            R"("tool_choice":{"type":"function","name":"f"})"),
       demanded,
       {reduced, told}},
      {"required", with(R"("tools":[{"type":"function","name":"f"}],"tool_choice":"required")"), demanded, {told}},
      {"hosted tool by name",
       with(R"("tools":[{"type":"function","name":"f"}],"tool_choice":{"type":"file_search"})"),
       "tool_choice_unmet tool_choice",
       {},
       true},
      {"allowed tools",
       with(R"("tools":[{"type":"function","name":"f"},{"type":"function","name":"g"}],"tool_choice":)"
            R"({"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"f"}]})"),
       asked(native_user, native_tool),
       {reduced}},
      {"web search", with(R"("tools":[{"type":"web_search"}])"), "not_replayable tools[].type=web_search", {}, true},
      {"shell",
       with(R"("tools":[{"type":"local_shell"}])"),
       "unsupported_parameter tools[].type=local_shell",
       {},
       true},
  };
  for (const char* key :
       {"store", "include", "truncation", "metadata", "service_tier", "user", "safety_identifier", "prompt_cache_key",
        "max_tool_calls", "top_logprobs", "stream_options", "context_management", "keep_alive", "options"})
    rows.push_back({key, with("\"" + std::string(key) + "\":\"x\""), native, {"dropped " + std::string(key)}});
  check(endpoint::responses, rows);
}

std::string offering(const std::string& tools, const std::string& more = "") {
  return R"({"model":"gpt-5-codex","input":"Fix it.","tools":)" + tools + more + "}";
}

TEST(CustomTools, AreFunctionsThatTakeTheTextAsTheirOnlyArgument) {
  auto const read =
      parse_request(endpoint::responses,
                    offering(R"([{"type":"custom","name":"apply_patch","description":"Edits files.",)"
                             R"("format":{"type":"grammar","syntax":"lark","definition":"start: begin_patch"}},)"
                             R"({"type":"function","name":"shell","parameters":{"type":"object","properties":{}}}])"));
  ASSERT_TRUE(std::holds_alternative<parsed>(read));
  const auto& tools = std::get<parsed>(read).what.tools;
  ASSERT_EQ(tools.size(), 2u);
  EXPECT_TRUE(tools[0].takes_text);
  EXPECT_FALSE(tools[1].takes_text);
  EXPECT_EQ(tools[0].description, "Edits files.");
  EXPECT_EQ(tools[0].schema["required"], json::array({"input"}));
  EXPECT_EQ(tools[0].schema["properties"]["input"]["type"], "string");
  EXPECT_NE(tools[0].schema["properties"]["input"]["description"].get<std::string>().find("start: begin_patch"),
            std::string::npos);
  EXPECT_EQ(std::get<parsed>(read).notes,
            (std::vector<std::string>{"the grammar of tool apply_patch is advice for a local model",
                                      "custom tool apply_patch became a function"}));
}

TEST(CustomTools, OfChatCompletionsAreTheSameUnderTheirType) {
  auto const read = parse_request(
      endpoint::chat_completions,
      R"({"model":"m","messages":[{"role":"user","content":"Fix it."}],"tools":[{"type":"custom","custom":)"
      R"({"name":"apply_patch","description":"Edits files.","format":{"type":"grammar","grammar":)"
      R"({"syntax":"lark","definition":"start: begin_patch"}}}},{"type":"function","function":{"name":"shell"}}],)"
      R"("tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":)"
      R"([{"type":"custom","custom":{"name":"apply_patch"}}]}}})");
  ASSERT_TRUE(std::holds_alternative<parsed>(read));
  const auto& what = std::get<parsed>(read).what;
  ASSERT_EQ(what.tools.size(), 2u);
  EXPECT_TRUE(what.tools[0].takes_text);
  EXPECT_FALSE(what.tools[1].takes_text);
  EXPECT_EQ(what.tools[0].name, "apply_patch");
  EXPECT_EQ(what.tools[0].description, "Edits files.");
  auto const about = what.tools[0].schema["properties"]["input"]["description"].get<std::string>();
  EXPECT_NE(about.find("lark grammar"), std::string::npos) << about;
  EXPECT_NE(about.find("start: begin_patch"), std::string::npos) << about;
  EXPECT_EQ(what.choice.only, std::vector<std::string>{"apply_patch"});

  auto const demanded = parse_request(
      endpoint::chat_completions,
      R"({"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"custom","custom":{"name":"f"}}],)"
      R"("tool_choice":{"type":"custom","custom":{"name":"f"}}})");
  ASSERT_TRUE(std::holds_alternative<parsed>(demanded));
  EXPECT_EQ(std::get<parsed>(demanded).what.choice.only, std::vector<std::string>{"f"});
}

TEST(CustomTools, MayBeDemandedByName) {
  auto const tools = R"([{"type":"custom","name":"f"},{"type":"function","name":"g"}])";
  auto const read =
      parse_request(endpoint::responses, offering(tools, R"(,"tool_choice":{"type":"custom","name":"f"})"));
  ASSERT_TRUE(std::holds_alternative<parsed>(read));
  EXPECT_EQ(std::get<parsed>(read).what.choice.only, std::vector<std::string>{"f"});
  auto const missing =
      parse_request(endpoint::responses, offering(tools, R"(,"tool_choice":{"type":"custom","name":"h"})"));
  ASSERT_TRUE(std::holds_alternative<refusal>(missing));
  EXPECT_EQ(std::get<refusal>(missing).code, "tool_choice_unmet");
}

TEST(CustomTools, HaveAHistoryLikeFunctions) {
  auto const read = parse_request(
      endpoint::responses,
      R"({"model":"m","input":[{"role":"user","content":"Fix it."},)"
      R"({"type":"custom_tool_call","id":"ctc_1","call_id":"c1","name":"apply_patch","input":"*** Begin \"x\"","status":"completed"},)"
      R"({"type":"custom_tool_call_output","call_id":"c1","output":[{"type":"input_text","text":"done"}]}]})");
  ASSERT_TRUE(std::holds_alternative<parsed>(read));
  const auto& messages = std::get<parsed>(read).what.messages;
  ASSERT_EQ(messages.size(), 3u);
  ASSERT_EQ(messages[1].calls.size(), 1u);
  EXPECT_EQ(messages[1].calls[0].arguments["input"], "*** Begin \"x\"");
  EXPECT_EQ(messages[2].who, role::tool);
  EXPECT_EQ(messages[2].call_id, "c1");
  EXPECT_EQ(messages[2].parts[0].text, "done");
}

}  // namespace
}  // namespace tideover::adapt::chat
