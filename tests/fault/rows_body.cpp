// F: answers that are not streamed.
#include "fault/stage.hpp"

namespace tideover::test {
namespace {

const expectation no_answer = served_locally("malformed", blamed::service);

std::function<void(stage&)> says_200(std::string text, std::string type = "application/json") {
  return [=](stage& s) { s.cloud_says(200, text, {}, type); };
}
/// Something unusual that is an answer all the same, and must arrive as it is.
std::function<void(stage&)> says_as_it_is(std::function<std::string(stage&)> text) {
  return [=](stage& s) {
    s.expected = text(s);
    s.cloud_says(200, s.expected);
  };
}
std::string cut_in_half(const std::string& text) { return text.substr(0, text.size() / 2); }

/// A whole answer with another member put in front.
std::string with_member(const stage& s, const std::string& member) {
  auto const& good = s.expected;
  return "{" + member + "," + good.substr(good.find('{') + 1);
}

forbidden bounded_to(std::size_t mib) {
  return {"memory grows with what is sent",
          [mib](stage& s, const observed&) { EXPECT_LT(s.resident_growth_kib(), mib << 10); }};
}

/// An answer in which nothing is said, in each dialect.
std::string silent_answer(call what) {
  switch (what) {
    case call::completions:
      return R"({"id":"x","object":"text_completion","model":"m","choices":[{"index":0,"text":"","finish_reason":"stop"}],"usage":{"completion_tokens":0}})";
    case call::responses:
      return R"({"id":"resp_x","object":"response","status":"completed","model":"m","output":[],"usage":{"output_tokens":0}})";
    case call::messages:
      return R"({"id":"msg_x","type":"message","role":"assistant","model":"m","content":[],"stop_reason":"end_turn","usage":{"input_tokens":9,"output_tokens":0}})";
    default:
      return R"({"id":"x","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":""},"finish_reason":"stop"}],"usage":{"completion_tokens":0}})";
  }
}

/// An answer that was given up before it ended.
std::string unfinished_answer(call what) {
  switch (what) {
    case call::completions:
      return R"({"id":"x","object":"text_completion","model":"m","choices":[{"index":0,"text":"The ","finish_reason":null}]})";
    case call::messages:
      return R"({"id":"msg_x","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"The "}],"stop_reason":null,"usage":{"output_tokens":1}})";
    default:
      return R"({"id":"x","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"The "},"finish_reason":null}]})";
  }
}

}  // namespace

void add_body_rows(table& all) {
  all.add("F1", "sign_in_page", "200 with the HTML page of a portal", whole_answers, no_answer,
          says_200(std::string(html_page), "text/html"));
  all.add("F1b", "html_called_json", "200 with HTML that is called JSON", whole_answers, no_answer,
          says_200(std::string(html_page)));
  all.add("F2", "empty", "200 with an empty body", whole_answers, no_answer, says_200(""));
  all.add("F2b", "white_space", "200 with white space", whole_answers, no_answer, says_200(" \r\n\t "));
  all.add("F3", "half_a_json", "200 with half of the JSON, whole by its length", whole_answers, no_answer,
          [](stage& s) { s.cloud_says(200, cut_in_half(s.expected)); });
  all.add("F4", "other_json", "200 with another JSON altogether", whole_answers, no_answer,
          says_200(R"({"models":[]})"));
  all.add("F4b", "no_object", "200 with a JSON that is no object", whole_answers, no_answer, says_200(R"(["answer"])"));
  all.add("F5", "error_in_200", "200 with an error of the server inside", whole_answers,
          served_locally("error_in_200", blamed::service),
          [](stage& s) { s.cloud_says(200, cloud_error(s.played.asked)); });
  all.add("F5b", "rate_limit_in_200", "200 with a rate limit inside", whole_answers,
          served_locally("rate_limited", blamed::nobody),
          [](stage& s) { s.cloud_says(200, cloud_error(s.played.asked, "rate_limit_error", "rate_limit_exceeded")); });
  all.add("F5c", "no_money_in_200", "200 that says there is no money left", {call::chat, call::responses},
          served_locally("quota", blamed::nobody),
          [](stage& s) { s.cloud_says(200, cloud_error(s.played.asked, "insufficient_quota", "insufficient_quota")); });
  all.add("F5d", "request_at_fault_in_200", "200 that says the request was wrong", whole_answers, passed_on(200),
          says_as_it_is([](stage& s) { return cloud_error(s.played.asked, "invalid_request_error", "", "No"); }));
  all.add("F6", "shorter_than_its_length", "The answer ends before its length", whole_answers, no_answer,
          [](stage& s) { s.to_cloud.set(side::to_daemon, broken::cut(behind("answers "))); });
  all.add("F6b", "reset_in_the_middle", "The connection is reset in the middle of the answer", whole_answers, no_answer,
          [](stage& s) { s.to_cloud.set(side::to_daemon, broken::reset(behind("answers "))); });
  all.add("F7", "no_last_chunk", "A chunked answer ends without its last chunk", whole_answers, no_answer,
          [](stage& s) {
            s.cloud_does(
                raw_bytes("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
                          "\r\n" +
                          chunk(s.expected)));
          });
  all.add("F8", "stalls", "The answer stalls in the middle", whole_answers, served_locally("timeout", blamed::service),
          [](stage& s) {
            s.cloud_is_given_little_time();
            s.to_cloud.set(side::to_daemon, broken::stall(behind("answers ")));
          });
  all.add("F8b", "trickles", "The answer trickles in and is never complete in time", whole_answers,
          served_locally("timeout", blamed::service), [](stage& s) {
            s.cloud_is_given("{connect: 20s, first_content: 900ms, response: 900ms, idle: 60s, total: 5m}");
            s.cloud_does([text = s.expected](served_connection& c, const recorded_request&) {
              gate const never;
              c.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
                     std::to_string(text.size()) + "\r\n\r\n");
              for (char const byte : text) {
                if (c.send(std::string(1, byte)) != io::ok) return;
                if (c.raw().wait_for(never, steady::now() + 30ms) != io::timed_out) return;
              }
            });
          });
  all.add("F9", "slow_but_whole", "The answer comes slowly, but in time", whole_answers, served_by_cloud(),
          [](stage& s) { s.to_cloud.set(side::to_daemon, broken::slow(6000)); });
  all.add("F10", "endless", "The answer never ends", {call::chat}, no_answer,
          [](stage& s) {
            s.options.more = "limits: {response_body: 1MiB}";
            s.cloud_does([](served_connection& c, const recorded_request&) {
              c.begin_stream("application/json");
              c.send_chunk(R"({"filler":")");
              for (int i = 0; i < 4096; ++i)
                if (c.send_chunk(std::string(65536, 'x')) != io::ok) return;
              c.close();
            });
          },
          {.never = {bounded_to(24)}});
  all.add("F10b", "announces_too_much", "The answer announces more than may be held", {call::chat, call::messages},
          no_answer,
          [](stage& s) {
            s.cloud_does(
                raw_bytes("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
                          "9223372036854775807\r\n\r\n{\"",
                          false));
          },
          {.never = {bounded_to(16)}});
  for (auto const* coding : {"gzip", "br", "zstd"}) {
    all.add(std::string("F11_") + coding, "compressed",
            std::string("The answer is compressed with ") + coding + ", which the caller does not accept", {call::chat},
            no_answer, [coding](stage& s) {
              s.cloud_says(200, "\x1f\x8bwhatever", {{"Content-Encoding", coding}});
            });
    all.add(std::string("F11b_") + coding, "compressed_as_accepted",
            std::string("The answer is compressed with ") + coding + ", which the caller accepts", {call::chat},
            served_by_cloud(),
            [coding](stage& s) {
              s.fields.emplace_back("Accept-Encoding", "gzip, br, zstd");
              s.expected = "\x1f\x8bwhatever";
              s.cloud_says(200, s.expected, {{"Content-Encoding", coding}});
            },
            {.never = {{"its coding is lost", [coding](stage&, const observed& seen) {
                          EXPECT_EQ(seen.field("content-encoding"), coding);
                        }}}});
  }
  all.add("F12", "ten_megabytes_in_one_line", "The answer is one line of 10 MB", {call::chat}, served_by_cloud(),
          says_as_it_is([](stage& s) { return with_member(s, "\"filler\":\"" + std::string(10 << 20, 'x') + '"'); }));
  all.add("F12b", "deep_nesting", "The answer is nested 100,000 levels deep", whole_answers, no_answer, [](stage& s) {
    s.cloud_says(200, with_member(s, "\"filler\":" + std::string(100'000, '[') + std::string(100'000, ']')));
  });
  all.add("F12c", "huge_numbers", "The answer holds numbers of 400 digits", whole_answers, served_by_cloud(),
          says_as_it_is(
              [](stage& s) { return with_member(s, "\"filler\":[" + std::string(400, '9') + ",1e999999,-0.0]"); }));
  all.add("F12d", "lone_surrogates", "The answer holds lone surrogates and escaped NULs", whole_answers,
          served_by_cloud(),
          says_as_it_is([](stage& s) { return with_member(s, R"("filler":"\ud800 \udfff \u0000")"); }));
  all.add("F12e", "nul_bytes", "The answer holds NUL bytes where none may be", whole_answers, no_answer,
          [](stage& s) { s.cloud_says(200, with_member(s, std::string("\"filler\":\0\0", 11))); });
  all.add(
      "F13", "second_answer_behind_it",
      "A second answer nobody asked for follows the first, and the caller asks "
      "again",
      {call::chat, call::messages},
      [] {
        auto e = served_by_cloud();
        e.cloud_asked_most = 2;
        return e;
      }(),
      [](stage& s) {
        s.cloud_does([text = s.expected](served_connection& c, const recorded_request&) {
          auto const evil = openai::chat({.words = {"EVIL"}});
          c.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(text.size()) +
                 "\r\n\r\n" + text + "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
                 std::to_string(evil.size()) + "\r\n\r\n" + evil);
        });
      },
      {.act = [](stage& s) {
        raw_client client(s.home->port());
        EXPECT_EQ(s.ask(client).body, s.expected);
        return s.ask(client);
      }});
  all.add(
      "F13b", "bytes_behind_it_later", "Bytes follow a whole answer after a while, and the caller asks again",
      {call::chat},
      [] {
        auto e = served_by_cloud();
        e.cloud_asked_most = 3;
        return e;
      }(),
      [](stage& s) {
        s.cloud.once(s.path, [text = s.expected, door = s.door](served_connection& c, const recorded_request&) {
          c.answer(200, text);
          c.wait(door);
          c.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL");
        });
      },
      {.act = [](stage& s) {
        raw_client client(s.home->port());
        EXPECT_EQ(s.ask(client).body, s.expected);
        s.door.open();
        EXPECT_TRUE(eventually([&] { return s.cloud.open_connections() == 0; })) << "it is not kept";
        return s.ask(client);
      }});
  all.add("F14", "byte_order_mark", "The JSON begins with a byte order mark", {call::chat}, no_answer,
          [](stage& s) { s.cloud_says(200, "\xEF\xBB\xBF" + s.expected); });
  all.add("F15", "ollamas_own_format", "The cloud answers in Ollama's own format", {call::chat, call::completions},
          no_answer, [](stage& s) { s.cloud_says(200, ollama::native_chat({})); });
  all.add("F15b", "other_dialect", "The cloud answers in another vendor's format", {call::chat, call::messages},
          no_answer,
          [](stage& s) { s.cloud_says(200, good_answer(is_anthropic(s.played.asked) ? call::chat : call::messages)); });
  all.add("F16", "chunks_of_one_byte", "The answer comes in chunks of one byte", whole_answers, served_by_cloud(),
          [](stage& s) {
            s.cloud_does([text = s.expected](served_connection& c, const recorded_request&) {
              c.begin_stream("application/json");
              std::string all_chunks;
              for (char const byte : text) all_chunks += chunk(std::string(1, byte));
              c.send(all_chunks);
              c.end_stream();
            });
          });
  all.add("F17", "first_byte_of_body_corrupted", "The first byte of the body is wrong", whole_answers, no_answer,
          [](stage& s) { s.to_cloud.set(side::to_daemon, broken::flip(behind("\r\n\r\n"))); });
  all.add("F18", "nothing_said", "200 and nothing said, no token spent", whole_answers,
          served_locally("empty", blamed::service), [](stage& s) { s.cloud_says(200, silent_answer(s.played.asked)); });
  all.add("F18b", "null_said", "200 with null where the text should be", {call::chat},
          served_locally("empty", blamed::service),
          says_200(R"({"id":"x","object":"chat.completion","model":"m","choices":[{"index":0,"message":)"
                   R"({"role":"assistant","content":null},"finish_reason":"stop"}]})"));
  all.add("F18c", "no_choices", "200 with an empty list of choices", {call::chat, call::completions},
          served_locally("empty", blamed::service),
          says_200(R"({"id":"x","object":"chat.completion","model":"m","choices":[]})"));
  all.add("F18d", "given_up", "200 with an answer that was given up (no finish reason)",
          {call::chat, call::completions, call::messages}, served_locally("empty", blamed::service),
          [](stage& s) { s.cloud_says(200, unfinished_answer(s.played.asked)); });
  all.add("F19", "response_failed", "200 with a response whose status is failed", {call::responses},
          served_locally("error_in_200", blamed::service),
          says_200(R"({"id":"resp_x","object":"response","status":"failed","model":"m","output":[],)"
                   R"("error":{"code":"server_error","message":"It broke"}})"));
  all.add(
      "F20", "budget_eaten", "The whole budget was spent on thinking", {call::chat}, served_by_cloud(),
      says_as_it_is([](stage&) {
        return std::string(
            R"({"id":"x","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":""},"finish_reason":"length"}],"usage":{"completion_tokens":64}})");
      }));
  all.add(
      "F21", "content_filter", "A content filter spoke", {call::chat}, served_by_cloud(), says_as_it_is([](stage&) {
        return std::string(
            R"({"id":"x","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":""},"finish_reason":"content_filter"}]})");
      }));
  all.add(
      "F22", "refusal", "The model refused", {call::chat, call::messages}, served_by_cloud(),
      says_as_it_is([](stage& s) {
        return std::string(
            is_anthropic(s.played.asked)
                ? R"({"id":"msg_x","type":"message","role":"assistant","model":"m","content":[],"stop_reason":"refusal","usage":{"output_tokens":0}})"
                : R"({"id":"x","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,"refusal":"No."},"finish_reason":"stop"}]})");
      }));
  all.add(
      "F23", "tool_call", "The answer is a tool call without a word", {call::chat}, served_by_cloud(),
      says_as_it_is([](stage&) {
        return std::string(
            R"({"id":"x","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]})");
      }));
  all.add("F24", "events_instead", "A stream of events comes instead of the one answer", whole_answers, no_answer,
          [](stage& s) {
            auto const& d = s.dialect;
            s.cloud_does(stream(test::cloud_events(d)));
          });
}

}  // namespace tideover::test
