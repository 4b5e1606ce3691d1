#include "replay_table.hpp"

namespace tideover::adapt::ollama {
namespace {

std::string const user = R"({"role":"user","content":"hi"})";
std::string chat(const std::string& messages, const std::string& rest = "") {
  return R"({"max_tokens":100,"messages":[)" + messages + "]" + (rest.empty() ? "" : "," + rest) + "}";
}
std::string with(const std::string& rest) { return chat(user, rest); }
std::string blocks(const std::string& list, const char* role = "user") {
  return chat(R"({"role":")" + std::string(role) + R"(","content":[)" + list + "]}");
}
std::string text(const std::string& content, const char* role = "user") {
  return chat(R"({"role":")" + std::string(role) + R"(","content":")" + content + "\"}");
}

TEST(ReplayMessages, BlocksAreReadOrRefusedButNeverLostSilently) {
  std::string const image = R"({"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA"}})";
  check(
      endpoint::messages,
      {
          {"plain", chat(user), chat(user)},
          {"text blocks",
           blocks(R"({"type":"text","text":"a","cache_control":{"type":"ephemeral"}},{"type":"text","text":"b"})"),
           text(R"(a\nb)")},
          {"image", blocks(R"({"type":"text","text":"a"},)" + image), blocks(R"({"type":"text","text":"a"},)" + image)},
          {"image on the web",
           blocks(R"({"type":"image","source":{"type":"url","url":"https://x.test/a.png"}})"),
           "unsupported_content messages[].content[].source.type",
           {},
           true},
          {"stored image",
           blocks(R"({"type":"image","source":{"type":"file","file_id":"file_1"}})"),
           "not_replayable messages[].content[].source.type=file",
           {},
           true},
          {"tool use",
           blocks(R"({"type":"text","text":"a"},{"type":"tool_use","id":"t1","name":"f","input":{"x":1},"caller":{}})",
                  "assistant"),
           blocks(R"({"type":"text","text":"a"},{"type":"tool_use","id":"t1","name":"f","input":{"x":1}})",
                  "assistant")},
          {"tool use without input", blocks(R"({"type":"tool_use","id":"t1","name":"f","input":null})", "assistant"),
           blocks(R"({"type":"tool_use","id":"t1","name":"f","input":{}})", "assistant")},
          {"tool result", blocks(R"({"type":"tool_result","tool_use_id":"t1","content":"42"})"),
           blocks(R"({"type":"tool_result","tool_use_id":"t1","content":"42"})")},
          {"tool result in blocks",
           blocks(
               R"({"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"4"},{"type":"text","text":"2"}]})"),
           blocks(R"({"type":"tool_result","tool_use_id":"t1","content":"4\n2"})")},
          {"tool result with an image",
           blocks(R"({"type":"tool_result","tool_use_id":"t1","content":[)" + image + "]}"),
           blocks(R"({"type":"tool_result","tool_use_id":"t1","content":[)" + image + "]}")},
          {"tool result without content", blocks(R"({"type":"tool_result","tool_use_id":"t1"})"),
           blocks(R"({"type":"tool_result","tool_use_id":"t1","content":""})")},
          {"failed tool",
           blocks(R"({"type":"tool_result","tool_use_id":"t1","is_error":true,"content":"no disk"})"),
           blocks(R"({"type":"tool_result","tool_use_id":"t1","content":"Error: no disk"})"),
           {"is_error of a tool result became part of its text"}},
          {"thinking",
           blocks(R"({"type":"thinking","thinking":"t","signature":"s"},{"type":"redacted_thinking","data":"d"},)"
                  R"({"type":"text","text":"a"})",
                  "assistant"),
           text("a", "assistant"),
           {"dropped thinking of an earlier turn"}},
          {"nothing but thinking",
           chat(R"({"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"}]},)" + user),
           chat(user),
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
           blocks(R"({"type":"tool_result","tool_use_id":"t","content":[{"type":"tool_use","id":"x","name":"f"}]})"),
           "unsupported_content messages[].content[].type=tool_use",
           {},
           true},
          {"no messages", R"({"max_tokens":1})", "invalid_request messages", {}, true},
          {"no role", chat(R"({"content":"x"})"), "invalid_request messages[].role", {}, true},
          {"no content", chat(R"({"role":"user"})"), "invalid_request messages[].content", {}, true},
      });
}

TEST(ReplayMessages, ParametersAreMappedKeptDroppedOrRefused) {
  std::string const tool = R"({"name":"f","input_schema":{"type":"object","properties":{}}})";
  auto const tools = [&](const std::string& choice) {
    return with("\"tools\":[" + tool + "]" + (choice.empty() ? "" : ",\"tool_choice\":" + choice));
  };
  std::vector<replay_row> rows = {
      {"all that is honoured", with(R"("temperature":0.1,"top_p":0.5,"top_k":5,"stop_sequences":["a"],"stream":true)"),
       with(R"("temperature":0.1,"top_p":0.5,"top_k":5,"stop_sequences":["a"],"stream":true)")},
      {"system", with(R"("system":"s")"), with(R"("system":"s")")},
      {"system blocks",
       with(R"("system":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}},{"type":"text","text":"b"}])"),
       with(R"("system":"a\n\nb")")},
      {"system of something else",
       with(R"("system":[{"type":"image"}])"),
       "unsupported_content system[].type",
       {},
       true},
      {"no limit", R"({"messages":[{"role":"user","content":"x"}]})", "invalid_request max_tokens", {}, true},
      {"limit of nothing",
       R"({"max_tokens":0,"messages":[{"role":"user","content":"x"}]})",
       "invalid_request max_tokens",
       {},
       true},
      {"limit of one", R"({"max_tokens":1,"messages":[{"role":"user","content":"x"}]})",
       R"({"max_tokens":1,"messages":[{"role":"user","content":"x"}]})"},
      {"tools",
       with(
           R"("tools":[{"type":"custom","name":"f","cache_control":{},"input_schema":{"type":"object","properties":{}}}])"),
       tools("")},
      {"auto", tools(R"({"type":"auto"})"), tools("")},
      {"auto, one at a time",
       tools(R"({"type":"auto","disable_parallel_tool_use":true})"),
       tools(""),
       {"several tool calls at once cannot be ruled out locally"}},
      {"none", tools(R"({"type":"none"})"), chat(user), {"dropped tools: tool_choice is none"}},
      {"any", tools(R"({"type":"any"})"), "tool_choice_unmet tool_choice", {}, true},
      {"named", tools(R"({"type":"tool","name":"f"})"), "tool_choice_unmet tool_choice", {}, true},
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
      {"schema of the answer",
       with(R"("output_config":{"format":{"type":"json_schema","schema":{}}})"),
       "unsupported_parameter output_config.format",
       {},
       true},
      {"schema of the answer, older name",
       with(R"("output_format":{"type":"json_schema","schema":{}})"),
       "unsupported_parameter output_config.format",
       {},
       true},
  };
  for (const char* key : {"metadata", "service_tier", "context_management", "inference_geo", "keep_alive", "options"})
    rows.push_back({key, with("\"" + std::string(key) + "\":\"x\""), chat(user), {"dropped " + std::string(key)}});
  check(endpoint::messages, rows);
}

TEST(ReplayMessages, ThinkingIsAskedForOnlyWhereTheModelThinks) {
  auto const off = with(R"("thinking":{"type":"disabled"})");
  check(endpoint::messages, {
                                {"no thinker, nothing asked", chat(user), chat(user)},
                                {"no thinker, enabled",
                                 with(R"("thinking":{"type":"enabled","budget_tokens":50})"),
                                 chat(user),
                                 {"dropped thinking: the local model does not think"}},
                                {"no thinker, disabled", off, chat(user)},
                                {"no thinker, effort",
                                 with(R"("output_config":{"effort":"low"})"),
                                 chat(user),
                                 {"dropped output_config.effort: the local model does not think"}},
                                {"thinker, nothing asked", chat(user), off, {}, false, true},
                                {"thinker, disabled", off, off, {}, false, true},
                                {"thinker, enabled",
                                 with(R"("thinking":{"type":"enabled","budget_tokens":50})"),
                                 with(R"("thinking":{"type":"enabled","budget_tokens":50})"),
                                 {},
                                 false,
                                 true},
                                {"thinker, adaptive",
                                 with(R"("thinking":{"type":"adaptive"})"),
                                 with(R"("thinking":{"type":"enabled"})"),
                                 {"thinking adaptive became enabled"},
                                 false,
                                 true},
                                {"thinker, adaptive with effort",
                                 with(R"("thinking":{"type":"adaptive"},"output_config":{"effort":"xhigh"})"),
                                 with(R"("output_config":{"effort":"high"})"),
                                 {},
                                 false,
                                 true},
                                {"thinker, effort alone",
                                 with(R"("output_config":{"effort":"low"})"),
                                 off,
                                 {"dropped output_config.effort: thinking decides"},
                                 false,
                                 true},
                            });
}

}  // namespace
}  // namespace tideover::adapt::ollama
