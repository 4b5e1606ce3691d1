// J: the caller's side. Whatever it does, no upstream is to blame.
#include "fault/stage.hpp"

namespace tideover::test {
namespace {

const calls whole_and_stream{call::chat, call::messages, call::chat_stream, call::messages_stream};

const forbidden nothing_sent{"anything is sent to an upstream", [](stage& s, const observed&) {
                               EXPECT_EQ(s.cloud.application_bytes(), 0U);
                               EXPECT_TRUE(s.home->local_generations().empty());
                             }};
const forbidden no_local_work{"Ollama works for somebody who is gone", [](stage& s, const observed&) {
                                EXPECT_TRUE(s.home->local_generations().empty());
                                EXPECT_EQ(s.daemon().metric("tideover_failovers_total"), 0);
                              }};
const forbidden cloud_works_on{"the cloud goes on working for nobody", [](stage& s, const observed&) {
                                 EXPECT_TRUE(eventually([&] { return s.cloud.peers_that_left() >= 1; }));
                               }};

expectation unasked(expectation e) {
  e.cloud_asked_most = 0;
  return e;
}

/// Sends so much of the request and goes.
std::function<observed(stage&)> leaves_after(double share_of_body, bool with_reset) {
  return [=](stage& s) {
    raw_client client(s.home->port());
    auto const text = s.request_text();
    auto const keep = static_cast<std::size_t>(static_cast<double>(s.body.size()) * (1 - share_of_body));
    client.send(std::string_view(text).substr(0, text.size() - keep));
    ++s.requests_sent;
    if (with_reset)
      client.reset();
    else
      client.close();
    return observed{};
  };
}

/// Waits until the cloud has the request, and goes.
observed leaves_while_waiting(stage& s) {
  raw_client client(s.home->port());
  client.send(s.request_text());
  ++s.requests_sent;
  EXPECT_TRUE(s.cloud.wait_for_requests(1));
  client.close();
  return {};
}

observed leaves_in_mid_stream(stage& s, bool with_reset) {
  raw_client client(s.home->port());
  client.send(s.request_text());
  ++s.requests_sent;
  EXPECT_EQ(client.read_head().status, 200);
  EXPECT_TRUE(client.next_event());
  if (with_reset)
    client.reset();
  else
    client.close();
  return {};
}

/// Sends bytes of its own and reads one answer.
observed says(stage& s, const std::string& text) {
  raw_client client(s.home->port());
  client.send(text);
  ++s.requests_sent;
  observed seen;
  seen.answer = client.read_answer();
  seen.body = seen.answer.body;
  seen.ended = seen.answer.ended;
  return seen;
}

std::string with_fields(const stage& s, const std::string& fields) {
  auto text = s.request_text();
  return text.insert(text.find("\r\n") + 2, fields);
}

}  // namespace

void add_caller_rows(table& all) {
  all.add("J1", "gone_in_the_body", "The caller leaves in the middle of its request", {call::chat, call::messages},
          unasked(left_by_caller()), {}, {.act = leaves_after(0.5, false), .never = {nothing_sent}});
  all.add("J1b", "reset_in_the_body", "The caller resets in the middle of its request", {call::chat},
          unasked(left_by_caller()), {}, {.act = leaves_after(0.5, true), .never = {nothing_sent}});
  all.add("J2", "gone_while_waiting", "The caller leaves while the cloud is silent", whole_and_stream, left_by_caller(),
          [](stage& s) { s.cloud_does(silence()); },
          {.act = leaves_while_waiting, .never = {no_local_work, cloud_works_on}});
  all.add("J2b", "gone_during_the_head", "The caller leaves while the cloud's head is on its way", {call::chat},
          left_by_caller(),
          [](stage& s) {
            s.cloud_does([](served_connection& c, const recorded_request&) {
              c.send("HTTP/1.1 200 OK\r\nContent-Ty");
              c.say_nothing();
            });
          },
          {.act = leaves_while_waiting, .never = {no_local_work, cloud_works_on}});
  for (bool const with_reset : {false, true})
    all.add(with_reset ? "J3b" : "J3", with_reset ? "reset_in_mid_stream" : "gone_in_mid_stream",
            with_reset ? "The caller resets in the middle of a stream" : "The caller leaves in the middle of a stream",
            streams, left_by_caller(),
            [](stage& s) {
              s.cloud_does(
                  stream_then(s.cloud_events(), s.sent_before_door, [](served_connection& c) { c.say_nothing(); }));
            },
            {.act = [with_reset](stage& s) { return leaves_in_mid_stream(s, with_reset); },
             .never = {no_local_work, cloud_works_on}});
  all.add(
      "J4", "gone_while_ollama_works", "The caller leaves while Ollama works for it", {call::chat, call::chat_stream},
      [] {
        auto e = unasked(left_by_caller());
        e.reason = "connect";
        e.who = blamed::connection;  // the cloud had failed before
        return e;
      }(),
      [](stage& s) {
        s.cloud_is_down();
        s.local_does(silence());
      },
      {.act =
           [](stage& s) {
             raw_client client(s.home->port());
             client.send(s.request_text());
             ++s.requests_sent;
             EXPECT_TRUE(eventually([&] { return s.home->local_generations().size() == 1; }));
             client.close();
             return observed{};
           },
       .never = {{"Ollama works for somebody who is gone", [](stage& s, const observed&) {
                    EXPECT_TRUE(eventually([&] { return s.local.peers_that_left() >= 1; }));
                  }}}});
  all.add(
      "J5", "two_hundred_resets", "200 callers reset, at every phase of a request", {call::chat_stream},
      [] {
        auto e = served_by_cloud();
        e.cloud_asked_most = 201;
        return e;
      }(),
      [](stage& s) {
        s.cloud_does([events = s.cloud_events()](served_connection& c, const recorded_request& r) {
          if (r.field("x-leaves")) {
            c.begin_stream();
            c.send_chunk(events[0] + events[1]);
            c.say_nothing();
          } else {
            stream(events)(c, r);
          }
        });
      },
      {.act = [](stage& s) {
        auto const before = s.daemon().open_descriptors();
        for (int i = 0; i < 200; ++i) {
          raw_client client(s.home->port());
          auto const text = with_fields(s, "X-Leaves: 1\r\n");
          // The head must be whole: what ends before that is no request yet.
          auto const least = text.find("\r\n\r\n") + 4;
          auto const size = least + (text.size() - least) * static_cast<std::size_t>(i % 5) / 4;
          client.send(std::string_view(text).substr(0, size));
          ++s.requests_sent;
          if (i % 5 == 4) {
            EXPECT_EQ(client.read_head().status, 200);
            if (i % 2 == 0) {
              EXPECT_TRUE(client.next_event());
            }
          }
          client.reset();
        }
        auto const seen = s.ask();
        EXPECT_TRUE(eventually([&] { return s.daemon().open_descriptors() <= before + 8; }))
            << "descriptors leak: " << before << " before, " << s.daemon().open_descriptors() << " now";
        return seen;
      }});
  all.add("J8", "a_hundred_in_one_write", "100 requests come in one write", {call::chat},
          [] {
            auto e = served_by_cloud();
            e.cloud_asked_most = 100;
            return e;
          }(),
          {}, {.act = [](stage& s) {
            raw_client client(s.home->port());
            std::string all_requests;
            for (int i = 0; i < 100; ++i) all_requests += s.request_text();
            client.send(all_requests);
            s.requests_sent += 100;
            observed seen;
            for (int i = 0; i < 100; ++i) {
              seen.answer = client.read_answer();
              EXPECT_EQ(seen.answer.body, s.expected);
            }
            seen.body = seen.answer.body;
            seen.ended = seen.answer.ended;
            return seen;
          }});
  all.add("J9", "unknown_expectation", "The caller expects something else than 100-continue", {call::chat},
          refused(417, "bad_request"), {},
          {.act = [](stage& s) { return says(s, with_fields(s, "Expect: 200-ok\r\n")); }, .never = {nothing_sent}});
  all.add("J10", "too_large", "The request is larger than may be held", whole_and_stream,
          refused(413, "request_too_large"),
          [](stage& s) {
            s.options.more = "limits: {request_body: 1KiB}";
            s.body.insert(1, "\"filler\":\"" + std::string(2000, 'x') + "\",");
          },
          {.never = {nothing_sent}});
  all.add("J11", "chunked_upload", "The request comes in chunks of one byte, with trailers", {call::chat},
          served_by_cloud(), {},
          {.act =
               [](stage& s) {
                 std::string text = "POST " + s.path +
                                    " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                                    "Transfer-Encoding: chunked\r\n\r\n";
                 for (char const byte : s.body) text += chunk(std::string(1, byte));
                 return says(s, text + "0\r\nX-Evil: 1\r\n\r\n");
               },
           .never = {{"a trailer becomes a field, or a byte is lost", [](stage& s, const observed&) {
                        ASSERT_EQ(s.cloud_requests().size(), 1U);
                        EXPECT_EQ(s.cloud_requests()[0].body, s.body);
                        EXPECT_FALSE(s.cloud_requests()[0].field("x-evil"));
                        EXPECT_EQ(s.cloud_requests()[0].field("content-length"), std::to_string(s.body.size()));
                      }}}});
  all.add("J12", "two_lengths", "The request names two lengths", {call::chat}, refused(400, "bad_request"), {},
          {.act = [](stage& s) { return says(s, with_fields(s, "Content-Length: 3\r\n")); }, .never = {nothing_sent}});
  all.add("J13", "length_and_chunked", "The request names a length and is chunked", {call::chat},
          refused(400, "bad_request"), {},
          {.act = [](stage& s) { return says(s, with_fields(s, "Transfer-Encoding: chunked\r\n")); },
           .never = {nothing_sent}});
  all.add("J14", "tunnel", "The caller wants a tunnel (CONNECT)", {call::chat}, refused(405, "bad_request"), {},
          {.act = [](stage& s) { return says(s, "CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n"); },
           .never = {nothing_sent}});
  all.add("J15", "foreign_host", "The request is for a foreign Host", {call::chat}, refused(421, "host_not_allowed"),
          {},
          {.act =
               [](stage& s) {
                 auto text = s.request_text();
                 return says(s, text.replace(text.find("localhost"), 9, "evil.test"));
               },
           .never = {nothing_sent}});
  all.add("J17", "pretends_to_be_us", "The caller sends fields that only Tideover may set", {call::chat},
          served_by_cloud(),
          [](stage& s) {
            s.fields = {{"X-Tideover-Tier", "local"}, {"X-Tideover-Failover", "drill"}, {"X-Forwarded-For", "6.6.6.6"}};
          },
          {.never = {{"they reach the cloud", [](stage& s, const observed&) {
                        ASSERT_EQ(s.cloud_requests().size(), 1U);
                        for (auto const* name : {"x-tideover-tier", "x-tideover-failover", "x-forwarded-for"})
                          EXPECT_FALSE(s.cloud_requests()[0].field(name)) << name;
                      }}}});
  all.add("J18", "long_target", "The request's target is 200 KB long", {call::chat}, refused(414, "bad_request"), {},
          {.act =
               [](stage& s) {
                 auto text = s.request_text();
                 return says(s, text.insert(text.find(" HTTP/"), "?" + std::string(9000, 'q')));
               },
           .never = {nothing_sent}});
  all.add("J18b", "long_field", "A field of the request is 200 KB long", {call::chat}, refused(431, "bad_request"), {},
          {.act = [](stage& s) { return says(s, with_fields(s, "X-Long: " + std::string(200 << 10, 'q') + "\r\n")); },
           .never = {nothing_sent}});
  all.add("J19", "deep_nesting", "The request is nested a million levels deep", {call::chat}, served_by_cloud(),
          [](stage& s) {
            s.body.insert(1, "\"filler\":" + std::string(1'000'000, '[') + std::string(1'000'000, ']') + ",");
          });
}

}  // namespace tideover::test
