// H: connections that are kept for the next request.
#include <thread>

#include "fault/stage.hpp"

namespace tideover::test {
namespace {

const calls whole_and_stream{call::chat, call::messages_stream};

expectation after(std::size_t requests) {
  auto e = served_by_cloud();
  e.cloud_asked_most = requests;
  return e;
}

/// Good answers, and the way each connection ends after one.
script good_then(const stage& s, std::function<void(served_connection&)> end) {
  bool const as_stream = is_stream(s.played.asked);
  return [answer = as_stream ? stream(s.cloud_events()) : reply(200, s.expected), end](served_connection& c,
                                                                                       const recorded_request& r) {
    answer(c, r);
    end(c);
  };
}

/// So many requests of one caller, one after the other; all but the last must be good as well.
std::function<observed(stage&)> in_a_row(int count) {
  return [count](stage& s) {
    raw_client client(s.home->port());
    for (int i = 1; i < count; ++i) {
      auto const seen = s.ask(client);
      EXPECT_EQ(seen.field("x-tideover-tier"), "cloud") << "request " << i << ": " << seen.field("x-tideover-failover");
      EXPECT_EQ(seen.body, s.expected);
    }
    return s.ask(client);
  };
}

/// The second request on a connection meets `what`; the first, and any on a fresh connection, is answered well.
script when_reused(const stage& s, std::function<void(served_connection&)> what) {
  bool const as_stream = is_stream(s.played.asked);
  return [answer = as_stream ? stream(s.cloud_events()) : reply(200, s.expected), what](served_connection& c,
                                                                                        const recorded_request& r) {
    if (r.on_reused_connection())
      what(c);
    else
      answer(c, r);
  };
}

}  // namespace

void add_kept_rows(table& all) {
  all.add("H1", "closed_when_reused", "A kept connection is closed when the next request comes", whole_and_stream,
          after(3), [](stage& s) { s.cloud_does(when_reused(s, [](served_connection& c) { c.close(); })); },
          {.act = in_a_row(2)});
  all.add("H1b", "reset_when_reused", "A kept connection is reset when the next request comes", whole_and_stream,
          after(3), [](stage& s) { s.cloud_does(when_reused(s, [](served_connection& c) { c.reset(); })); },
          {.act = in_a_row(2)});
  all.add(
      "H1c", "fresh_one_dies_too", "A kept connection dies, and so does the fresh one", {call::chat},
      [] {
        auto e = served_locally("connect", blamed::connection);
        e.cloud_asked_most = 3;
        return e;
      }(),
      [](stage& s) {
        s.cloud.once(s.path, reply(200, s.expected));
        s.cloud_does(hang_up());
      },
      {.act = in_a_row(2)});
  all.add("H2", "closes_after_each_answer", "The cloud closes after each answer without saying so", whole_and_stream,
          after(100), [](stage& s) { s.cloud_does(good_then(s, [](served_connection& c) { c.close(); })); },
          {.act = in_a_row(50)});
  all.add("H2b", "closes_a_little_later", "The cloud closes a moment after each answer", whole_and_stream, after(60),
          [](stage& s) {
            s.cloud_does(good_then(s, [](served_connection& c) {
              gate const never;
              c.raw().wait_for(never, steady::now() + 3ms);
              c.close();
            }));
          },
          {.act = in_a_row(30)});
  all.add("H3", "says_connection_close", "The cloud says `Connection: close` and keeps it open", {call::chat}, after(5),
          [](stage& s) {
            s.cloud_says(200, s.expected, {{"Connection", "close"}});
          },
          {.act = in_a_row(5),
           .never = {{"a connection is used after its end was announced", [](stage& s, const observed&) {
                        for (auto const& r : s.cloud_requests()) EXPECT_FALSE(r.on_reused_connection());
                      }}}});
  all.add(
      "H4", "idle_flow_dropped", "A kept connection is dropped silently while it idles", whole_and_stream,
      [] {
        auto e = served_locally("timeout", blamed::connection);
        e.cloud_asked_most = 2;
        return e;
      }(),
      [](stage& s) {
        s.cloud_is_given("{connect: 20s, first_content: 800ms, response: 800ms, idle: 60s, total: 5m}");
        s.failures_to_open = 1;
      },
      {.act = [](stage& s) {
        raw_client client(s.home->port());
        EXPECT_EQ(s.ask(client).field("x-tideover-tier"), "cloud");
        s.to_cloud.set(side::to_upstream, broken::stall());
        s.to_cloud.set(side::to_daemon, broken::stall());
        return s.ask(client);
      }});
  all.add(
      "H5", "half_an_answer_when_reused", "A kept connection dies after the first bytes of the next answer",
      {call::chat, call::messages},
      [] {
        auto e = served_locally("malformed", blamed::service);
        e.cloud_asked_most = 2;
        return e;
      }(),
      [](stage& s) {
        s.cloud_does(when_reused(s, [](served_connection& c) {
          c.send("HTTP/1.1 200 OK\r\nContent-Le");
          c.close();
        }));
      },
      {.act = in_a_row(2),
       .never = {{"a request that may have been taken is sent a second time",
                  [](stage& s, const observed&) { EXPECT_EQ(s.cloud_requests().size(), 2U); }}}});
  all.add("H6", "five_hundred_at_once", "500 callers at once", {call::chat}, after(501), {}, {.act = [](stage& s) {
            std::vector<std::unique_ptr<raw_client>> clients;
            for (int i = 0; i < 500; ++i) {
              auto& client = *clients.emplace_back(std::make_unique<raw_client>(s.home->port()));
              client.send(s.request_text());
              ++s.requests_sent;
            }
            for (auto& client : clients) {
              auto const answer = client->read_answer();
              EXPECT_EQ(answer.status, 200);
              EXPECT_EQ(answer.body, s.expected);
            }
            return s.ask();
          }});
  all.add("H7", "kept_connections", "A hundred requests in a row", {call::chat}, after(100), {},
          {.act = in_a_row(100), .never = {{"each takes a connection of its own", [](stage& s, const observed&) {
                                              EXPECT_LE(s.cloud.connections(), 3U);
                                            }}}});
  all.add("H8", "cloud_restarts", "The cloud restarts between two requests", whole_and_stream, after(2), {},
          {.act = [](stage& s) {
            raw_client client(s.home->port());
            EXPECT_EQ(s.ask(client).field("x-tideover-tier"), "cloud");
            s.cloud.stop();
            s.cloud.start();
            return s.ask(client);
          }});
  all.add(
      "H9", "unread_rest", "The cloud answers and goes on sending while the next request waits", {call::chat},
      [] {
        auto e = served_by_cloud();
        e.cloud_asked_most = 3;
        return e;
      }(),
      [](stage& s) {
        s.cloud.once(s.path, [text = s.expected](served_connection& c, const recorded_request&) {
          c.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(text.size()) +
                 "\r\n\r\n" + text + std::string(100'000, 'E'));
        });
      },
      {.act = in_a_row(2)});
}

}  // namespace tideover::test
