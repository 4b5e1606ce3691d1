#include "request_table.hpp"

namespace tideover::adapt::chat {
namespace {

/// A chat request with these messages, and what follows them.
std::string chat(const std::string& messages, const std::string& rest = "") {
  return R"({"messages":[)" + messages + "]" + (rest.empty() ? "" : "," + rest) + "}";
}
std::string const hi = R"({"role":"user","content":"hi"})";
std::string with(const std::string& rest) { return chat(hi, rest); }
/// The native form of `options`.
std::string options(const std::string& members) { return with(R"("options":{)" + members + "}"); }

std::string call(const std::string& arguments) {
  return R"({"role":"assistant","content":"x","tool_calls":[{"id":"c1","type":"function","function":)"
         R"({"name":"f","arguments":)" +
         arguments + "}}]}";
}
std::string native_call(const std::string& arguments) {
  return R"({"role":"assistant","content":"x","tool_calls":[{"id":"c1","function":{"index":0,"name":"f","arguments":)" +
         arguments + "}}]}";
}

TEST(ChatRequest, MessagesBecomeWhatTheLocalServerReads) {
  std::string const no_reasoning = "dropped reasoning of an earlier turn";
  check(
      endpoint::chat_completions,
      {
          {"plain", chat(hi), chat(hi)},
          {"developer",
           chat(R"({"role":"developer","content":"be brief"},)" + hi),
           chat(R"({"role":"system","content":"be brief"},)" + hi),
           {"role developer became system"}},
          {"system and developer at the top",
           chat(R"({"role":"system","content":"a"},{"role":"developer","content":"b"},)" + hi),
           chat(R"({"role":"system","content":"a\n\nb"},)" + hi),
           {"role developer became system"}},
          {"system further down",
           chat(hi + R"(,{"role":"assistant","content":"a"},{"role":"system","content":"s"},)" + hi),
           chat(hi + R"(,{"role":"assistant","content":"a"},{"role":"system","content":"s"},)" + hi)},
          {"text parts", chat(R"({"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]})"),
           chat(R"({"role":"user","content":"a\nb"})")},
          {"same-role neighbours", chat(R"({"role":"user","content":"a"},{"role":"user","content":"b"})"),
           chat(R"({"role":"user","content":"a\n\nb"})")},
          {"empty list of parts", chat(R"({"role":"user","content":[]})"), chat(R"({"role":"user","content":""})")},
          {"tool message with parts",
           chat(R"({"role":"tool","tool_call_id":"c1","content":[{"type":"text","text":"42"}]})"),
           chat(R"({"role":"tool","tool_call_id":"c1","content":"42"})")},
          {"tool message with an image",
           chat(call(R"("{}")") + R"(,{"role":"tool","tool_call_id":"c1","content":[{"type":"text","text":"see"},)"
                                  R"({"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]})"),
           chat(native_call("{}") + R"(,{"role":"tool","tool_call_id":"c1","tool_name":"f","content":"see"},)"
                                    R"({"role":"user","content":"Images from the result of f:","images":["AAAA"]})"),
           {"images in tool results moved to a user message"}},
          {"null content without calls", chat(R"({"role":"assistant","content":null},)" + hi),
           chat(R"({"role":"assistant","content":""},)" + hi)},
          {"absent content", chat(R"({"role":"assistant"},)" + hi), chat(R"({"role":"assistant","content":""},)" + hi)},
          {"null content and an empty list of calls",
           chat(R"({"role":"assistant","content":null,"tool_calls":[]},)" + hi),
           chat(R"({"role":"assistant","content":""},)" + hi)},
          {"null content with calls",
           chat(R"({"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":)"
                R"({"name":"f","arguments":"{\"a\":1}"}}]})"),
           chat(R"({"role":"assistant","content":"","tool_calls":[{"id":"c1","function":)"
                R"({"index":0,"name":"f","arguments":{"a":1}}}]})")},
          {"calls and several results",
           chat(
               R"({"role":"assistant","content":null,"tool_calls":[{"id":"c1","function":{"name":"f","arguments":"{}"}},)"
               R"({"id":"c2","function":{"name":"g","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c2","content":"2"},)"
               R"({"role":"tool","tool_call_id":"c1","content":"1"})"),
           chat(
               R"({"role":"assistant","content":"","tool_calls":[{"id":"c1","function":{"index":0,"name":"f","arguments":{}}},)"
               R"({"id":"c2","function":{"index":1,"name":"g","arguments":{}}}]},)"
               R"({"role":"tool","tool_call_id":"c2","tool_name":"g","content":"2"},)"
               R"({"role":"tool","tool_call_id":"c1","tool_name":"f","content":"1"})")},
          {"empty arguments", chat(call(R"("")")), chat(native_call("{}")), {"empty tool-call arguments became {}"}},
          {"cut-off arguments",
           chat(call(R"("{\"a\":")")),
           chat(native_call(R"({"arguments":"{\"a\":"})")),
           {"tool-call arguments that are no JSON object were wrapped in one"}},
          {"arguments that are a list",
           chat(call(R"("[1]")")),
           chat(native_call(R"({"arguments":"[1]"})")),
           {"tool-call arguments that are no JSON object were wrapped in one"}},
          {"arguments as an object", chat(call(R"({"a":1})")), chat(native_call(R"({"a":1})"))},
          {"custom tool call",
           chat(R"({"role":"assistant","tool_calls":[{"id":"c1","type":"custom","custom":{"name":"f","input":"x"}}]})"),
           chat(R"({"role":"assistant","content":"","tool_calls":[{"id":"c1","function":)"
                R"({"index":0,"name":"f","arguments":{"input":"x"}}}]})")},
          {"a call of another kind",
           chat(R"({"role":"assistant","tool_calls":[{"id":"c1","type":"mcp","mcp":{"name":"f"}}]})"),
           "unsupported_content messages[].tool_calls[].type=mcp",
           {},
           true},
          {"function_call of old",
           chat(R"({"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},)"
                R"({"role":"function","name":"f","content":"42"})"),
           chat(R"({"role":"assistant","content":"","tool_calls":[{"id":"call_1","function":)"
                R"({"index":0,"name":"f","arguments":{}}}]},)"
                R"({"role":"tool","tool_name":"f","tool_call_id":"call_1","content":"42"})"),
           {"messages[].function_call became tool_calls", "role function became tool"}},
          {"reasoning of other vendors",
           chat(
               R"({"role":"assistant","content":"a","reasoning":"r","reasoning_content":"r","reasoning_details":[1]})"),
           chat(R"({"role":"assistant","content":"a"})"),
           {no_reasoning}},
          {"thinking part",
           chat(R"({"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"},)"
                R"({"type":"text","text":"a"}]})"),
           chat(R"({"role":"assistant","content":"a"})"),
           {no_reasoning}},
          {"refusal", chat(R"({"role":"assistant","content":null,"refusal":"no"},)" + hi),
           chat(R"({"role":"assistant","content":"no"},)" + hi)},
          {"refusal part", chat(R"({"role":"assistant","content":[{"type":"refusal","refusal":"no"}]})"),
           chat(R"({"role":"assistant","content":"no"})")},
          {"image as data",
           chat(R"({"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"},)"
                R"({"type":"image_url","image_url":{"url":"data:image/webp;base64,AAAA","detail":"low"}}]})"),
           chat(R"({"role":"user","content":"a\nb","images":["AAAA"]})")},
          {"image as bare text",
           chat(R"({"role":"user","content":[{"type":"image_url","image_url":"data:image/JPEG;base64,AAAA"}]})"),
           chat(R"({"role":"user","content":"","images":["AAAA"]})")},
          {"images among texts",
           chat(R"({"role":"user","content":[{"type":"image_url","image_url":"data:image/png;base64,AAAA"},)"
                R"({"type":"text","text":"then"},{"type":"image_url","image_url":"data:image/png;base64,BBBB"}]})"),
           chat(R"({"role":"user","content":"then","images":["AAAA","BBBB"]})"),
           {"images within a message's text were moved to its beginning"}},
          {"image without a type that shows what it is",
           chat(R"({"role":"user","content":[{"type":"image_url","image_url":"data:;base64,iVBORw0KGgoA"}]})"),
           chat(R"({"role":"user","content":"","images":["iVBORw0KGgoA"]})")},
          {"image in sloppy base64",
           chat(R"({"role":"user","content":[{"type":"image_url","image_url":"data:image/png;base64,A-_\nAAA"}]})"),
           chat(R"({"role":"user","content":"","images":["A+/AAA=="]})")},
          {"image that is no base64",
           chat(R"({"role":"user","content":[{"type":"image_url","image_url":"data:image/png;base64,A*AA"}]})"),
           "unsupported_content messages[].content[].image_url",
           {},
           true},
          {"image on the web",
           chat(R"({"role":"user","content":[{"type":"image_url","image_url":{"url":"HTTPS://x.test/a.png"}}]})"),
           "unsupported_content messages[].content[].image_url",
           {},
           true},
          {"image of another type",
           chat(R"({"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/gif;base64,AAAA"}}]})"),
           "unsupported_content messages[].content[].image_url",
           {},
           true},
          {"image without data",
           chat(R"({"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,"}}]})"),
           "unsupported_content messages[].content[].image_url",
           {},
           true},
          {"image for a model that is blind",
           chat(R"({"role":"user","content":[{"type":"image_url","image_url":"data:image/png;base64,AAAA"}]})"),
           "unsupported_content image",
           {},
           true,
           text_only},
          {"audio",
           chat(R"({"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AA","format":"wav"}}]})"),
           "unsupported_content messages[].content[].type=input_audio",
           {},
           true},
          {"file",
           chat(R"({"role":"user","content":[{"type":"file","file":{"file_data":"AA"}}]})"),
           "unsupported_content messages[].content[].type=file",
           {},
           true},
          {"stored file",
           chat(R"({"role":"user","content":[{"type":"file","file":{"file_id":"file-1"}}]})"),
           "not_replayable messages[].content[].file.file_id",
           {},
           true},
          {"no messages", "{}", "invalid_request messages", {}, true},
          {"empty messages", chat(""), "invalid_request messages", {}, true},
          {"message that is none", chat("1"), "invalid_request messages[]", {}, true},
          {"message without a role", chat(R"({"content":"x"})"), "invalid_request messages[].role", {}, true},
          {"unknown role", chat(R"({"role":"oracle","content":"x"})"), "invalid_request messages[].role", {}, true},
          {"content that is none",
           chat(R"({"role":"user","content":5})"),
           "invalid_request messages[].content",
           {},
           true},
      });
}

TEST(ChatRequest, ParametersAreMappedDroppedOrRefused) {
  std::vector<request_row> rows = {
      {"max_tokens", with(R"("max_tokens":50)"), options(R"("num_predict":50)")},
      {"max_completion_tokens", with(R"("max_completion_tokens":50)"), options(R"("num_predict":50)")},
      {"both limits", with(R"("max_tokens":5,"max_completion_tokens":50)"), options(R"("num_predict":50)")},
      {"null limit beside a limit", with(R"("max_tokens":5,"max_completion_tokens":null)"),
       options(R"("num_predict":5)")},
      {"limit of nothing", with(R"("max_tokens":0)"), "invalid_request max_tokens", {}, true},
      {"limit of everything", with(R"("max_completion_tokens":-1)"), "invalid_request max_completion_tokens", {}, true},
      {"limit that is text", with(R"("max_tokens":"5")"), "invalid_request max_tokens", {}, true},
      {"limit in between", with(R"("max_tokens":5.5)"), "invalid_request max_tokens", {}, true},
      {"a whole number written as a fraction", with(R"("max_tokens":5.0)"), options(R"("num_predict":5)")},
      {"sampling", with(R"("temperature":0.2,"top_p":0.9,"frequency_penalty":1,"presence_penalty":-1,"seed":7)"),
       options(R"("temperature":0.2,"top_p":0.9,"frequency_penalty":1.0,"presence_penalty":-1.0,"seed":7)")},
      {"temperature that is text", with(R"("temperature":"hot")"), "invalid_request temperature", {}, true},
      {"stop", with(R"("stop":"a")"), options(R"("stop":["a"])")},
      {"stops", with(R"("stop":["a","b"])"), options(R"("stop":["a","b"])")},
      {"no stop", with(R"("stop":[])"), chat(hi)},
      {"stop that is a number", with(R"("stop":[1])"), "invalid_request stop", {}, true},
      {"logprobs", with(R"("logprobs":true,"top_logprobs":3)"), with(R"("logprobs":true,"top_logprobs":3)")},
      {"no logprobs", with(R"("logprobs":false)"), chat(hi)},
      {"stream", with(R"("stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false})"),
       with(R"("stream":true)")},
      {"stream that is text", with(R"("stream":"yes")"), "invalid_request stream", {}, true},
      {"null means absent", with(R"("temperature":null,"user":null,"tools":null,"stop":null,"n":null,"stream":null)"),
       chat(hi)},
      {"n is 1", with(R"("n":1)"), chat(hi)},
      {"n is 2", with(R"("n":2)"), "unsupported_parameter n", {}, true},
      {"n is 0", with(R"("n":0)"), "unsupported_parameter n", {}, true},
      {"no logit_bias", with(R"("logit_bias":{})"), chat(hi)},
      {"logit_bias", with(R"("logit_bias":{"50256":-100})"), "unsupported_parameter logit_bias", {}, true},
      {"text answers only", with(R"("modalities":["text"])"), chat(hi)},
      {"spoken answers", with(R"("modalities":["text","audio"])"), "not_replayable modalities[]=audio", {}, true},
      {"audio", with(R"("audio":{"voice":"x"})"), "not_replayable audio", {}, true},
      {"web search", with(R"("web_search_options":{})"), "not_replayable web_search_options", {}, true},
      {"format text", with(R"("response_format":{"type":"text"})"), chat(hi)},
      {"format json_object", with(R"("response_format":{"type":"json_object"})"), with(R"("format":"json")")},
      {"format json_schema",
       with(
           R"("response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object"}}})"),
       with(R"("format":{"type":"object"})")},
      {"format json_schema without a schema",
       with(R"("response_format":{"type":"json_schema","json_schema":{"name":"n"}})"),
       with(R"("format":"json")"),
       {"response_format without a schema became json_object"}},
      {"format grammar",
       with(R"("response_format":{"type":"grammar"})"),
       "unsupported_parameter response_format.type",
       {},
       true},
      {"functions", with(R"("functions":[{"name":"f"}])"), "unsupported_parameter functions", {}, true},
      {"functions that must not be called", with(R"("functions":[{"name":"f"}],"function_call":"none")"), chat(hi)},
      {"a key with control characters", with(R"("a\nb":1)"), chat(hi), {"dropped a field with an unusual name"}},
  };
  for (const char* key : {"user", "metadata", "safety_identifier", "store", "service_tier", "prediction", "verbosity",
                          "prompt_cache_key", "prompt_cache_retention", "moderation", "keep_alive", "options",
                          "num_ctx", "think", "truncate", "shift", "top_k", "chat_template_kwargs"})
    rows.push_back({key, with("\"" + std::string(key) + "\":\"x\""), chat(hi), {"dropped " + std::string(key)}});
  check(endpoint::chat_completions, rows);
}

TEST(ChatRequest, ReasoningIsAskedForOnlyWhereTheModelThinks) {
  auto const effort = [](const char* value) { return with(R"("reasoning_effort":")" + std::string(value) + '"'); };
  auto const on = with(R"("think":true)");
  std::string const no_thinker = "dropped the wish for reasoning: the local model does not think";
  std::string const unknown = "dropped the wish for reasoning: it is not known whether the local model thinks";
  check(endpoint::chat_completions,
        {
            {"no thinker, nothing asked", chat(hi), chat(hi), {}, false, text_only},
            {"no thinker, high", effort("high"), chat(hi), {no_thinker}, false, text_only},
            {"no thinker, none", effort("none"), chat(hi), {}, false, text_only},
            {"no thinker, nested", with(R"("reasoning":{"effort":"low"})"), chat(hi), {no_thinker}, false, text_only},
            {"nothing known, high", effort("high"), chat(hi), {unknown}, false, {}},
            {"thinker, nothing asked", chat(hi), chat(hi)},
            {"thinker, none", effort("none"), chat(hi)},
            {"thinker, minimal", effort("minimal"), on},
            {"thinker, low", effort("low"), on},
            {"thinker, medium", effort("medium"), on},
            {"thinker, high", effort("high"), on},
            {"thinker, xhigh", effort("xhigh"), on},
            {"thinker, nested", with(R"("reasoning":{"effort":"medium"})"), on},
            {"thinker, unknown",
             effort("wild"),
             chat(hi),
             {"reasoning_effort set to none: its value is not known locally"}},
            {"thinker that continues an answer",
             chat(hi + R"(,{"role":"assistant","content":"Once"})", R"("reasoning_effort":"high")"),
             chat(hi + R"(,{"role":"assistant","content":"Once"})"),
             {"dropped the wish for reasoning: an answer that is continued cannot be thought about first"}},
        });
}

}  // namespace
}  // namespace tideover::adapt::chat
