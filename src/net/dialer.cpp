#include "tideover/net/dialer.hpp"

#include <algorithm>

#include "tideover/core/http_message.hpp"
#include "tideover/net/connect_race.hpp"
#include "tideover/net/http_head.hpp"

namespace tideover::net {
namespace {

failure problem(reason why, phase at, std::string detail) {
  failure f;
  f.why = why;
  f.at = at;
  f.detail = std::move(detail);
  return f;
}

failure given_up(phase at) { return problem(reason::connect, at, "given up: nobody waits for it any more"); }

/// How much of the time to connect a name may cost: the rest must do for TCP and TLS, or a name service that is always
/// a little late would make every connection late.
time_point lookup_deadline(time_point now, time_point by) {
  return by == never || by <= now ? by : now + (by - now) / 3 * 2;
}

/// Why this address is none for this target, for people; empty: it may be used.
std::string objection(const dial_target& target, const std::string& host, bool literal, const socket_address& address) {
  auto const where = host + " resolves to " + address.to_string();
  // Who writes an address into the configuration means it. So does `localhost`.
  if (target.outside && !target.through && !literal && host != "localhost" && address.points_inward()) {
    switch (address.kind()) {
      case ip_kind::loopback: return where + ", which is this machine and no cloud: see /etc/hosts and the name server";
      case ip_kind::link_local:
        return where +
               ", a link-local address, where machines keep their metadata services and no cloud lives: see the name "
               "server";
      default: return where + ", which is no address at all: a filter in the name server may be blocking the name";
    }
  }
  if (target.inside && address.kind() == ip_kind::public_net)
    return where + ", a public address: what is meant to stay in the house would leave it";
  return {};
}

/// CONNECT through an HTTP proxy (RFC 9110 §9.3.6). The answer's head is read byte-exact: what follows is TLS.
task<failure> open_tunnel(event_loop& loop, stream& connection, const tunnel& proxy, const dial_target& target,
                          time_point by, event_source* also) {
  std::string const host = target.host.find(':') == std::string::npos ? target.host : "[" + target.host + "]";
  std::string const authority = host + ":" + std::to_string(target.port);
  std::string request = "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n";
  if (!proxy.authorization.empty()) request += "Proxy-Authorization: " + proxy.authorization + "\r\n";
  request += "\r\n";
  auto const sent = co_await write_all(connection, request, by - clock::now());
  if (sent == write_end::stalled)
    co_return problem(reason::connect_timeout, phase::connect, "the HTTP proxy did not take the request in time");
  if (sent != write_end::done)
    co_return problem(reason::connect, phase::connect, "the HTTP proxy did not take the request");
  std::string answer;
  while (answer.size() < 16384 && answer.find("\r\n\r\n") == std::string::npos) {
    char byte;  // one at a time: nothing behind the head may be taken away from TLS, and it happens once a connection
    auto const got = connection.try_read(&byte, 1);
    if (got.ok()) {
      answer += byte;
      continue;
    }
    if (!got.again()) co_return problem(reason::connect, phase::connect, "the HTTP proxy closed the connection");
    auto const how = co_await loop.reactions().wait(by, on(connection.source(), got.want), on(also, hangup));
    if (how == woken::timed_out)
      co_return problem(reason::connect_timeout, phase::connect, "the HTTP proxy did not answer in time");
    if (how == woken::cancelled || (also && also->is(hangup))) co_return given_up(phase::connect);
  }
  response_head head;
  if (parse_response_head(answer, head) != head_status::ok || head.status / 100 != 2)
    co_return problem(reason::connect, phase::connect,
                      "the HTTP proxy refused the tunnel with status " + std::to_string(head.status));
  co_return failure{};
}

task<failure> shake_hands(event_loop& loop, stream& connection, const dial_target& target, session_slot* sessions,
                          time_point by, event_source* also) {
  connection.start_tls(make_client(target.tls, target.server_name, sessions));
  limit_handshake(connection.tls());
  for (;;) {
    auto const step = connection.try_handshake();
    if (step.ok()) {
      lift_handshake_limit(connection.tls());
      co_return failure{};
    }
    if (!step.again()) {
      if (handshake_too_large(connection.tls()))
        co_return problem(reason::tls, phase::tls_handshake, "the TLS handshake is larger than any honest one");
      bool const refused = handshake_refused(connection.tls());
      co_return problem(
          refused ? reason::tls : reason::connect, phase::tls_handshake,
          refused ? explain_handshake(connection.tls(), target.server_name) : "closed during the TLS handshake");
    }
    auto const how = co_await loop.reactions().wait(by, on(connection.source(), step.want), on(also, hangup));
    if (how == woken::timed_out)
      co_return problem(reason::connect_timeout, phase::tls_handshake, "the TLS handshake did not end in time");
    if (how == woken::cancelled || (also && also->is(hangup))) co_return given_up(phase::tls_handshake);
  }
}

}  // namespace

task<dial_result> dial(event_loop& loop, resolver& names, const dial_target& target, session_slot* sessions,
                       time_point by, event_source* also, std::optional<cloud_pass> pass) {
  if (target.outside && !pass) {
    dial_result refused;
    refused.problem = problem(reason::policy, phase::not_started, "this may not leave the house");
    refused.problem.ours = true;
    co_return refused;
  }
  const std::string& host = target.through ? target.through->host : target.host;
  auto const port = target.through ? target.through->port : target.port;

  dial_result result;
  auto found = co_await names.resolve(loop, host, port, lookup_deadline(clock::now(), by), also);
  if (loop.reactions().stopping() || (also && also->is(hangup))) {
    result.problem = given_up(phase::resolve);
    co_return result;
  }
  if (found.addresses.empty()) {
    result.problem = problem(reason::dns, phase::resolve, host + ": " + found.error);
    result.problem.ours = found.ours;
    result.problem.late = found.timed_out;
    co_return result;
  }
  bool const literal = address_of_literal(host, port).size != 0;
  std::string objected;
  std::erase_if(found.addresses, [&](const socket_address& address) {
    auto why = objection(target, host, literal, address);
    if (why.empty()) return false;
    objected = std::move(why);
    return true;
  });
  if (found.addresses.empty()) {
    result.problem = problem(reason::dns, phase::resolve, std::move(objected));
    co_return result;
  }
  result = co_await connect_any(loop, std::move(found.addresses), by, also);
  if (!result.connection) co_return result;
  if (target.through) {
    auto const refused = co_await open_tunnel(loop, *result.connection, *target.through, target, by, also);
    if (refused.at != phase::not_started) {
      result.connection.reset();
      result.problem = refused;
      co_return result;
    }
  }
  if (target.tls) {
    auto const refused = co_await shake_hands(loop, *result.connection, target, sessions, by, also);
    if (refused.at != phase::not_started) {
      result.connection.reset();
      result.problem = refused;
    }
  }
  co_return result;
}

}  // namespace tideover::net
