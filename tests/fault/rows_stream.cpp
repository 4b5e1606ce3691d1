// G: streams that fail. What fails before the first content is nobody's business; what fails after it is plainly seen.
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

const forbidden work_goes_on{"the cloud goes on working for nobody", [](stage& s, const observed&) {
                               EXPECT_TRUE(eventually([&] { return s.cloud.peers_that_left() == 1; }));
                             }};

void idle_soon(stage& s) {
  s.cloud_is_given("{connect: 20s, first_content: 60s, response: 60s, idle: 400ms, total: 5m}");
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
}

}  // namespace tideover::test
