// G: streams that come to their end, however oddly they are split, how long they are and how slowly they are read.
#include <thread>

#include "fault/stage.hpp"

namespace tideover::test {
namespace {

void reset(served_connection& c) { c.reset(); }

/// The good stream with something before it or after it, which must arrive as it was.
std::function<void(stage&)> around(std::string before, std::string after = "") {
  return [=](stage& s) {
    s.expected = before + s.expected + after;
    s.cloud_does(stream({s.expected}));
  };
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

/// Sanitizers keep records of their own beside every byte.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::size_t overhead = 4;
#else
constexpr std::size_t overhead = 1;
#endif

forbidden bounded_to(std::size_t mib) {
  return {"memory grows with the stream",
          [mib](stage& s, const observed&) { EXPECT_LT(s.resident_growth_kib(), (mib << 10) * overhead); }};
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

void add_whole_stream_rows(table& all) {
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
