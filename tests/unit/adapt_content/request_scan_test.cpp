#include "tideover/adapt/request_scan.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tideover::adapt {
namespace {

using enum endpoint;

TEST(RequestScan, ReadsWhatRoutingNeeds) {
  const auto facts = scan_request(chat_completions, R"( {"model":"gpt-5","stream":true,
      "stream_options":{"include_obfuscation":false,"include_usage":true},"reasoning_effort":"low",
      "tools":[{"type":"function","function":{"name":"f"}}],
      "messages":[{"role":"user","content":[{"type":"text","text":"hi"},
                                            {"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}}]}]} )");
  EXPECT_TRUE(facts.is_json_object);
  EXPECT_EQ(facts.model, "gpt-5");
  EXPECT_TRUE(facts.stream);
  EXPECT_TRUE(facts.include_usage);
  EXPECT_TRUE(facts.wants_reasoning);
  EXPECT_TRUE(facts.has_tools);
  EXPECT_TRUE(facts.has_images);
  EXPECT_EQ(facts.not_replayable, "");
}

TEST(RequestScan, WhatIsAbsentOrNullIsNotGiven) {
  for (const char* body : {"{}",
                           R"({"model":null,"stream":null,"stream_options":null,"reasoning_effort":null,"tools":null,
                              "functions":null,"messages":null,"input":null,"reasoning":null,"thinking":null,
                              "previous_response_id":null,"conversation":null,"background":null,"prompt":null,
                              "web_search_options":null,"audio":null,"modalities":null,"container":null,
                              "mcp_servers":null})",
                           R"({"tools":[],"functions":[],"messages":[],"input":[],"modalities":[],"mcp_servers":[],
                              "stream":false,"background":false,"reasoning":{},"thinking":{}})"}) {
    for (const endpoint what : {chat_completions, completions, responses, messages, count_tokens, embeddings}) {
      const auto facts = scan_request(what, body);
      EXPECT_TRUE(facts.is_json_object);
      EXPECT_EQ(facts.model, "");
      EXPECT_FALSE(facts.stream || facts.include_usage || facts.wants_reasoning || facts.has_tools || facts.has_images);
      EXPECT_EQ(facts.not_replayable, "") << body;
    }
  }
}

TEST(RequestScan, WhatIsNotOneWholeJsonObjectIsTheCloudsToRefuse) {
  for (const std::string& body :
       {std::string(), std::string("null"), std::string("[]"), std::string("\"x\""), std::string(R"({"model":"m")"),
        std::string(R"({"model":"m"} x)"), std::string(R"({"model":"m","temperature":NaN})"), std::string("a=b&c=d"),
        std::string("\xEF\xBB\xBF{\"model\":\"m\"}"), std::string(1'000'000, '['),
        R"({"model":"m","messages":)" + std::string(1'000'000, '[')}) {
    const auto facts = scan_request(chat_completions, body);
    EXPECT_FALSE(facts.is_json_object) << body.substr(0, 40);
    EXPECT_EQ(facts.model, "");
  }
}

TEST(RequestScan, WrongTypesNeverCountAndNeverBreakTheScan) {
  const auto facts = scan_request(chat_completions, R"({"stream":"true","stream_options":[true],"reasoning_effort":1,
      "tools":{"type":"web_search"},"messages":{"content":[{"type":"image_url"}]},"reasoning":"high","thinking":true,
      "modalities":"audio","functions":0.0,"model":["m"]})");
  EXPECT_TRUE(facts.is_json_object);
  EXPECT_EQ(facts.model, "");
  EXPECT_FALSE(facts.stream || facts.include_usage || facts.wants_reasoning || facts.has_images);
  const auto odd = scan_request(chat_completions, R"({"messages":[1,null,"x",[],{"content":[1,null,[],"x",{}]}],
      "tools":[null,1,"x",[]],"model":"m"})");
  EXPECT_TRUE(odd.is_json_object);
  EXPECT_EQ(odd.model, "m");
}

struct duplicate_case {
  endpoint what;
  const char* body;
  request_facts expected;
};

TEST(RequestScan, TheLastOfDuplicateKeysWins) {
  const std::vector<duplicate_case> cases = {
      {chat_completions, R"({"model":"a","model":"b"})", {.model = "b"}},
      {chat_completions, R"({"model":"a","model":null})", {.model = ""}},
      {chat_completions, R"({"stream":true,"stream":false})", {}},
      {chat_completions, R"({"stream":false,"stream":true})", {.stream = true}},
      {chat_completions, R"({"tools":[{}],"tools":[]})", {}},
      {chat_completions, R"({"functions":[{}],"functions":null})", {}},
      {chat_completions, R"({"tools":[{"type":"web_search"}],"tools":[{"type":"function"}]})", {.has_tools = true}},
      {chat_completions, R"({"reasoning_effort":"high","reasoning_effort":"none"})", {}},
      {chat_completions, R"({"stream_options":{"include_usage":true},"stream_options":{}})", {}},
      {chat_completions, R"({"stream_options":{"include_usage":false,"include_usage":true}})", {.include_usage = true}},
      {chat_completions, R"({"messages":[{"content":[{"type":"image_url"}]}],"messages":[]})", {}},
      {chat_completions, R"({"messages":[{"content":[{"type":"image_url"}],"content":"text"}]})", {}},
      {chat_completions, R"({"messages":[{"content":[{"type":"image_url","type":"text"}]}]})", {}},
      {chat_completions, R"({"messages":[{"content":[{"type":"file","file":{"file_id":"f"},"file":{}}]}]})", {}},
      {messages, R"({"messages":[{"content":[{"source":{"type":"file"},"source":{"type":"base64"}}]}]})", {}},
      {responses, R"({"previous_response_id":"r","previous_response_id":null})", {}},
      {responses,
       R"({"previous_response_id":null,"previous_response_id":"r"})",
       {.not_replayable = "previous_response_id"}},
      {responses, R"({"reasoning":{"effort":"high"},"reasoning":{}})", {}},
      {messages, R"({"thinking":{"type":"enabled"},"thinking":{"type":"disabled"}})", {}},
      {messages, R"({"thinking":{"type":"enabled"},"thinking":null})", {}},
      {messages, R"({"container":"c","container":null})", {}},
  };
  for (const auto& c : cases) {
    const auto facts = scan_request(c.what, c.body);
    EXPECT_TRUE(facts.is_json_object) << c.body;
    EXPECT_EQ(facts.model, c.expected.model) << c.body;
    EXPECT_EQ(facts.stream, c.expected.stream) << c.body;
    EXPECT_EQ(facts.wants_reasoning, c.expected.wants_reasoning) << c.body;
    EXPECT_EQ(facts.has_tools, c.expected.has_tools) << c.body;
    EXPECT_EQ(facts.has_images, c.expected.has_images) << c.body;
    EXPECT_EQ(facts.include_usage, c.expected.include_usage) << c.body;
    EXPECT_EQ(facts.not_replayable, c.expected.not_replayable) << c.body;
  }
}

TEST(RequestScan, KeysAndWordsWrittenWithEscapesAreTheSame) {
  const auto facts = scan_request(responses, R"({"\u006dodel":"g\u0070t","str\u0065am":true,
      "reasoning":{"\u0065ffort":"h\u0069gh"},"tools":[{"typ\u0065":"web\u005fsearch"}]})");
  EXPECT_EQ(facts.model, "gpt");
  EXPECT_TRUE(facts.stream);
  EXPECT_TRUE(facts.wants_reasoning);
  EXPECT_EQ(facts.not_replayable, "tools[].type=web_search");
  EXPECT_EQ(scan_request(responses, R"({"previous\u005fresponse_id":"r"})").not_replayable, "previous_response_id");
}

struct flag_case {
  endpoint what;
  const char* body;
  bool expected;
};

TEST(RequestScan, TellsWhetherReasoningIsWanted) {
  const std::vector<flag_case> cases = {
      {chat_completions, R"({"reasoning_effort":"minimal"})", true},
      {chat_completions, R"({"reasoning_effort":"xhigh"})", true},
      {chat_completions, R"({"reasoning_effort":"none"})", false},
      {chat_completions, R"({"reasoning_effort":""})", false},
      {responses, R"({"reasoning":{"effort":"low"}})", true},
      {responses, R"({"reasoning":{"effort":"none"}})", false},
      {responses, R"({"reasoning":{"effort":null}})", false},
      {messages, R"({"thinking":{"type":"enabled","budget_tokens":1024}})", true},
      {messages, R"({"thinking":{"type":"adaptive"}})", true},
      {messages, R"({"thinking":{"type":"disabled"}})", false},
      {embeddings, R"({"reasoning_effort":"high"})", false},
  };
  for (const auto& c : cases) EXPECT_EQ(scan_request(c.what, c.body).wants_reasoning, c.expected) << c.body;
}

TEST(RequestScan, FindsImagesWhereverTheyStand) {
  const std::vector<flag_case> cases = {
      {chat_completions, R"({"messages":[{"content":[{"type":"text"},{"type":"image_url"}]}]})", true},
      {chat_completions, R"({"messages":[{"content":"image_url"}]})", false},
      {chat_completions, R"({"messages":[{"content":[{"type":"text","text":"image_url"}]}]})", false},
      {responses, R"({"input":[{"role":"user","content":[{"type":"input_image","image_url":"data:"}]}]})", true},
      {responses, R"({"input":[{"type":"function_call_output","output":[{"type":"input_image"}]}]})", true},
      {responses, R"({"input":[{"type":"computer_call_output","output":{"type":"computer_screenshot"}}]})", true},
      {responses, R"({"input":"a picture"})", false},
      {messages, R"({"messages":[{"content":[{"type":"image","source":{"type":"base64"}}]}]})", true},
      {messages, R"({"messages":[{"content":[{"type":"tool_result","content":[{"type":"image"}]}]}]})", true},
      {messages, R"({"messages":[{"content":[{"type":"tool_result","content":"image"}]}]})", false},
  };
  for (const auto& c : cases) EXPECT_EQ(scan_request(c.what, c.body).has_images, c.expected) << c.body;
}

struct state_case {
  endpoint what;
  const char* body;
  const char* field;
};

TEST(RequestScan, NamesTheFieldThatRefersToStateAtTheCloud) {
  const std::vector<state_case> cases = {
      // Responses
      {responses, R"({"previous_response_id":"resp_1"})", "previous_response_id"},
      {responses, R"({"conversation":"conv_1"})", "conversation"},
      {responses, R"({"conversation":{"id":"conv_1"}})", "conversation"},
      {responses, R"({"background":true})", "background"},
      {responses, R"({"prompt":{"id":"pmpt_1"}})", "prompt"},
      {responses, R"({"input":[{"type":"item_reference","id":"msg_1"}]})", "input[].type=item_reference"},
      {responses, R"({"input":[{"id":"msg_1"}]})", "input[].type=item_reference"},
      {responses, R"({"input":[{"id":"msg_1","type":null}]})", "input[].type=item_reference"},
      {responses, R"({"input":[{"id":"msg_1","type":"message","role":"user","content":"x"}]})", ""},
      {responses, R"({"input":[{"id":"msg_1","role":"assistant","content":"x"}]})", ""},
      {responses, R"({"input":[{"type":"compaction","encrypted_content":"x"}]})", "input[].type=compaction"},
      {responses, R"({"input":[{"type":"reasoning","id":"rs_1","encrypted_content":"x"}]})", ""},
      {responses, R"({"input":[{"role":"user","content":[{"type":"input_file","file_id":"file-1"}]}]})",
       "input[].content[].file_id"},
      {responses, R"({"input":[{"role":"user","content":[{"type":"input_image","file_id":"file-1"}]}]})",
       "input[].content[].file_id"},
      {responses, R"({"input":[{"role":"user","content":[{"type":"input_image","file_id":null,"image_url":"d"}]}]})",
       ""},
      {responses,
       R"({"input":[{"type":"computer_call_output","output":{"type":"computer_screenshot","file_id":"f"}}]})",
       "input[].content[].file_id"},
      {responses, R"({"tools":[{"type":"function"},{"type":"web_search"}]})", "tools[].type=web_search"},
      {responses, R"({"tools":[{"type":"web_search_preview_2025_03_11"}]})",
       "tools[].type=web_search_preview_2025_03_11"},
      {responses, R"({"tools":[{"type":"file_search","vector_store_ids":["v"]}]})", "tools[].type=file_search"},
      {responses, R"({"tools":[{"type":"code_interpreter"}]})", "tools[].type=code_interpreter"},
      {responses, R"({"tools":[{"type":"computer_use_preview"}]})", "tools[].type=computer_use_preview"},
      {responses, R"({"tools":[{"type":"image_generation"}]})", "tools[].type=image_generation"},
      {responses, R"({"tools":[{"type":"mcp","server_url":"u"}]})", "tools[].type=mcp"},
      {responses, R"({"tools":[{"type":"function","name":"web_search"},{"type":"custom"}]})", ""},
      {responses, R"({"store":true,"input":"x"})", ""},
      // chat
      {chat_completions, R"({"web_search_options":{}})", "web_search_options"},
      {chat_completions, R"({"modalities":["text","audio"]})", "modalities[]=audio"},
      {chat_completions, R"({"modalities":["text"]})", ""},
      {chat_completions, R"({"audio":{"voice":"alloy"}})", "audio"},
      {chat_completions, R"({"messages":[{"role":"assistant","audio":{"id":"audio_1"}}]})", "messages[].audio"},
      {chat_completions, R"({"messages":[{"content":[{"type":"file","file":{"file_id":"file-1"}}]}]})",
       "messages[].content[].file.file_id"},
      {chat_completions, R"({"messages":[{"content":[{"type":"file","file":{"file_data":"d","file_id":null}}]}]})", ""},
      {chat_completions, R"({"messages":[{"content":[{"type":"input_audio","input_audio":{"data":"d"}}]}]})", ""},
      {chat_completions, R"({"store":true,"previous_response_id":"x","prompt":"x"})", ""},
      {completions, R"({"prompt":"once upon a time"})", ""},
      // messages
      {messages, R"({"container":"c_1"})", "container"},
      {messages, R"({"mcp_servers":[{"url":"u"}]})", "mcp_servers"},
      {messages, R"({"tools":[{"name":"f","input_schema":{}}]})", ""},
      {messages, R"({"tools":[{"type":"custom","name":"f"}]})", ""},
      {messages, R"({"tools":[{"type":null,"name":"f"}]})", ""},
      {messages, R"({"tools":[{"type":"web_search_20250305"}]})", "tools[].type=web_search_20250305"},
      {messages, R"({"tools":[{"type":"code_execution_20250825"}]})", "tools[].type=code_execution_20250825"},
      {messages, R"({"tools":[{"type":"computer_20250124"}]})", "tools[].type=computer_20250124"},
      {messages, R"({"tools":[{"type":"bash_20250124"}]})", "tools[].type=bash_20250124"},
      {messages, R"({"messages":[{"content":[{"type":"document","source":{"type":"file","file_id":"f"}}]}]})",
       "messages[].content[].source.type=file"},
      {messages, R"({"messages":[{"content":[{"type":"image","source":{"type":"file","file_id":"f"}}]}]})",
       "messages[].content[].source.type=file"},
      {messages, R"({"messages":[{"content":[{"type":"tool_result","content":[
          {"type":"image","source":{"type":"file","file_id":"f"}}]}]}]})",
       "messages[].content[].source.type=file"},
      {messages, R"({"messages":[{"content":[{"type":"container_upload","file_id":"f"}]}]})",
       "messages[].content[].type=container_upload"},
      {messages, R"({"messages":[{"content":[{"type":"document","source":{"type":"base64","data":"d"}}]}]})", ""},
      {count_tokens, R"({"container":"c_1"})", "container"},
      // The field belongs to another API: unknown there, so the cloud's to refuse or ignore.
      {messages, R"({"previous_response_id":"x","web_search_options":{}})", ""},
      {embeddings, R"({"input":"x","previous_response_id":"x"})", ""},
  };
  for (const auto& c : cases) {
    const auto facts = scan_request(c.what, c.body);
    EXPECT_TRUE(facts.is_json_object) << c.body;
    EXPECT_EQ(facts.not_replayable, c.field) << c.body;
  }
}

TEST(RequestScan, OfSeveralFieldsTheFirstInTheBodyIsNamed) {
  EXPECT_EQ(
      scan_request(responses, R"({"background":true,"conversation":"c","previous_response_id":"p"})").not_replayable,
      "background");
  EXPECT_EQ(scan_request(responses, R"({"tools":[{"type":"mcp"},{"type":"web_search"}],"prompt":{}})").not_replayable,
            "tools[].type=mcp");
}

TEST(RequestScan, AHostileToolTypeIsShortenedInTheName) {
  const auto body = R"({"tools":[{"type":"mcp)" + std::string(10'000, 'x') + R"("}]})";
  EXPECT_LE(scan_request(responses, body).not_replayable.size(), 120U);
}

TEST(RequestScan, ThousandsOfToolResultsInsideEachOtherAreOnlyDepth) {
  std::string nested = R"({"messages":[{"content":)";
  for (int i = 0; i < 20; ++i) nested += R"([{"type":"tool_result","content":)";
  nested += R"([{"type":"image"}])";
  for (int i = 0; i < 20; ++i) nested += "}]";
  nested += "}]}";
  const auto facts = scan_request(messages, nested);
  EXPECT_TRUE(facts.is_json_object);
  EXPECT_FALSE(facts.has_images);  // deeper than any tool result can be
}

}  // namespace
}  // namespace tideover::adapt
