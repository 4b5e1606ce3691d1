#include "request_table.hpp"

namespace tideover::adapt::chat {
namespace {

std::string const user = R"({"role":"user","content":"hi"})";
std::string chat(const std::string& messages, const std::string& rest = "") {
  return R"({"max_tokens":100,"messages":[)" + messages + "]" + (rest.empty() ? "" : "," + rest) + "}";
}
std::string with(const std::string& rest) { return chat(user, rest); }
std::string blocks(const std::string& list, const char* role = "user") {
  return chat(R"({"role":")" + std::string(role) + R"(","content":[)" + list + "]}");
}
std::string asked(const std::string& messages, const std::string& rest = "", const std::string& options = "") {
  return R"({"messages":[)" + messages + R"(],"options":{"num_predict":100)" + (options.empty() ? "" : "," + options) +
         "}" + (rest.empty() ? "" : "," + rest) + "}";
}
std::string text(const std::string& content, const char* role = "user") {
  return asked(R"({"role":")" + std::string(role) + R"(","content":")" + content + "\"}");
}

TEST(MessagesRequest, BlocksAreReadOrRefusedButNeverLostSilently) {
  std::string const image = R"({"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}})";
  std::string const call = R"({"role":"assistant","content":[{"type":"text","text":"a"},)"
                           R"({"type":"tool_use","id":"t1","name":"f","input":{"x":1},"caller":{}}]})";
  std::string const native_call = R"({"role":"assistant","content":"a","tool_calls":[{"id":"t1","function":)"
                                  R"({"index":0,"name":"f","arguments":{"x":1}}}]})";
  auto const result = [](const std::string& content) {
    return R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"t1")" +
           (content.empty() ? "" : ",\"content\":" + content) + "}]}";
  };
  auto const native_result = [](const std::string& content) {
    return R"({"role":"tool","tool_call_id":"t1","content":")" + content + "\"}";
  };
  check(endpoint::messages,
        {
            {"plain", chat(user), asked(user)},
            {"text blocks",
             blocks(R"({"type":"text","text":"a","cache_control":{"type":"ephemeral"}},{"type":"text","text":"b"})"),
             text(R"(a\nb)")},
            {"neighbours of one role", chat(user + "," + user), text(R"(hi\n\nhi)")},
            {"image", blocks(R"({"type":"text","text":"a"},)" + image),
             asked(R"({"role":"user","content":"a","images":["AAAA"]})")},
            {"image on the web",
             blocks(R"({"type":"image","source":{"type":"url","url":"https://x.test/a.png"}})"),
             "unsupported_content messages[].content[].source.type",
             {},
             true},
            {"image of another type",
             blocks(R"({"type":"image","source":{"type":"base64","media_type":"image/gif","data":"AAAA"}})"),
             "unsupported_content messages[].content[].source",
             {},
             true},
            {"stored image",
             blocks(R"({"type":"image","source":{"type":"file","file_id":"file_1"}})"),
             "not_replayable messages[].content[].source.type=file",
             {},
             true},
            {"tool use", chat(call), asked(native_call)},
            {"tool use without input", blocks(R"({"type":"tool_use","id":"t1","name":"f","input":null})", "assistant"),
             asked(R"({"role":"assistant","content":"","tool_calls":[{"id":"t1","function":)"
                   R"({"index":0,"name":"f","arguments":{}}}]})")},
            {"tool result with its call", chat(call + "," + result(R"("42")")),
             asked(native_call + R"(,{"role":"tool","tool_call_id":"t1","tool_name":"f","content":"42"})")},
            {"tool result in blocks", chat(result(R"([{"type":"text","text":"4"},{"type":"text","text":"2"}])")),
             asked(native_result(R"(4\n2)"))},
            {"tool results and more text",
             blocks(R"({"type":"tool_result","tool_use_id":"t1","content":"1"},{"type":"text","text":"go on"},)"
                    R"({"type":"tool_result","tool_use_id":"t2","content":"2"})"),
             asked(native_result("1") + R"(,{"role":"tool","tool_call_id":"t2","content":"2"},)"
                                        R"({"role":"user","content":"go on"})")},
            {"tool result with an image",
             chat(call + "," + result(R"([{"type":"text","text":"see"},)" + image + "]")),
             asked(native_call + R"(,{"role":"tool","tool_call_id":"t1","tool_name":"f","content":"see"},)"
                                 R"({"role":"user","content":"Images from the result of f:","images":["AAAA"]})"),
             {"images in tool results moved to a user message"}},
            {"tool results with images, and more text",
             blocks(R"({"type":"tool_result","tool_use_id":"t1","content":[)" + image +
                    R"(]},{"type":"tool_result","tool_use_id":"t2","content":"2"},{"type":"text","text":"go on"})"),
             asked(native_result("") +
                   R"(,{"role":"tool","tool_call_id":"t2","content":"2"},)"
                   R"({"role":"user","content":"Images from the result of the tool:\ngo on","images":["AAAA"]})"),
             {"images in tool results moved to a user message"}},
            {"tool result without content", chat(result("")), asked(native_result(""))},
            {"failed tool", blocks(R"({"type":"tool_result","tool_use_id":"t1","is_error":true,"content":"no disk"})"),
             asked(native_result("Error: no disk"))},
            {"failed tool without a word", blocks(R"({"type":"tool_result","tool_use_id":"t1","is_error":true})"),
             asked(native_result("Error"))},
            {"thinking",
             blocks(R"({"type":"thinking","thinking":"t","signature":"s"},{"type":"redacted_thinking","data":"d"},)"
                    R"({"type":"text","text":"a"})",
                    "assistant"),
             text("a", "assistant"),
             {"dropped thinking of an earlier turn"}},
            {"nothing but thinking",
             chat(R"({"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"}]},)" + user),
             asked(user),
             {"dropped thinking of an earlier turn", "dropped a message of which nothing was left"}},
            {"nothing at all",
             blocks(R"({"type":"thinking","thinking":"t"})", "assistant"),
             "invalid_request messages",
             {},
             true},
            {"text document",
             blocks(R"({"type":"document","title":"T","source":{"type":"text","media_type":"text/plain","data":"d"}})"),
             text(R"(T\nd)"),
             {"documents became text"}},
            {"document of blocks",
             blocks(R"({"type":"document","source":{"type":"content","content":[{"type":"text","text":"d"}]}})"),
             text("d"),
             {"documents became text"}},
            {"document with an image inside",
             blocks(R"({"type":"document","source":{"type":"content","content":[)" + image + "]}}"),
             "unsupported_content messages[].content[].type=document",
             {},
             true},
            {"PDF",
             blocks(R"({"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AA"}})"),
             "unsupported_content messages[].content[].type=document",
             {},
             true},
            {"document in a tool result",
             chat(result(R"([{"type":"document","source":{"type":"text","media_type":"text/plain","data":"d"}}])")),
             asked(native_result("d")),
             {"documents became text"}},
            {"search result",
             blocks(R"({"type":"search_result","title":"T","source":"s","content":[{"type":"text","text":"x"}]})"),
             text(R"(T\ns\nx)"),
             {"search results became text"}},
            {"search by the cloud",
             blocks(R"({"type":"server_tool_use","id":"s1","name":"web_search","input":{}},)"
                    R"({"type":"web_search_tool_result","tool_use_id":"s1","content":[]},{"type":"text","text":"a"})",
                    "assistant"),
             text("a", "assistant"),
             {"dropped records of tools run by the cloud"}},
            {"upload to a container",
             blocks(R"({"type":"container_upload","file_id":"f"})"),
             "not_replayable messages[].content[].type=container_upload",
             {},
             true},
            {"unknown block",
             blocks(R"({"type":"hologram"})"),
             "unsupported_content messages[].content[].type=hologram",
             {},
             true},
            {"tool use inside a result",
             chat(result(R"([{"type":"tool_use","id":"x","name":"f"}])")),
             "unsupported_content messages[].content[].type=tool_use",
             {},
             true},
            {"system in place", chat(user + R"(,{"role":"system","content":"s"},)" + user),
             asked(user + R"(,{"role":"system","content":"s"},)" + user)},
            {"no messages", R"({"max_tokens":1})", "invalid_request messages", {}, true},
            {"no role", chat(R"({"content":"x"})"), "invalid_request messages[].role", {}, true},
            {"unknown role", chat(R"({"role":"tool","content":"x"})"), "invalid_request messages[].role", {}, true},
            {"no content", chat(R"({"role":"user"})"), "invalid_request messages[].content", {}, true},
        });
}

TEST(MessagesRequest, ParametersAreMappedDroppedOrRefused) {
  std::string const tool = R"({"name":"f","description":"d","input_schema":{"type":"object","properties":{}}})";
  std::string const native_tool = R"("tools":[{"type":"function","function":{"name":"f","description":"d",)"
                                  R"("parameters":{"type":"object","properties":{}}}}])";
  auto const tools = [&](const std::string& choice) {
    return with("\"tools\":[" + tool + "]" + (choice.empty() ? "" : ",\"tool_choice\":" + choice));
  };
  auto const demanded = asked(
      R"({"role":"system","content":"Answer by calling the tool f. Do not answer in text."},)" + user, native_tool);
  std::string const told = "tool_choice became an instruction to the model";
  std::string const schema = R"({"type":"json_schema","schema":{"type":"object"}})";
  std::vector<request_row> rows = {
      {"sampling", with(R"("temperature":0.1,"top_p":0.5,"top_k":5,"stop_sequences":["a"],"stream":true)"),
       asked(user, R"("stream":true)", R"("temperature":0.1,"top_p":0.5,"top_k":5,"stop":["a"])")},
      {"system", with(R"("system":"s")"), asked(R"({"role":"system","content":"s"},)" + user)},
      {"empty system", with(R"("system":"")"), asked(user)},
      {"system blocks",
       with(R"("system":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}},{"type":"text","text":"b"}])"),
       asked(R"({"role":"system","content":"a\n\nb"},)" + user)},
      {"system of something else",
       with(R"("system":[{"type":"image"}])"),
       "unsupported_content system[].type",
       {},
       true},
      {"system that is none", with(R"("system":5)"), "invalid_request system", {}, true},
      {"no limit", R"({"messages":[{"role":"user","content":"x"}]})", "invalid_request max_tokens", {}, true},
      {"limit of nothing",
       R"({"max_tokens":0,"messages":[{"role":"user","content":"x"}]})",
       "invalid_request max_tokens",
       {},
       true},
      {"tools",
       with(
           R"("tools":[{"type":"custom","name":"f","description":"d","cache_control":{},"input_schema":{"type":"object","properties":{}}}])"),
       asked(user, native_tool)},
      {"auto", tools(R"({"type":"auto"})"), asked(user, native_tool)},
      {"auto, one at a time",
       tools(R"({"type":"auto","disable_parallel_tool_use":true})"),
       asked(user, native_tool),
       {"several tool calls at once cannot be ruled out locally"}},
      {"none", tools(R"({"type":"none"})"), asked(user), {"dropped tools: tool_choice is none"}},
      {"any", tools(R"({"type":"any"})"), demanded, {told}},
      {"named", tools(R"({"type":"tool","name":"f"})"), demanded, {told}},
      {"named, not offered", tools(R"({"type":"tool","name":"g"})"), "tool_choice_unmet tool_choice", {}, true},
      {"web search",
       with(R"("tools":[{"type":"web_search_20250305","name":"web_search"}])"),
       "not_replayable tools[].type=web_search_20250305",
       {},
       true},
      {"bash",
       with(R"("tools":[{"type":"bash_20250124","name":"bash"}])"),
       "not_replayable tools[].type=bash_20250124",
       {},
       true},
      {"container", with(R"("container":"c")"), "not_replayable container", {}, true},
      {"mcp", with(R"("mcp_servers":[{"url":"x"}])"), "not_replayable mcp_servers", {}, true},
      {"schema of the answer", with(R"("output_config":{"format":)" + schema + "}"),
       asked(user, R"("format":{"type":"object"})")},
      {"schema of the answer, older name", with(R"("output_format":)" + schema),
       asked(user, R"("format":{"type":"object"})")},
      {"another format of the answer",
       with(R"("output_config":{"format":{"type":"poem"}})"),
       "unsupported_parameter output_config.format",
       {},
       true},
  };
  for (const char* key : {"metadata", "service_tier", "context_management", "inference_geo", "keep_alive", "options"})
    rows.push_back({key, with("\"" + std::string(key) + "\":\"x\""), asked(user), {"dropped " + std::string(key)}});
  check(endpoint::messages, rows);
}

TEST(MessagesRequest, ThinkingIsAskedForOnlyWhereTheModelThinks) {
  auto const on = asked(user, R"("think":true)");
  std::string const no_thinker = "dropped the wish for reasoning: the local model does not think";
  std::string const no_effort = "dropped output_config.effort: thinking decides";
  auto const enabled = with(R"("thinking":{"type":"enabled","budget_tokens":50})");
  check(endpoint::messages,
        {
            {"no thinker, nothing asked", chat(user), asked(user), {}, false, text_only},
            {"no thinker, enabled", enabled, asked(user), {no_thinker}, false, text_only},
            {"no thinker, disabled", with(R"("thinking":{"type":"disabled"})"), asked(user), {}, false, text_only},
            {"thinker, nothing asked", chat(user), asked(user)},
            {"thinker, disabled", with(R"("thinking":{"type":"disabled"})"), asked(user)},
            {"thinker, enabled", enabled, on},
            {"thinker, adaptive", with(R"("thinking":{"type":"adaptive"})"), on},
            {"thinker, adaptive with effort",
             with(R"("thinking":{"type":"adaptive"},"output_config":{"effort":"xhigh"})"), on},
            {"thinker, effort alone", with(R"("output_config":{"effort":"low"})"), asked(user), {no_effort}},
            {"thinker, enabled, with a beginning of the answer",
             chat(user + R"(,{"role":"assistant","content":"Once"})", R"("thinking":{"type":"enabled"})"),
             asked(user + R"(,{"role":"assistant","content":"Once"})"),
             {"dropped the wish for reasoning: an answer that is continued cannot be thought about first"}},
        });
}

}  // namespace
}  // namespace tideover::adapt::chat
