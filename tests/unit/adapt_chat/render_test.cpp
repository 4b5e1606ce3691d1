// What the renderers do by their options, and what servers of dialect openai are asked.
#include "request_table.hpp"

namespace tideover::adapt::chat {
namespace {

using placing = system_prompt::placing;

std::string const hi = R"({"role":"user","content":"hi"})";
std::string asked(const std::string& messages, const std::string& rest = "") {
  return R"({"messages":[)" + messages + "]" + (rest.empty() ? "" : "," + rest) + "}";
}
std::string system(const char* text) { return R"({"role":"system","content":")" + std::string(text) + "\"},"; }

struct option_row {
  const char* name;
  std::string input;
  render_options options;
  std::string expected;
  std::vector<std::string> notes = {};
};

void check_options(const std::vector<option_row>& rows) {
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    auto const result = translate(endpoint::chat_completions, with_model(row.input), row.options);
    if (!result.body) {
      ADD_FAILURE() << "was refused: " << result.refused->message;
      continue;
    }
    EXPECT_EQ(essence(result.body->body), nlohmann::json::parse(row.expected)) << result.body->body;
    EXPECT_EQ(result.notes, row.notes);
  }
}

TEST(RenderOllama, TheWorkflowsPromptIsPutWhereItBelongs) {
  auto const prompt = [](placing mode) {
    return render_options{.model = "local", .can = everything, .workflow_prompt = {mode, "w"}};
  };
  std::string const added = "the workflow's system prompt was added";
  std::string const replaced = "the caller's system prompt was replaced by the workflow's";
  auto const later = asked(system("s") + hi + R"(,{"role":"assistant","content":"a"},)" + system("t") + hi);
  check_options({
      {"prepend", asked(system("s") + hi), prompt(placing::prepend), asked(system(R"(w\n\ns)") + hi), {added}},
      {"append", asked(system("s") + hi), prompt(placing::append), asked(system(R"(s\n\nw)") + hi), {added}},
      {"replace", asked(system("s") + hi), prompt(placing::replace), asked(system("w") + hi), {replaced}},
      {"prepend to nothing", asked(hi), prompt(placing::prepend), asked(system("w") + hi), {added}},
      {"append to nothing", asked(hi), prompt(placing::append), asked(system("w") + hi), {added}},
      {"replace nothing", asked(hi), prompt(placing::replace), asked(system("w") + hi)},
      {"replace all",
       later,
       prompt(placing::replace),
       asked(system("w") + hi + R"(,{"role":"assistant","content":"a"},)" + hi),
       {replaced}},
      {"no prompt", asked(system("s") + hi), {.model = "local"}, asked(system("s") + hi)},
  });
}

TEST(RenderOllama, TheWorkflowsParametersFillInWhatTheCallerLeftOpen) {
  parameters defaults;
  defaults.temperature = 0.2;
  defaults.top_k = 40;
  defaults.min_p = 0.1;
  defaults.repeat_penalty = 1.1;
  defaults.max_tokens = 500;
  defaults.stop = {"END"};
  render_options const options{.model = "local", .defaults = defaults};
  check_options({
      {"all open", asked(hi), options,
       asked(
           hi,
           R"("options":{"temperature":0.2,"top_k":40,"min_p":0.1,"repeat_penalty":1.1,"num_predict":500,"stop":["END"]})")},
      {"some given", asked(hi, R"("temperature":1,"max_tokens":5,"stop":"x")"), options,
       asked(
           hi,
           R"("options":{"temperature":1.0,"top_k":40,"min_p":0.1,"repeat_penalty":1.1,"num_predict":5,"stop":["x"]})")},
  });
}

TEST(RenderOllama, WindowKeepAliveAndTruncationAreSaid) {
  auto const body = [](const render_options& options) {
    auto const result = translate(endpoint::chat_completions, with_model(asked(hi)), options);
    return nlohmann::json::parse(result.body.value().body);
  };
  auto const plain = body({.model = "local"});
  EXPECT_EQ(plain.at("truncate"), false);
  EXPECT_FALSE(plain.contains("shift")) << "a model loaded without it would be loaded again";
  EXPECT_EQ(plain.at("think"), false) << "said even where nothing is known of the model";
  EXPECT_EQ(plain.at("stream"), false) << "a stream is what Ollama gives unasked";
  EXPECT_FALSE(plain.contains("options"));
  EXPECT_FALSE(plain.contains("keep_alive"));

  auto const full = body({.model = "local", .num_ctx = 8192, .keep_alive = "10m", .truncate = true, .shift = false});
  EXPECT_EQ(full.at("options"), (nlohmann::json{{"num_ctx", 8192}}));
  EXPECT_EQ(full.at("keep_alive"), "10m");
  EXPECT_EQ(full.at("truncate"), true);
  EXPECT_EQ(full.at("shift"), false);
  EXPECT_EQ(body({.model = "local", .keep_alive = "-1"}).at("keep_alive"), -1) << "seconds are a number";
  EXPECT_FALSE(body({.model = "local", .can = text_only}).contains("think"));
}

TEST(RenderOllama, AnAnswerEndsWithTheWindow) {
  auto const limit = [](const std::string& asked_for, std::optional<std::uint64_t> room) {
    auto const result = translate(endpoint::chat_completions, with_model(asked(hi, asked_for)),
                                  {.model = "local", .room_for_answer = room});
    auto const body = nlohmann::json::parse(result.body.value().body);
    return body.contains("options") ? body["options"].value("num_predict", -1) : -1;
  };
  EXPECT_EQ(limit("", {}), -1);
  EXPECT_EQ(limit("", 3000), 3000);
  EXPECT_EQ(limit(R"("max_tokens":5000)", 3000), 3000);
  EXPECT_EQ(limit(R"("max_tokens":100)", 3000), 100);
  EXPECT_EQ(limit(R"("max_tokens":100)", 0), 1) << "never none at all, which would mean no limit";
}

TEST(RenderOllama, OnlyTheModelsThatGradeTheirThinkingAreToldHowMuch) {
  auto const think = [](const char* model, const char* effort) {
    auto const result = translate(endpoint::chat_completions,
                                  with_model(asked(hi, R"("reasoning_effort":")" + std::string(effort) + '"')),
                                  {.model = model, .can = everything});
    return nlohmann::json::parse(result.body.value().body).at("think");
  };
  EXPECT_EQ(think("gpt-oss:20b", "low"), "low");
  EXPECT_EQ(think("gpt-oss:20b", "medium"), "medium");
  EXPECT_EQ(think("gpt-oss:20b", "xhigh"), "high");
  EXPECT_EQ(think("qwen3:8b", "low"), true);
  EXPECT_EQ(think("qwen3:8b", "none"), false);
}

TEST(RenderOllama, AnAnswerBegunElsewhereIsContinued) {
  render_options const options{.model = "local", .can = everything, .continuation = "Once upon"};
  std::string const tools = R"("tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required")";
  check_options({
      {"after the user", asked(hi), options, asked(hi + R"(,{"role":"assistant","content":"Once upon"})")},
      {"after the caller's own beginning, with nothing between",
       asked(hi + R"(,{"role":"assistant","content":"Tell: "})"), options,
       asked(hi + R"(,{"role":"assistant","content":"Tell: Once upon"})")},
      {"tools are left out",
       asked(hi, tools),
       options,
       asked(hi + R"(,{"role":"assistant","content":"Once upon"})"),
       {"dropped tools: an answer in text is being continued"}},
      {"thinking is off",
       asked(hi, R"("reasoning_effort":"high")"),
       options,
       asked(hi + R"(,{"role":"assistant","content":"Once upon"})"),
       {"dropped the wish for reasoning: an answer that is continued cannot be thought about first"}},
  });
}

TEST(RenderOllama, WhatIdentifiesTheCallerStaysBehind) {
  auto const result = translate(
      endpoint::chat_completions,
      with_model(asked(R"({"role":"user","name":"Alice Secret","content":"hi"})",
                       R"("user":"Alice Secret","metadata":{"a":"Alice Secret"},"safety_identifier":"Alice Secret")")),
      {.model = "local"});
  EXPECT_EQ(result.body.value().body.find("Alice"), std::string::npos);
  for (auto const& note : result.notes) EXPECT_EQ(note.find("Alice"), std::string::npos) << note;
}

nlohmann::json openai(endpoint what, const std::string& input, const render_options& options) {
  auto const read = parse_request(what, input);
  auto const made = render_openai_chat(std::get<parsed>(read).what, options);
  auto const* const body = std::get_if<rendered>(&made);
  if (!body) return std::get<refusal>(made).code + " " + std::get<refusal>(made).field;
  EXPECT_EQ(body->path, "/v1/chat/completions");
  auto document = nlohmann::json::parse(body->body);
  EXPECT_EQ(document.value("model", ""), "local");
  document.erase("model");
  // What is always said unless somebody wants another; the next test but one looks at it.
  if (document.value("chat_template_kwargs", nlohmann::json()) == nlohmann::json{{"enable_thinking", false}})
    document.erase("chat_template_kwargs");
  return document;
}

TEST(RenderOpenAi, ALocalServerOfThisDialectIsAskedInItsWords) {
  struct row {
    const char* name;
    endpoint what;
    std::string input;
    std::string expected;
    capabilities can = {};
    std::optional<std::string> continuation = {};
  };
  std::string const tool =
      R"({"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}})";
  auto const chat = endpoint::chat_completions;
  row const rows[] = {
      {"plain", chat, asked(hi), asked(hi)},
      {"stream", chat, asked(hi, R"("stream":true)"),
       asked(hi, R"("stream":true,"stream_options":{"include_usage":true})")},
      {"parameters", chat,
       asked(hi,
             R"("max_completion_tokens":5,"temperature":0.5,"top_p":0.5,"seed":1,"stop":"x","frequency_penalty":0.5,)"
             R"("presence_penalty":0.5,"logprobs":true,"top_logprobs":30)"),
       asked(hi, R"("max_tokens":5,"temperature":0.5,"top_p":0.5,"seed":1,"stop":["x"],"frequency_penalty":0.5,)"
                 R"("presence_penalty":0.5,"logprobs":true,"top_logprobs":20)")},
      {"image", chat,
       asked(R"({"role":"user","content":[{"type":"text","text":"a"},)"
             R"({"type":"image_url","image_url":"data:image/JPG;base64,AAAA"}]})"),
       asked(R"({"role":"user","content":[{"type":"text","text":"a"},)"
             R"({"type":"image_url","image_url":{"url":"data:image/jpeg;base64,AAAA"}}]})")},
      {"calls and results", endpoint::messages,
       R"({"max_tokens":9,"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{"a":1}}]},)"
       R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"t","is_error":true,"content":"no"}]}]})",
       asked(
           R"({"role":"assistant","content":null,"tool_calls":[{"id":"t","type":"function",)"
           R"("function":{"name":"f","arguments":"{\"a\":1}"}}]},{"role":"tool","tool_call_id":"t","content":"Error: no"})",
           R"("max_tokens":9)")},
      {"tools", chat, asked(hi, "\"tools\":[" + tool + "]"), asked(hi, "\"tools\":[" + tool + "]")},
      {"a demanded call", chat, asked(hi, "\"tool_choice\":\"required\",\"tools\":[" + tool + "]"),
       asked(hi, "\"tool_choice\":\"required\",\"tools\":[" + tool + "]")},
      {"a named call", chat,
       asked(hi, R"("tool_choice":{"type":"function","function":{"name":"f"}},"tools":[)" + tool +
                     R"(,{"type":"function","function":{"name":"g"}}])"),
       asked(hi, "\"tool_choice\":\"required\",\"tools\":[" + tool + "]")},
      {"json", chat, asked(hi, R"("response_format":{"type":"json_object"})"),
       asked(hi, R"("response_format":{"type":"json_object"})")},
      {"schema", endpoint::messages,
       R"({"max_tokens":9,"messages":[)" + hi +
           R"(],"output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}}})",
       asked(
           hi,
           R"("max_tokens":9,"response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":{"type":"object"}}})")},
      {"reasoning, nothing known",
       chat,
       asked(hi, R"("reasoning_effort":"high")"),
       asked(hi, R"("reasoning_effort":"high","chat_template_kwargs":{"enable_thinking":true})"),
       {}},
      {"reasoning, known not to", chat, asked(hi, R"("reasoning_effort":"high")"), asked(hi), text_only},
      {"reasoning", chat, asked(hi, R"("reasoning_effort":"xhigh")"),
       asked(hi, R"("reasoning_effort":"high","chat_template_kwargs":{"enable_thinking":true})"), everything},
      {"continuation",
       chat,
       asked(hi),
       asked(hi + R"(,{"role":"assistant","content":"Once"})",
             R"("add_generation_prompt":false,"continue_final_message":true)"),
       {},
       "Once"},
  };
  for (auto const& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(
        openai(row.what, with_model(row.input), {.model = "local", .can = row.can, .continuation = row.continuation}),
        nlohmann::json::parse(row.expected));
  }
  EXPECT_EQ(openai(endpoint::completions, R"({"prompt":"a","suffix":"z"})", {.model = "local"}),
            "unsupported_parameter suffix");
}

TEST(RenderOpenAi, ThinkingIsSwitchedOffUnlessAskedFor) {
  auto const kwargs = [](const std::string& rest, const capabilities& can, std::optional<std::string> begun = {}) {
    auto const read = parse_request(endpoint::chat_completions, with_model(asked(hi, rest)));
    auto const made =
        render_openai_chat(std::get<parsed>(read).what, {.model = "local", .can = can, .continuation = begun});
    return nlohmann::json::parse(std::get<rendered>(made).body).value("chat_template_kwargs", nlohmann::json());
  };
  nlohmann::json const off{{"enable_thinking", false}}, on{{"enable_thinking", true}};
  EXPECT_EQ(kwargs("", {}), off) << "nothing is known of the models of such a server";
  EXPECT_EQ(kwargs("", everything), off);
  EXPECT_EQ(kwargs(R"("reasoning_effort":"none")", {}), off);
  EXPECT_EQ(kwargs(R"("reasoning_effort":"low")", {}), on);
  EXPECT_EQ(kwargs(R"("reasoning_effort":"low")", everything), on);
  EXPECT_EQ(kwargs(R"("reasoning_effort":"low")", {}, "Once"), off) << "a begun answer cannot be thought about first";
  EXPECT_TRUE(kwargs("", text_only).is_null()) << "a model that does not think needs no switch";
}

TEST(RenderOpenAi, ADemandedCallIsMarkedForChecking) {
  auto const read = parse_request(
      endpoint::chat_completions,
      with_model(asked(hi, R"("tool_choice":"required","tools":[{"type":"function","function":{"name":"f"}}])")));
  auto const made = render_openai_chat(std::get<parsed>(read).what, {.model = "local"});
  EXPECT_TRUE(std::get<rendered>(made).must_call);
  EXPECT_EQ(std::get<rendered>(made).allowed_calls, std::vector<std::string>{"f"});
}

}  // namespace
}  // namespace tideover::adapt::chat
