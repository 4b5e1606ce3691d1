#include "replay_table.hpp"

namespace tideover::adapt::ollama {
namespace {

/// A chat request with these messages, and what follows them.
std::string chat(const std::string& messages, const std::string& rest = "") {
  return R"({"messages":[)" + messages + "]" + (rest.empty() ? "" : "," + rest) + "}";
}
std::string const hi = R"({"role":"user","content":"hi"})";
std::string with(const std::string& rest) { return chat(hi, rest); }
std::string const tool = R"({"type":"function","function":{"name":"f","description":"d","parameters":)"
                         R"({"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}}})";

TEST(ReplayChat, MessagesBecomeWhatTheLocalServerReads) {
  std::string const no_reasoning = "dropped reasoning of an earlier turn";
  check(
      endpoint::chat_completions,
      {
          {"plain", chat(hi), chat(hi)},
          {"developer",
           chat(R"({"role":"developer","content":"be brief"})" + ("," + hi)),
           chat(R"({"role":"system","content":"be brief"})" + ("," + hi)),
           {"role developer became system"}},
          {"text parts",
           chat(R"({"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]})"),
           chat(R"({"role":"user","content":"a\nb"})"),
           {"text parts joined to one text"}},
          {"empty list of parts",
           chat(R"({"role":"user","content":[]})"),
           chat(R"({"role":"user","content":""})"),
           {"text parts joined to one text"}},
          {"tool message with parts",
           chat(R"({"role":"tool","tool_call_id":"c1","content":[{"type":"text","text":"42"}]})"),
           chat(R"({"role":"tool","tool_call_id":"c1","content":"42"})"),
           {"text parts joined to one text"}},
          {"tool message with an image",
           chat(R"({"role":"tool","tool_call_id":"c1","content":[{"type":"image_url","image_url":)"
                R"({"url":"data:image/png;base64,AAAA"}}]})"),
           "unsupported_content messages[].content[]",
           {},
           true},
          {"null content without calls",
           chat(R"({"role":"assistant","content":null})" + ("," + hi)),
           chat(R"({"role":"assistant","content":""})" + ("," + hi)),
           {"content null became an empty text"}},
          {"absent content",
           chat(R"({"role":"assistant"})" + ("," + hi)),
           chat(R"({"role":"assistant","content":""})" + ("," + hi)),
           {"content null became an empty text"}},
          {"null content and an empty list of calls",
           chat(R"({"role":"assistant","content":null,"tool_calls":[]})" + ("," + hi)),
           chat(R"({"role":"assistant","content":""})" + ("," + hi)),
           {"content null became an empty text"}},
          {"null content with calls",
           chat(R"({"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":)"
                R"({"name":"f","arguments":"{\"a\":1}"}}]})"),
           chat(R"({"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":)"
                R"({"name":"f","arguments":"{\"a\":1}"}}]})")},
          {"empty arguments",
           chat(R"({"role":"assistant","content":"x","tool_calls":[{"id":"c1","type":"function","function":)"
                R"({"name":"f","arguments":""}}]})"),
           chat(R"({"role":"assistant","content":"x","tool_calls":[{"id":"c1","type":"function","function":)"
                R"({"name":"f","arguments":"{}"}}]})"),
           {"empty tool-call arguments became {}"}},
          {"arguments that are no object",
           chat(R"({"role":"assistant","content":"x","tool_calls":[{"id":"c1","function":)"
                R"({"name":"f","arguments":"{\"a\":"}},{"id":"c2","function":{"name":"f","arguments":"[1]"}}]})"),
           chat(R"({"role":"assistant","content":"x","tool_calls":[{"id":"c1","type":"function","function":)"
                R"({"name":"f","arguments":"{\"arguments\":\"{\\\"a\\\":\"}"}},{"id":"c2","type":"function",)"
                R"("function":{"name":"f","arguments":"{\"arguments\":\"[1]\"}"}}]})"),
           {"tool-call arguments that are no JSON object were wrapped in one"}},
          {"arguments as an object",
           chat(
               R"({"role":"assistant","content":"x","tool_calls":[{"id":"c1","function":{"name":"f","arguments":{"a":1}}}]})"),
           chat(R"({"role":"assistant","content":"x","tool_calls":[{"id":"c1","type":"function","function":)"
                R"({"name":"f","arguments":"{\"a\":1}"}}]})")},
          {"custom tool call",
           chat(R"({"role":"assistant","tool_calls":[{"id":"c1","type":"custom","custom":{"name":"f","input":"x"}}]})"),
           "unsupported_content messages[].tool_calls[].type=custom",
           {},
           true},
          {"function_call of old",
           chat(R"({"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},)"
                R"({"role":"function","name":"f","content":"42"})"),
           chat(
               R"({"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":)"
               R"({"name":"f","arguments":"{}"}}]},{"role":"tool","name":"f","tool_call_id":"call_1","content":"42"})"),
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
           {no_reasoning, "text parts joined to one text"}},
          {"refusal",
           chat(R"({"role":"assistant","content":null,"refusal":"no"})" + ("," + hi)),
           chat(R"({"role":"assistant","content":"no"})" + ("," + hi)),
           {"content null became an empty text"}},
          {"refusal part",
           chat(R"({"role":"assistant","content":[{"type":"refusal","refusal":"no"}]})"),
           chat(R"({"role":"assistant","content":"no"})"),
           {"text parts joined to one text"}},
          {"image as data",
           chat(R"({"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"},)"
                R"({"type":"image_url","image_url":{"url":"data:image/webp;base64,AAAA","detail":"low"}}]})"),
           chat(R"({"role":"user","content":[{"type":"text","text":"a\nb"},)"
                R"({"type":"image_url","image_url":{"url":"data:image/webp;base64,AAAA"}}]})")},
          {"image as bare text",
           chat(R"({"role":"user","content":[{"type":"image_url","image_url":"data:image/JPEG;base64,AAAA"}]})"),
           chat(
               R"({"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/JPEG;base64,AAAA"}}]})")},
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
          {"audio",
           chat(R"({"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AA","format":"wav"}}]})"),
           chat(R"({"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AA","format":"wav"}}]})")},
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
          {"content that is none",
           chat(R"({"role":"user","content":5})"),
           "invalid_request messages[].content",
           {},
           true},
      });
}

TEST(ReplayChat, ParametersAreMappedKeptDroppedOrRefused) {
  auto const dropped = [](const char* key) { return std::vector<std::string>{"dropped " + std::string(key)}; };
  std::vector<replay_row> rows = {
      {"max_completion_tokens",
       with(R"("max_completion_tokens":50)"),
       with(R"("max_tokens":50)"),
       {"max_completion_tokens became max_tokens"}},
      {"both limits",
       with(R"("max_tokens":5,"max_completion_tokens":50)"),
       with(R"("max_tokens":50)"),
       {"max_completion_tokens became max_tokens"}},
      {"null limit beside a limit", with(R"("max_tokens":5,"max_completion_tokens":null)"), with(R"("max_tokens":5)")},
      {"all that is honoured",
       with(R"("temperature":0.2,"top_p":0.9,"frequency_penalty":1,"presence_penalty":-1,"seed":7,"stop":["a"],)"
            R"("logprobs":true,"top_logprobs":3,"stream":true,"stream_options":{"include_usage":true,)"
            R"("include_obfuscation":false})"),
       with(R"("temperature":0.2,"top_p":0.9,"frequency_penalty":1,"presence_penalty":-1,"seed":7,"stop":["a"],)"
            R"("logprobs":true,"top_logprobs":3,"stream":true,"stream_options":{"include_usage":true})")},
      {"null means absent", with(R"("temperature":null,"user":null,"tools":null,"stop":null,"n":null)"), chat(hi)},
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
      {"format json_object", with(R"("response_format":{"type":"json_object"})"),
       with(R"("response_format":{"type":"json_object"})")},
      {"format json_schema",
       with(
           R"("response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object"}}})"),
       with(R"("response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}})")},
      {"format json_schema without a schema",
       with(R"("response_format":{"type":"json_schema","json_schema":{"name":"n"}})"),
       with(R"("response_format":{"type":"json_object"})"),
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
                          "num_ctx", "think", "truncate", "top_k", "chat_template_kwargs"})
    rows.push_back({key, with("\"" + std::string(key) + "\":\"x\""), chat(hi), dropped(key)});
  check(endpoint::chat_completions, rows);
}

TEST(ReplayChat, ReasoningIsAskedForOnlyWhereTheModelThinks) {
  auto const effort = [](const char* value) { return with(R"("reasoning_effort":")" + std::string(value) + '"'); };
  std::string const no_thinker = "dropped reasoning_effort: the local model does not think";
  check(endpoint::chat_completions,
        {
            {"no thinker, nothing asked", chat(hi), chat(hi)},
            {"no thinker, high", effort("high"), chat(hi), {no_thinker}},
            {"no thinker, none", effort("none"), chat(hi), {no_thinker}},
            {"no thinker, nested", with(R"("reasoning":{"effort":"low"})"), chat(hi), {no_thinker}},
            {"thinker, nothing asked", chat(hi), effort("none"), {}, false, true},
            {"thinker, none", effort("none"), effort("none"), {}, false, true},
            {"thinker, low", effort("low"), effort("low"), {}, false, true},
            {"thinker, medium", effort("medium"), effort("medium"), {}, false, true},
            {"thinker, high", effort("high"), effort("high"), {}, false, true},
            {"thinker, minimal", effort("minimal"), effort("low"), {"reasoning_effort became low"}, false, true},
            {"thinker, xhigh", effort("xhigh"), effort("high"), {"reasoning_effort became high"}, false, true},
            {"thinker, nested", with(R"("reasoning":{"effort":"medium"})"), effort("medium"), {}, false, true},
            {"thinker, unknown",
             effort("wild"),
             effort("none"),
             {"reasoning_effort set to none: its value is not known locally"},
             false,
             true},
            {"thinker that continues an answer",
             chat(hi + R"(,{"role":"assistant","content":"Once"})", R"("reasoning_effort":"high")"),
             chat(hi + R"(,{"role":"assistant","content":"Once"})", R"("reasoning_effort":"none")"),
             {"reasoning_effort set to none: an answer that is continued cannot be thought about first"},
             false,
             true},
        });
}

TEST(ReplayChat, ToolsCrossAndChoicesAreKeptOrRefused) {
  auto const tools = [](const std::string& choice) {
    return with("\"tools\":[" + tool + "]" + (choice.empty() ? "" : ",\"tool_choice\":" + choice));
  };
  auto const allowed = [](const char* mode, const char* name) {
    return R"({"type":"allowed_tools","allowed_tools":{"mode":")" + std::string(mode) +
           R"(","tools":[{"type":"function","function":{"name":")" + name + R"("}}]}})";
  };
  check(
      endpoint::chat_completions,
      {
          {"tools", tools(""), tools("")},
          {"auto", tools(R"("auto")"), tools("")},
          {"null", tools("null"), tools("")},
          {"none", tools(R"("none")"), chat(hi), {"dropped tools: tool_choice is none"}},
          {"none without tools", with(R"("tool_choice":"none")"), chat(hi)},
          {"required", tools(R"("required")"), "tool_choice_unmet tool_choice", {}, true},
          {"named", tools(R"({"type":"function","function":{"name":"f"}})"), "tool_choice_unmet tool_choice", {}, true},
          {"custom", tools(R"({"type":"custom","custom":{"name":"f"}})"), "tool_choice_unmet tool_choice", {}, true},
          {"unknown word", tools(R"("maybe")"), "tool_choice_unmet tool_choice", {}, true},
          {"allowed, auto", tools(allowed("auto", "f")), tools(""), {"tools reduced to those that tool_choice allows"}},
          {"allowed, auto, another",
           tools(allowed("auto", "g")),
           chat(hi),
           {"tools reduced to those that tool_choice allows"}},
          {"allowed, required", tools(allowed("required", "f")), "tool_choice_unmet tool_choice", {}, true},
          {"empty tools", with(R"("tools":[])"), chat(hi)},
          {"parallel calls allowed", with("\"parallel_tool_calls\":true,\"tools\":[" + tool + "]"), tools("")},
          {"parallel calls forbidden",
           with("\"parallel_tool_calls\":false,\"tools\":[" + tool + "]"),
           tools(""),
           {"several tool calls at once cannot be ruled out locally"}},
          {"a model without tools", tools(""), "unsupported_parameter tools", {}, true, false, false},
          {"a model without tools, none wanted",
           tools(R"("none")"),
           chat(hi),
           {"dropped tools: tool_choice is none"},
           false,
           false,
           false},
          {"custom tool",
           with(R"("tools":[{"type":"custom","custom":{"name":"f"}}])"),
           "unsupported_parameter tools[].type=custom",
           {},
           true},
          {"web search",
           with(R"("tools":[{"type":"web_search_preview"}])"),
           "not_replayable tools[].type=web_search_preview",
           {},
           true},
          {"nameless",
           with(R"("tools":[{"type":"function","function":{}}])"),
           "invalid_request tools[].name",
           {},
           true},
          {"no parameters", with(R"("tools":[{"type":"function","function":{"name":"f","strict":true}}])"),
           with(
               R"("tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}}}}])")},
          {"tools that are none", with(R"("tools":"f")"), "invalid_request tools", {}, true},
      });
}

std::string tool_with(const std::string& schema) {
  return with(R"("tools":[{"type":"function","function":{"name":"f","parameters":)" + schema + "}}]");
}

TEST(ReplayChat, ToolSchemasKeepTheirMeaningWhereTheLocalServerWouldLoseIt) {
  std::vector<std::string> const simplified = {
      "tool schemas simplified: references inlined, allOf merged, oneOf read as anyOf"};
  check(
      endpoint::chat_completions,
      {
          {"reference",
           tool_with(R"({"type":"object","properties":{"p":{"$ref":"#/$defs/P","description":"who"}},)"
                     R"("$defs":{"P":{"type":"object","properties":{"n":{"type":"string"}}}}})"),
           tool_with(R"({"type":"object","properties":{"p":{"description":"who","type":"object",)"
                     R"("properties":{"n":{"type":"string"}}}}})"),
           simplified},
          {"reference in the old place",
           tool_with(
               R"({"type":"object","properties":{"p":{"$ref":"#/definitions/P"}},"definitions":{"P":{"type":"string"}}})"),
           tool_with(R"({"type":"object","properties":{"p":{"type":"string"}}})"), simplified},
          {"reference to nothing", tool_with(R"({"type":"object","properties":{"p":{"$ref":"#/$defs/P"}}})"),
           tool_with(R"({"type":"object","properties":{"p":{}}})"), simplified},
          {"oneOf and const",
           tool_with(R"({"type":"object","properties":{"p":{"oneOf":[{"const":"a"},{"type":"null"}]}}})"),
           tool_with(R"({"type":"object","properties":{"p":{"anyOf":[{"enum":["a"]},{"type":"null"}]}}})"), simplified},
          {"allOf",
           tool_with(R"({"type":"object","properties":{"a":{"type":"string"}},"required":["a"],)"
                     R"("allOf":[{"properties":{"b":{"type":"string"}},"required":["b","a"]}]})"),
           tool_with(
               R"({"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},"required":["a","b"]})"),
           simplified},
          {"boolean schemas",
           tool_with(R"({"type":"object","properties":{"a":true,"b":{"type":"array","items":true}}})"),
           tool_with(R"({"type":"object","properties":{"a":{},"b":{"type":"array"}}})"), simplified},
          {"a property called properties",
           tool_with(R"({"type":"object","properties":{"properties":{"type":"string"}}})"),
           tool_with(R"({"type":"object","properties":{"properties":{"type":"string"}}})")},
      });
}

TEST(ReplayChat, ASchemaThatRefersToItselfEndsSomewhere) {
  auto const body = with_model(
      tool_with(R"({"$ref":"#/$defs/N","$defs":{"N":{"type":"object","properties":{"l":{"$ref":"#/$defs/N"},)"
                R"("r":{"$ref":"#/$defs/N"}}}}})"),
      "m");
  auto const result = make_replay_body(endpoint::chat_completions, body, {.model = "x"});
  ASSERT_TRUE(std::holds_alternative<replay_body>(result));
  EXPECT_LT(std::get<replay_body>(result).body.size(), 1000000u);
}

TEST(ReplayChat, TheOrderOfMembersInSchemasSurvives) {
  auto const body =
      with_model(tool_with(R"({"type":"object","properties":{"z":{"type":"string"},"a":{"type":"string"}}})"), "m");
  auto const result = make_replay_body(endpoint::chat_completions, body, {.model = "x"});
  ASSERT_TRUE(std::holds_alternative<replay_body>(result));
  EXPECT_NE(std::get<replay_body>(result).body.find(R"("properties":{"z":{"type":"string"},"a":)"), std::string::npos);
}

TEST(ReplayCompletions, OnePromptAndOneAnswer) {
  check(endpoint::completions,
        {
            {"plain", R"({"prompt":"a","max_tokens":5,"temperature":0,"suffix":"z","logprobs":2,"stream":true})",
             R"({"prompt":"a","max_tokens":5,"temperature":0,"suffix":"z","logprobs":2,"stream":true})"},
            {"list of one", R"({"prompt":["a"]})", R"({"prompt":"a"})", {"prompt taken out of its list"}},
            {"list of two", R"({"prompt":["a","b"]})", "unsupported_parameter prompt", {}, true},
            {"tokens", R"({"prompt":[1,2]})", "unsupported_parameter prompt", {}, true},
            {"list of one token", R"({"prompt":[1]})", "unsupported_parameter prompt", {}, true},
            {"list of a token list", R"({"prompt":[[1,2]]})", "unsupported_parameter prompt", {}, true},
            {"empty", R"({"prompt":""})", "unsupported_parameter prompt", {}, true},
            {"absent", "{}", "unsupported_parameter prompt", {}, true},
            {"n", R"({"prompt":"a","n":2})", "unsupported_parameter n", {}, true},
            {"best_of", R"({"prompt":"a","best_of":2})", "unsupported_parameter best_of", {}, true},
            {"best_of one", R"({"prompt":"a","best_of":1,"n":1,"echo":false})", R"({"prompt":"a"})"},
            {"echo", R"({"prompt":"a","echo":true})", "unsupported_parameter echo", {}, true},
            {"logit_bias", R"({"prompt":"a","logit_bias":{"1":1}})", "unsupported_parameter logit_bias", {}, true},
            {"user", R"({"prompt":"a","user":"u"})", R"({"prompt":"a"})", {"dropped user"}},
        });
}

TEST(ReplayEmbeddings, TextOnly) {
  check(endpoint::embeddings,
        {
            {"text", R"({"input":"a","encoding_format":"base64","dimensions":256})",
             R"({"input":"a","encoding_format":"base64","dimensions":256})"},
            {"texts", R"({"input":["a","b"],"user":"u"})", R"({"input":["a","b"]})", {"dropped user"}},
            {"tokens", R"({"input":[1,2]})", "unsupported_parameter input", {}, true},
            {"token lists", R"({"input":[[1],[2]]})", "unsupported_parameter input", {}, true},
            {"nothing", R"({"input":[]})", "unsupported_parameter input", {}, true},
        });
}

TEST(ReplayBody, RefusesWhatItCannotRead) {
  auto const code = [](endpoint what, std::string_view body) {
    auto const result = make_replay_body(what, body, {.model = "x"});
    auto const* const refusal = std::get_if<replay_refusal>(&result);
    return refusal ? refusal->code : "accepted";
  };
  EXPECT_EQ(code(endpoint::chat_completions, ""), "invalid_request");
  EXPECT_EQ(code(endpoint::chat_completions, "[]"), "invalid_request");
  EXPECT_EQ(code(endpoint::chat_completions, R"({"messages":[)"), "invalid_request");
  EXPECT_EQ(code(endpoint::chat_completions, std::string(1000000, '[')), "invalid_request");
  EXPECT_EQ(code(endpoint::chat_completions, R"({"x":)" + std::string(200, '[') + std::string(200, ']') + "}"),
            "invalid_request");
  EXPECT_EQ(code(endpoint::chat_completions, "{\"messages\":[{\"role\":\"user\",\"content\":\"\xff\"}]}"),
            "invalid_request");
  for (auto const what : {endpoint::count_tokens, endpoint::other_v1, endpoint::ollama_native, endpoint::models})
    EXPECT_EQ(code(what, "{}"), "not_replayable");
}

TEST(ReplayBody, HalvesOfSurrogatePairsDoNotFailAPrompt) {
  auto const content = [](const std::string& text) {
    auto const result = make_replay_body(
        endpoint::chat_completions, R"({"messages":[{"role":"user","content":")" + text + R"("}]})", {.model = "x"});
    if (!std::holds_alternative<replay_body>(result)) return std::string("refused");
    return nlohmann::json::parse(std::get<replay_body>(result).body)["messages"][0]["content"].get<std::string>();
  };
  EXPECT_EQ(content(R"(a\ud83d\ude00b)"),
            "a\xf0\x9f\x98\x80"
            "b");
  EXPECT_EQ(content(R"(cut\ud83d)"), "cut\xef\xbf\xbd");
  EXPECT_EQ(content(R"(\ude00cut)"),
            "\xef\xbf\xbd"
            "cut");
  EXPECT_EQ(content(R"(\ud83d\ud83d\ude00)"), "\xef\xbf\xbd\xf0\x9f\x98\x80");
  EXPECT_EQ(content(R"(\\ud83d and \ud83d)"), "\\ud83d and \xef\xbf\xbd");
}

TEST(ReplayBody, DuplicateKeysCountByTheirLast) {
  check(endpoint::completions, {{"twice", R"({"prompt":"a","prompt":"b"})", R"({"prompt":"b"})"}});
}

TEST(ReplayBody, EveryReferenceToTheCloudHasASentence) {
  for (const char* field :
       {"previous_response_id", "conversation", "background", "prompt", "web_search_options", "audio",
        "modalities[]=audio", "container", "mcp_servers", "tools[].type=web_search", "messages[].audio",
        "input[].type=item_reference", "input[].type=compaction", "input[].content[].file_id",
        "messages[].content[].file.file_id", "messages[].content[].source.type=file",
        "messages[].content[].type=container_upload", "something_new"})
    EXPECT_FALSE(not_replayable_sentence(field).empty()) << field;
  EXPECT_TRUE(not_replayable_sentence("").empty());
}

}  // namespace
}  // namespace tideover::adapt::ollama
