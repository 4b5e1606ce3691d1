// B: connecting, and the way of the request.
#include "fault/stage.hpp"
#include "support/own_network.hpp"

namespace tideover::test {
namespace {

const calls some_of_each{call::chat, call::messages, call::chat_stream, call::messages_stream};

expectation unheard(std::string reason) {
  auto e = served_locally(std::move(reason), blamed::connection);
  e.cloud_asked_most = 0;
  return e;
}

std::string large_body() {
  return R"({"model":"gpt-4o-mini","messages":[{"role":"user","content":"Why tides?"}],"metadata":{"filler":")" +
         std::string(8 << 20, 'x') + "\"}}";
}

}  // namespace

void add_connect_rows(table& all) {
  all.add("B1", "refused", "The cloud refuses the connection", all_generations, unheard("connect"),
          [](stage& s) { s.cloud_is_down(); });
  all.add("B2", "reset_on_accept", "The connection is reset as soon as it stands", all_generations, unheard("connect"),
          [](stage& s) { s.to_cloud.set(fault_gate::door::reset_on_accept); });
  all.add("B3", "blackhole", "Nothing answers the connection request", some_of_each, unheard("connect_timeout"),
          [](stage& s) {
            s.cloud_is_given_little_time();
            s.to_cloud.set(fault_gate::door::blackhole);
          });
  all.add("B4", "accepted_and_ignored", "The connection stands, and nobody ever reads or writes", some_of_each,
          unheard("timeout"), [](stage& s) {
            s.cloud_is_given_little_time();
            s.to_cloud.set(fault_gate::door::ignore);
          });
  all.add("B5", "closed_on_accept", "The connection is closed as soon as it stands", some_of_each, unheard("connect"),
          [](stage& s) { s.to_cloud.set(fault_gate::door::close_on_accept); });
  all.add("B6", "no_ports_left", "This machine has no ports left for connections", {call::chat},
          [] {
            auto e = served_locally("connect", blamed::nobody);
            e.cloud_asked_most = 1;
            return e;
          }(),
          {},
          {.act =
               [](stage& s) {
                 std::vector<std::unique_ptr<raw_client>> holding;
                 set_outgoing_ports("42000 42007");
                 try {
                   for (int i = 0; i < 100; ++i) holding.push_back(std::make_unique<raw_client>(s.to_cloud.port()));
                 } catch (const std::runtime_error&) {
                   // That was the last one.
                 }
                 EXPECT_LT(holding.size(), 100U);
                 auto const seen = s.ask();
                 holding.clear();
                 set_outgoing_ports("32768 60999");
                 EXPECT_EQ(s.ask().field("x-tideover-tier"), "cloud") << "it recovers by itself";
                 return seen;
               },
           .own_network = true});
  all.add("B7", "another_service", "Another service answers: an SSH banner", some_of_each,
          served_locally("malformed", blamed::service),
          [](stage& s) { s.cloud_does(raw_bytes("SSH-2.0-OpenSSH_9.2\r\n", false)); });
  all.add("B8", "greets_first", "Another service greets before it is asked", some_of_each,
          served_locally("malformed", blamed::service), [](stage& s) {
            s.to_cloud.set(side::to_daemon, broken::insert({}, "220 mail.example.com ESMTP ready\r\n"));
          });
  all.add("B9", "request_cut", "The connection ends in the middle of the request", all_generations, unheard("connect"),
          [](stage& s) { s.to_cloud.set(side::to_upstream, broken::cut(behind("Content-Len"))); });
  all.add("B10", "request_reset", "The connection is reset in the middle of the request", some_of_each,
          unheard("connect"),
          [](stage& s) { s.to_cloud.set(side::to_upstream, broken::reset(behind("Content-Len"))); });
  all.add("B11", "request_stalls", "The cloud takes the first bytes of the request and no more", some_of_each,
          unheard("timeout"), [](stage& s) {
            s.cloud_is_given_little_time();
            s.to_cloud.set(side::to_upstream, broken::stall(behind("Content-Len")));
          });
  all.add("B12", "large_request_stalls", "The cloud stops taking a request of megabytes", {call::chat},
          unheard("timeout"), [](stage& s) {
            s.cloud_is_given_little_time();
            s.body = large_body();
            s.to_cloud.set(side::to_upstream, broken::stall(behind(100'000)));
          });
  all.add("B13", "half_closed_at_once", "The cloud half-closes the connection before it has said a word", some_of_each,
          served_locally("connect", blamed::connection),
          [](stage& s) { s.to_cloud.set(side::to_daemon, broken::half_close()); });
  all.add("B14", "request_in_bytes", "The request arrives one byte at a time", some_of_each, served_by_cloud(),
          [](stage& s) { s.to_cloud.set(side::to_upstream, broken::split()); },
          {.never = {{"a byte of the request is lost", [](stage& s, const observed&) {
                        ASSERT_EQ(s.cloud_requests().size(), 1U);
                        EXPECT_EQ(s.cloud_requests()[0].body, s.body);
                      }}}});
  all.add("B15", "request_slow", "The line to the cloud is slow", {call::chat, call::messages_stream},
          served_by_cloud(), [](stage& s) { s.to_cloud.set(side::to_upstream, broken::slow(4000)); });
  all.add("B16", "large_request_refused_in_the_middle",
          "The cloud answers 413 and closes before it has taken a request of megabytes", {call::chat}, passed_on(413),
          [](stage& s) {
            s.body = large_body();
            s.expected = cloud_error(call::chat, "invalid_request_error", "", "Too large");
            s.cloud.on_accept([text = s.expected](wire& raw) {
              std::string head;
              while (head.find("\r\n\r\n") == std::string::npos)
                if (raw.read_some(head) != io::ok) return false;
              raw.write(
                  "HTTP/1.1 413 Too Large\r\nContent-Type: application/json\r\nConnection: close\r\n"
                  "Content-Length: " +
                  std::to_string(text.size()) + "\r\n\r\n" + text);
              raw.half_close();
              raw.wait_until_peer_leaves();
              return false;
            });
          });
}

}  // namespace tideover::test
