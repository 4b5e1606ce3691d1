#include "replay_table.hpp"

namespace tideover::adapt::ollama {
namespace {

std::string with(const std::string& rest) { return R"({"input":"hi",)" + rest + "}"; }
std::string const plain = R"({"input":"hi"})";
std::string items(const std::string& list) { return R"({"input":[)" + list + "]}"; }
std::string const user = R"({"type":"message","role":"user","content":"hi"})";

TEST(ReplayResponses, InputItemsBecomeWhatTheLocalServerReads) {
  check(
      endpoint::responses,
      {
          {"text", plain, plain},
          {"message", items(user), items(user)},
          {"message without a type", items(R"({"role":"user","content":"hi"})"), items(user)},
          {"developer",
           items(R"({"role":"developer","content":"x"},)" + user),
           items(R"({"type":"message","role":"system","content":"x"},)" + user),
           {"role developer became system"}},
          {"text parts",
           items(R"({"role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_text","text":"b"}]})"),
           items(R"({"type":"message","role":"user","content":"a\nb"})"),
           {"text parts joined to one text"}},
          {"an answer given back",
           items(R"({"type":"message","id":"msg_1","status":"completed","role":"assistant","content":)"
                 R"([{"type":"output_text","text":"a","annotations":[]}]})"),
           items(R"({"type":"message","role":"assistant","content":"a"})"),
           {"text parts joined to one text"}},
          {"refusal part",
           items(R"({"role":"assistant","content":[{"type":"refusal","refusal":"no"}]})"),
           items(R"({"type":"message","role":"assistant","content":"no"})"),
           {"text parts joined to one text"}},
          {"image",
           items(R"({"role":"user","content":[{"type":"input_text","text":"a"},)"
                 R"({"type":"input_image","image_url":"data:image/png;base64,AAAA"}]})"),
           items(R"({"type":"message","role":"user","content":[{"type":"input_text","text":"a"},)"
                 R"({"type":"input_image","detail":"auto","image_url":"data:image/png;base64,AAAA"}]})")},
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
           items(R"({"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},)"
                 R"({"type":"function_call_output","call_id":"c1","output":"42"})"),
           {"empty tool-call arguments became {}"}},
          {"output in parts",
           items(R"({"type":"function_call_output","call_id":"c1","output":[{"type":"input_text","text":"42"}]})"),
           items(R"({"type":"function_call_output","call_id":"c1","output":"42"})"),
           {"text parts joined to one text"}},
          {"reasoning",
           items(R"({"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"gAAA"},)" + user),
           items(user),
           {"dropped reasoning of an earlier turn"}},
          {"search by the cloud",
           items(R"({"type":"web_search_call","id":"ws_1"},)" + user),
           items(user),
           {"dropped records of searches made by the cloud"}},
          {"nothing but reasoning", items(R"({"type":"reasoning","summary":[]})"), "invalid_request input", {}, true},
          {"reference",
           items(R"({"type":"item_reference","id":"msg_1"})"),
           "not_replayable input[].type=item_reference",
           {},
           true},
          {"custom call",
           items(R"({"type":"custom_tool_call","call_id":"c","name":"f","input":"x"})"),
           "unsupported_content input[].type=custom_tool_call",
           {},
           true},
          {"shell call",
           items(R"({"type":"local_shell_call","call_id":"c"})"),
           "unsupported_content input[].type=local_shell_call",
           {},
           true},
          {"no input", "{}", "invalid_request input", {}, true},
      });
}

TEST(ReplayResponses, ParametersAreMappedKeptDroppedOrRefused) {
  std::string const format_schema = R"("text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object"}}})";
  std::vector<replay_row> rows = {
      {"all that is honoured",
       with(R"("instructions":"i","max_output_tokens":5,"temperature":0.1,"top_p":0.5,"stream":true)"),
       with(R"("instructions":"i","max_output_tokens":5,"temperature":0.1,"top_p":0.5,"stream":true)")},
      {"previous answer", with(R"("previous_response_id":"resp_1")"), "not_replayable previous_response_id", {}, true},
      {"conversation", with(R"("conversation":"conv_1")"), "not_replayable conversation", {}, true},
      {"background", with(R"("background":true)"), "not_replayable background", {}, true},
      {"foreground", with(R"("background":false)"), plain, {"dropped background"}},
      {"stored prompt", with(R"("prompt":{"id":"pmpt_1"})"), "not_replayable prompt", {}, true},
      {"format text", with(R"("text":{"format":{"type":"text"}})"), plain},
      {"format schema",
       with(R"("text":{"format":{"type":"json_schema","name":"n","strict":true,"schema":{"type":"object"}}})"),
       with(format_schema)},
      {"format object",
       with(R"("text":{"format":{"type":"json_object"}})"),
       with(R"("text":{"format":{"type":"json_schema","name":"object","schema":{"type":"object"}}})"),
       {"text.format json_object became a schema for any object"}},
      {"format grammar",
       with(R"("text":{"format":{"type":"grammar"}})"),
       "unsupported_parameter text.format.type",
       {},
       true},
      {"verbosity", with(R"("text":{"verbosity":"low"})"), plain, {"dropped text.verbosity"}},
      {"effort, no thinker",
       with(R"("reasoning":{"effort":"high","summary":"auto"})"),
       plain,
       {"dropped reasoning.effort: the local model does not think"}},
      {"effort, thinker",
       with(R"("reasoning":{"effort":"high","summary":"auto"})"),
       with(R"("reasoning":{"effort":"high"})"),
       {},
       false,
       true},
      {"effort minimal, thinker",
       with(R"("reasoning":{"effort":"minimal"})"),
       with(R"("reasoning":{"effort":"low"})"),
       {"reasoning.effort became low"},
       false,
       true},
      {"no effort, thinker", plain, with(R"("reasoning":{"effort":"none"})"), {}, false, true},
      {"function",
       with(R"("tools":[{"type":"function","name":"f","description":null,"strict":true,"parameters":)"
            R"({"type":"object","properties":{},"additionalProperties":false}}],"tool_choice":"auto")"),
       with(R"("tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{},)"
            R"("additionalProperties":false}}])")},
      {"function called by force",
       with(R"("tools":[{"type":"function","name":"f"}],"tool_choice":{"type":"function","name":"f"})"),
       "tool_choice_unmet tool_choice",
       {},
       true},
      {"allowed tools",
       with(R"("tools":[{"type":"function","name":"f"},{"type":"function","name":"g"}],"tool_choice":)"
            R"({"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"g"}]})"),
       with(R"("tools":[{"type":"function","name":"g","parameters":{"type":"object","properties":{}}}])"),
       {"tools reduced to those that tool_choice allows"}},
      {"web search", with(R"("tools":[{"type":"web_search"}])"), "not_replayable tools[].type=web_search", {}, true},
      {"custom tool",
       with(R"("tools":[{"type":"custom","name":"f"}])"),
       "unsupported_parameter tools[].type=custom",
       {},
       true},
      {"shell",
       with(R"("tools":[{"type":"local_shell"}])"),
       "unsupported_parameter tools[].type=local_shell",
       {},
       true},
  };
  for (const char* key :
       {"store", "include", "truncation", "metadata", "service_tier", "user", "safety_identifier", "prompt_cache_key",
        "max_tool_calls", "top_logprobs", "stream_options", "context_management", "keep_alive", "options"})
    rows.push_back({key, with("\"" + std::string(key) + "\":\"x\""), plain, {"dropped " + std::string(key)}});
  check(endpoint::responses, rows);
}

}  // namespace
}  // namespace tideover::adapt::ollama
