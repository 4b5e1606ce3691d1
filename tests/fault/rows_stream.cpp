// G: streams. What fails before the first content is nobody's business; what fails after it is plainly seen.
#include <thread>

#include "fault/stage.hpp"

namespace tideover::test {
namespace {

const expectation before_content = served_locally("malformed", blamed::service);

/// Everything before the first usable content, then `what`.
std::function<void(stage&)> silent_then(std::function<void(served_connection&)> what) {
  return [=](stage& s) { s.cloud_does(stream_then(s.cloud_events(), s.silent_events(), what)); };
}
std::function<void(stage&)> two_words_then(std::function<void(served_connection&)> what) {
  return [=](stage& s) { s.cloud_breaks_off(what); };
}
void close(served_connection& c) { c.close(); }
void reset(served_connection& c) { c.reset(); }
void end_in_order(served_connection& c) { c.end_stream(); }
void keep_silent(served_connection& c) { c.say_nothing(); }
void bad_chunk(served_connection& c) {
  c.send("ZZ\r\n");
  c.close();
}
void half_an_event(served_connection& c) {
  c.send_chunk("data: {\"half-an-eve");
  c.close();
}

/// The good stream with something before it or after it, which must arrive as it was.
std::function<void(stage&)> around(std::string before, std::string after = "") {
  return [=](stage& s) {
    s.expected = before + s.expected + after;
    s.cloud_does(stream({s.expected}));
  };
}
/// The same, where what stands before the content may be dropped.
std::string error_event(call what, std::string_view type = "server_error", std::string_view code = "") {
  switch (what) {
    case call::messages_stream: return "event: error\ndata: " + cloud_error(what, type, code, "It went wrong") + "\n\n";
    case call::responses_stream:
      return "event: error\ndata: " +
             nlohmann::json{{"type", "error"},
                            {"code", code.empty() ? type : code},
                            {"message", "It went wrong"},
                            {"param", nullptr},
                            {"sequence_number", 0}}
                 .dump() +
             "\n\n";
    default: return "data: " + nlohmann::json::parse(cloud_error(what, type, code, "It went wrong")).dump() + "\n\n";
  }
}

/// As if the vendor's events had been written on a machine with other line ends.
std::string with_line_ends(std::string text, std::string_view end) {
  std::string out;
  for (char const c : text) {
    if (c == '\n')
      out += end;
    else
      out += c;
  }
  return out;
}

expectation cloud_after_two_requests() {
  auto e = served_by_cloud();
  e.cloud_asked_most = 2;
  return e;
}

forbidden bounded_to(std::size_t mib) {
  return {"memory grows with the stream",
          [mib](stage& s, const observed&) { EXPECT_LT(s.resident_growth_kib(), mib << 10); }};
}

const forbidden work_goes_on{"the cloud goes on working for nobody", [](stage& s, const observed&) {
                               EXPECT_TRUE(eventually([&] { return s.cloud.peers_that_left() == 1; }));
                             }};

void idle_soon(stage& s) {
  s.cloud_is_given("{connect: 20s, first_content: 60s, response: 60s, idle: 400ms, total: 5m}");
}

/// One event with so much text, in chunks.
void send_long_event(served_connection& c, std::size_t bytes) {
  c.send_chunk(R"(data: {"id":"x","choices":[{"index":0,"delta":{"content":")");
  for (std::size_t sent = 0; sent < bytes; sent += 65536)
    if (c.send_chunk(std::string(65536, 'x')) != io::ok) return;
  c.send_chunk("\"},\"finish_reason\":null}]}\n\n");
}

std::string word_event() {
  return "data: " + nlohmann::json::parse(R"({"id":"x","choices":[{"index":0,"delta":{"content":"word "}}]})").dump() +
         "\n\n";
}

}  // namespace

void add_stream_rows(table& all) {
  all.add("G1", "head_then_silence", "The head of a stream, then silence", streams,
          served_locally("timeout", blamed::service),
          [](stage& s) {
            s.cloud_is_given_little_time();
            s.cloud_does(stream_then({}, 0, keep_silent));
          },
          {.never = {work_goes_on}});
  all.add("G2", "beginning_then_silence", "A stream begins, and says nothing usable in time", streams,
          served_locally("timeout", blamed::service),
          [](stage& s) {
            s.cloud_is_given_little_time();
            silent_then(keep_silent)(s);
          },
          {.never = {work_goes_on}});
  all.add("G2b", "pings_for_ever", "A stream of nothing but pings", streams, served_locally("timeout", blamed::service),
          [](stage& s) {
            s.cloud_is_given_little_time();
            s.cloud_does([ping = is_anthropic(s.played.asked)
                                     ? "event: ping\ndata: {\"type\": \"ping\"}\n\n"
                                     : ": ping\n\n"](served_connection& c, const recorded_request&) {
              gate const never;
              c.begin_stream();
              for (int i = 0; i < 3000; ++i)
                if (c.send_chunk(ping) != io::ok || c.raw().wait_for(never, steady::now() + 20ms) != io::timed_out)
                  return;
            });
          });
  all.add("G3", "error_first", "The first event is an error", streams, served_locally("error_in_200", blamed::service),
          [](stage& s) { s.cloud_does(stream({error_event(s.played.asked)})); });
  all.add("G3b", "overloaded_first", "The first event says that the cloud is overloaded",
          {call::messages_stream, call::responses_stream}, served_locally("error_in_200", blamed::service),
          [](stage& s) {
            s.cloud_does(stream({error_event(s.played.asked, "overloaded_error", "server_is_overloaded")}));
          });
  all.add("G3c", "limited_first", "The first event is a rate limit", streams,
          served_locally("rate_limited", blamed::nobody), [](stage& s) {
            s.cloud_does(stream({error_event(s.played.asked, "rate_limit_error", "rate_limit_exceeded")}));
          });
  all.add("G3d", "error_after_the_beginning", "An error event follows the beginning, before any content", streams,
          served_locally("error_in_200", blamed::service), [](stage& s) {
            auto events = s.cloud_events();
            events.resize(s.silent_events());
            events.push_back(error_event(s.played.asked));
            s.cloud_does(stream(events));
          });
  all.add("G3e", "response_failed_first", "The first thing that is said is response.failed", {call::responses_stream},
          served_locally("error_in_200", blamed::service), [](stage& s) {
            s.cloud_does(
                stream({"event: response.failed\ndata: {\"type\":\"response.failed\",\"sequence_number\":1,"
                        "\"response\":{\"id\":\"resp_x\",\"status\":\"failed\",\"error\":{\"code\":"
                        "\"server_error\",\"message\":\"It broke\"}}}\n\n"}));
          });
  all.add("G4", "nothing_said", "A stream that ends in order and has said nothing", streams,
          served_locally("empty", blamed::service), [](stage& s) {
            auto const events = s.cloud_events();
            std::vector<std::string> silent(events.begin(),
                                            events.begin() + static_cast<std::ptrdiff_t>(s.silent_events()));
            switch (s.played.asked) {
              case call::chat_stream:
              case call::completions_stream: silent = {": ping\n\n", "data: [DONE]\n\n"}; break;
              case call::responses_stream:
                silent = {events[0],
                          "event: response.completed\ndata: {\"type\":\"response.completed\","
                          "\"response\":{\"status\":\"completed\",\"output\":[]}}\n\n"};
                break;
              default: silent.push_back(events.back()); break;
            }
            s.cloud_does(stream(silent));
          });
  all.add("G5", "sign_in_page", "HTML instead of events", streams, served_locally("malformed", blamed::service),
          [](stage& s) { s.cloud_says(200, std::string(html_page), {}, "text/html"); });
  all.add("G5b", "html_called_events", "HTML that is called a stream of events", streams, before_content,
          [](stage& s) { s.cloud_says(200, std::string(html_page), {}, "text/event-stream"); });
  all.add("G5c", "no_json_in_events", "The first event holds no JSON", streams, before_content, [](stage& s) {
    s.cloud_does(stream({"data: <html>\n\n", "data: [DONE]\n\n"}));
  });
  all.add("G6", "error_in_json", "One JSON with an error comes instead of a stream", streams,
          served_locally("error_in_200", blamed::service),
          [](stage& s) { s.cloud_says(200, cloud_error(s.played.asked)); });
  all.add("G6b", "answer_in_json", "One whole JSON answer comes instead of a stream", streams, served_by_cloud(),
          [](stage& s) {
            constexpr call whole[] = {call::chat, call::completions, call::responses, call::messages};
            s.expected = good_answer(whole[static_cast<std::size_t>(s.played.asked) - 4]);
            s.cloud_says(200, s.expected);
          });

  struct way {
    const char* id;
    const char* name;
    const char* words;
    void (*end)(served_connection&);
  };
  for (auto const& how : std::vector<way>{{"a", "closes", "is closed", close},
                                          {"b", "resets", "is reset", reset},
                                          {"c", "ends", "ends in order, without its terminator,", end_in_order},
                                          {"d", "bad_chunk", "has a chunk that is none", bad_chunk},
                                          {"e", "half_an_event", "ends inside an event", half_an_event}})
    all.add(std::string("G7") + how.id, std::string("before_content_") + how.name,
            std::string("A stream ") + how.words + " before any content", streams, before_content, silent_then(how.end),
            {.never = {{"a word of the cloud's beginning is left", [](stage& s, const observed& seen) {
                          for (auto const* model : {"gpt-4o-mini", "claude-sonnet-4-5"})
                            EXPECT_EQ(seen.body.find(model), std::string::npos);
                          (void)s;
                        }}}});
  all.add("G8a", "cut_inside_an_event", "A stream is cut inside an event, after content", streams, cut_visibly(),
          [](stage& s) {
            auto const events = s.cloud_events();
            s.expected.clear();
            for (std::size_t i = 0; i < s.sent_before_door; ++i) s.expected += events[i];
            s.to_cloud.set(side::to_daemon, broken::after(s.door, broken::cut(behind("\"answers "))));
          });
  all.add("G8b", "closed_after_content", "A stream is closed after content", streams, cut_visibly(),
          two_words_then(close));
  all.add("G8c", "reset_after_content", "A stream is reset after content", streams, cut_visibly(),
          two_words_then(reset));
  all.add("G8d", "half_event_after_content", "Half an event and the end, after content", streams, cut_visibly(),
          two_words_then(half_an_event));
  all.add("G9", "stalls_after_content", "A stream stalls after content", streams, cut_visibly(),
          [](stage& s) {
            idle_soon(s);
            s.cloud_breaks_off(keep_silent);
          },
          {.never = {work_goes_on}});
  all.add("G9b", "stalls_inside_an_event", "A stream stalls inside an event, after content",
          {call::chat_stream, call::messages_stream}, cut_visibly(), [](stage& s) {
            idle_soon(s);
            auto const events = s.cloud_events();
            s.expected.clear();
            for (std::size_t i = 0; i < s.sent_before_door; ++i) s.expected += events[i];
            s.to_cloud.set(side::to_daemon, broken::stall(behind("\"answers ")));
          });
  all.add("G10", "clean_end_without_terminator", "A stream ends in order after content, without its terminator",
          streams, cut_visibly(), two_words_then(end_in_order));
  all.add("G11", "bad_chunk_after_content", "A stream has a chunk that is none, after content", streams, cut_visibly(),
          two_words_then(bad_chunk));
  all.add("G11b", "corrupted_chunk_size", "A bit of a chunk's size is wrong, after content", streams, cut_visibly(),
          [](stage& s) {
            auto const events = s.cloud_events();
            s.expected.clear();
            for (std::size_t i = 0; i < s.sent_before_door; ++i) s.expected += events[i];
            s.cloud_does(stream_gated(events, s.sent_before_door, s.door));
            // The first hexadecimal digit of the next size becomes a letter that is none.
            s.to_cloud.set(side::to_daemon,
                           broken::after(s.door, broken::flip(behind(chunk(events[s.sent_before_door - 1])), 0x40)));
          });
  auto passed_on_error = cut_visibly();
  passed_on_error.code = "";
  all.add("G12", "error_event_after_content", "The cloud sends an error event after content", streams, passed_on_error,
          [](stage& s) {
            auto const event = error_event(s.played.asked);
            s.cloud_breaks_off([event](served_connection& c) {
              c.send_chunk(event);
              c.end_stream();
            });
            s.expected += event;
          });
  all.add("G12b", "error_event_and_done", "The cloud sends an error event after content, and then [DONE]",
          {call::chat_stream}, passed_on_error, [](stage& s) {
            auto const event = error_event(s.played.asked);
            s.cloud_breaks_off([event](served_connection& c) {
              c.send_chunk(event + "data: [DONE]\n\n");
              c.end_stream();
            });
            s.expected += event + "data: [DONE]\n\n";
          });
  all.add("G13", "split_at_every_byte", "Events come in chunks of one byte", streams, served_by_cloud(), [](stage& s) {
    s.cloud_does([text = s.expected](served_connection& c, const recorded_request&) {
      c.begin_stream();
      for (char const byte : text) c.send_chunk(std::string(1, byte));
      c.end_stream();
    });
  });
  all.add("G13b", "in_odd_pieces", "The bytes of a stream come in pieces of seven", streams, served_by_cloud(),
          [](stage& s) { s.to_cloud.set(side::to_daemon, broken::split(7)); });
  all.add("G13c", "words_of_many_bytes", "Words of many-byte letters are split between their bytes",
          {call::chat_stream, call::messages_stream}, served_by_cloud(), [](stage& s) {
            said what;
            what.words = {"Grüße ", "日本 ", "🌊"};
            if (is_anthropic(s.played.asked)) what.model = "claude-sonnet-4-5";
            s.expected =
                joined(is_anthropic(s.played.asked) ? anthropic::message_events(what) : openai::chat_events(what));
            s.cloud_does(stream({s.expected}));
            s.to_cloud.set(side::to_daemon, broken::split());
          });
  all.add("G14a", "carriage_returns", "Lines end in CR LF", streams, served_by_cloud(), [](stage& s) {
    s.expected = with_line_ends(s.expected, "\r\n");
    s.cloud_does(stream({s.expected}));
  });
  all.add("G14b", "lone_carriage_returns", "Lines end in CR alone", {call::chat_stream, call::messages_stream},
          served_by_cloud(), [](stage& s) {
            s.expected = with_line_ends(s.expected, "\r");
            s.cloud_does(stream({s.expected}));
          });
  all.add("G14c", "comments_and_retry", "A byte order mark, comments and retry fields stand between the events",
          {call::chat_stream, call::responses_stream}, served_by_cloud(),
          around("\xEF\xBB\xBF: hello\n\nretry: 10\n\n"));
  all.add("G14d", "unknown_events", "Events that nobody knows stand between the others",
          {call::messages_stream, call::responses_stream}, served_by_cloud(),
          around("event: strange\ndata: {\"type\":\"strange\"}\n\n"));
  all.add("G14e", "ids", "Events carry ids", {call::chat_stream}, served_by_cloud(), [](stage& s) {
    std::string text;
    int id = 0;
    for (auto const& event : s.cloud_events()) text += "id: " + std::to_string(++id) + "\n" + event;
    s.expected = text;
    s.cloud_does(stream({text}));
  });
  all.add("G15", "event_of_20_megabytes", "One event is 20 MB long", {call::chat_stream}, served_by_cloud(),
          [](stage& s) {
            auto const events = s.cloud_events();
            std::string const rest = joined(events);
            s.expected = "data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" +
                         std::string(20 << 20, 'x') + "\"},\"finish_reason\":null}]}\n\n" + rest;
            s.cloud_does([events](served_connection& c, const recorded_request&) {
              c.begin_stream();
              send_long_event(c, 20 << 20);
              for (auto const& event : events) c.send_chunk(event);
              c.end_stream();
            });
          },
          {.never = {bounded_to(8)}});
  all.add("G15b", "silence_of_100_kilobytes", "100 KB of comments come before the first word", {call::chat_stream},
          served_by_cloud(), around(": " + std::string(100'000, 'p') + "\n\n"));
  all.add("G16", "slow_but_alive", "Events come slowly, each in time", streams, served_by_cloud(), [](stage& s) {
    s.cloud_is_given("{connect: 20s, first_content: 60s, response: 60s, idle: 5s, total: 5m}");
    s.cloud_does([events = s.cloud_events()](served_connection& c, const recorded_request&) {
      gate const never;
      c.begin_stream();
      for (auto const& event : events) {
        c.raw().wait_for(never, steady::now() + 50ms);
        c.send_chunk(event);
      }
      c.end_stream();
    });
  });
  all.add("G17", "caller_does_not_read", "The cloud is faster than the caller reads", {call::chat_stream},
          left_by_caller(),
          [](stage& s) {
            s.cloud_does([](served_connection& c, const recorded_request&) {
              c.begin_stream();
              auto const event = word_event();
              std::string many;
              for (int i = 0; i < 1000; ++i) many += event;
              for (int i = 0; i < 10'000; ++i)
                if (c.send_chunk(many) != io::ok) return;
              c.end_stream();
            });
          },
          {.act =
               [](stage& s) {
                 raw_client client(s.home->port());
                 client.raw().shrink_receive_buffer(4096);
                 client.send(s.request_text());
                 ++s.requests_sent;
                 EXPECT_EQ(client.read_head().status, 200);
                 // The buffers between cloud and caller fill up; then nothing moves any more.
                 std::uint64_t before = 1;
                 std::uint64_t now = 0;
                 EXPECT_TRUE(eventually([&] {
                   before = std::exchange(now, s.to_cloud.passed(side::to_daemon));
                   std::this_thread::sleep_for(50ms);
                   return before == now && now > 0;
                 }));
                 EXPECT_LT(now, 64U << 20) << "somebody holds what the caller does not take";
                 EXPECT_LT(s.resident_growth_kib(), 8U << 10);
                 client.reset();
                 return observed{};
               },
           .never = {bounded_to(8)}});
  all.add(
      "G18", "many_slow_callers", "A hundred callers read slowly, and one reads fast", {call::chat_stream},
      [] {
        auto e = served_by_cloud();
        e.cloud_asked_most = 101;
        return e;
      }(),
      [](stage& s) {
        s.cloud_does([good = s.expected](served_connection& c, const recorded_request& r) {
          c.begin_stream();
          if (r.field("x-slow")) {
            auto const event = word_event();
            std::string many;
            for (int i = 0; i < 1000; ++i) many += event;
            for (int i = 0; i < 100; ++i)
              if (c.send_chunk(many) != io::ok) return;
          }
          c.send_chunk(good);
          c.end_stream();
        });
      },
      {.act =
           [](stage& s) {
             std::vector<std::unique_ptr<raw_client>> slow;
             for (int i = 0; i < 100; ++i) {
               auto& client = *slow.emplace_back(std::make_unique<raw_client>(s.home->port()));
               client.raw().shrink_receive_buffer(4096);
               auto text = s.request_text();
               client.send(text.insert(text.find("\r\n") + 2, "X-Slow: 1\r\n"));
               ++s.requests_sent;
             }
             for (auto& client : slow) EXPECT_EQ(client->read_head().status, 200);
             return s.ask();  // and nobody stands in its way
           },
       .never = {bounded_to(64)}});
  all.add("G19", "neighbour_dies", "Another stream of the same caller dies", {call::chat_stream},
          cloud_after_two_requests(),
          [](stage& s) {
            s.failures_to_open = 1000;
            s.cloud.once(s.path, stream_then(s.cloud_events(), 3, [door = s.door](served_connection& c) {
                           c.wait(door);
                           c.reset();
                         }));
          },
          {.act = [](stage& s) {
            raw_client other(s.home->port());
            other.send(s.request_text());
            ++s.requests_sent;
            EXPECT_EQ(other.read_head().status, 200);
            auto const seen = s.ask();  // opens the door
            while (other.next_event()) {
            }
            EXPECT_NE(other.ended(), io::ok);
            return seen;
          }});
  all.add("G20", "only_the_last_line_missing", "A stream lacks only its last line, [DONE]",
          {call::chat_stream, call::completions_stream}, served_by_cloud(), [](stage& s) {
            auto events = s.cloud_events();
            events.pop_back();
            s.cloud_does(stream(events));
          });
  all.add("G21", "after_the_terminator", "Something follows the terminator", streams, served_by_cloud(), [](stage& s) {
    auto const good = s.expected;
    s.cloud_does(stream({good, ": late\n\n"}));
    s.expected = good + ": late\n\n";
  });
  all.add("G22", "connection_kept_after_terminator", "The cloud keeps the connection open after the terminator",
          streams, served_by_cloud(), [](stage& s) {
            s.cloud_does(stream_then(s.cloud_events(), 1000, [](served_connection& c) { c.say_nothing(); }));
          });
  all.add("G23", "reset_after_terminator", "The connection is reset right after the terminator", streams,
          served_by_cloud(), [](stage& s) { s.cloud_does(stream_then(s.cloud_events(), 1000, reset)); });
  all.add("G24", "with_a_length", "A stream comes with a length instead of chunks", streams, served_by_cloud(),
          [](stage& s) { s.cloud_says(200, s.expected, {}, "text/event-stream"); });
  all.add("G24b", "shorter_than_its_length", "A stream with a length ends before it, after content",
          {call::chat_stream, call::messages_stream}, cut_visibly(), [](stage& s) {
            auto const events = s.cloud_events();
            auto const all_of_it = s.expected;
            s.expected.clear();
            for (std::size_t i = 0; i < s.sent_before_door; ++i) s.expected += events[i];
            s.cloud_says(200, all_of_it, {}, "text/event-stream");
            s.to_cloud.set(side::to_daemon, broken::after(s.door, broken::cut(behind(events[s.sent_before_door - 1]))));
          });
  all.add("G25", "http_1_0_without_terminator", "An HTTP/1.0 stream ends with its connection, without its terminator",
          {call::chat_stream, call::messages_stream}, cut_visibly(), [](stage& s) {
            auto const events = s.cloud_events();
            s.expected.clear();
            for (std::size_t i = 0; i < s.sent_before_door; ++i) s.expected += events[i];
            s.cloud_does([begin = s.expected, door = s.door](served_connection& c, const recorded_request&) {
              c.send("HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + begin);
              c.wait(door);
              c.close();
            });
          });
  all.add("G26", "tool_calls_and_reasoning", "A stream of reasoning and tool calls, without a word of text",
          {call::chat_stream}, served_by_cloud(), [](stage& s) {
            std::vector<std::string> const events{
                "data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\n\n",
                "data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"hm\"}}]}\n\n",
                "data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\","
                "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}}]}\n\n",
                "data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n",
                "data: [DONE]\n\n"};
            s.expected = joined(events);
            s.cloud_does(stream(events));
          });
}

}  // namespace tideover::test
