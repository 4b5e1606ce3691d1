#include "tideover/net/dialer.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tideover/core/http_message.hpp"
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

/// What `connect` or `socket` said; what this machine has run out of is not the upstream's fault (faults B6).
failure connect_problem(int error, std::string_view before) {
  auto f = problem(reason::connect, phase::connect, std::string(before) + std::strerror(error));
  f.ours = error == EADDRNOTAVAIL || error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
  return f;
}

/// Connects one address. `deadline` may be shorter than the whole dial's, so that a second address gets its turn.
task<dial_result> connect_one(event_loop& loop, socket_address address, time_point deadline, event_source* also) {
  dial_result result;
  int const fd = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    result.problem = connect_problem(errno, "no socket: ");
    co_return result;
  }
  int const one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  // A peer that vanished without a word must not hold a connection for the kernel's quarter of an hour (faults H4).
  unsigned const unacknowledged_ms = 30000;
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof unacknowledged_ms);
  int const code = ::connect(fd, address.get(), address.size);
  if (code != 0 && errno != EINPROGRESS) {
    result.problem = connect_problem(errno, address.to_string() + ": ");
    ::close(fd);
    co_return result;
  }
  // Registered only now: a socket that is not connecting yet would report a hangup.
  auto connection = std::make_unique<stream>(loop.reactions(), fd);
  if (code != 0) {
    connection->source().clear(readable | writable);
    auto const how =
        co_await loop.reactions().wait(deadline, on(connection->source(), writable | hangup), on(also, hangup));
    if (how == woken::cancelled || (also && also->is(hangup))) {
      result.problem = problem(reason::connect, phase::connect, "given up: nobody waits for it any more");
      co_return result;
    }
    if (how == woken::timed_out) {
      result.problem =
          problem(reason::connect_timeout, phase::connect, "no connection to " + address.to_string() + " in time");
      co_return result;
    }
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
      result.problem = connect_problem(error, address.to_string() + ": ");
      co_return result;
    }
  }
  result.connection = std::move(connection);
  co_return result;
}

/// CONNECT through an HTTP proxy (RFC 9110 §9.3.6). The answer's head is read byte-exact: what follows is TLS.
task<failure> open_tunnel(event_loop& loop, stream& connection, const tunnel& proxy, const dial_target& target,
                          time_point deadline, event_source* also) {
  std::string const host = target.host.find(':') == std::string::npos ? target.host : "[" + target.host + "]";
  std::string const authority = host + ":" + std::to_string(target.port);
  std::string request = "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n";
  if (!proxy.authorization.empty()) request += "Proxy-Authorization: " + proxy.authorization + "\r\n";
  request += "\r\n";
  auto const sent = co_await write_all(connection, request, deadline - clock::now());
  if (sent != write_end::done)
    co_return problem(sent == write_end::stalled ? reason::connect_timeout : reason::connect, phase::connect,
                      "the HTTP proxy did not take the request");
  std::string answer;
  while (answer.size() < 16384 && answer.find("\r\n\r\n") == std::string::npos) {
    char byte;  // one at a time: nothing behind the head may be taken away from TLS, and it happens once a connection
    auto const got = connection.try_read(&byte, 1);
    if (got.ok()) {
      answer += byte;
      continue;
    }
    if (!got.again()) co_return problem(reason::connect, phase::connect, "the HTTP proxy closed the connection");
    auto const how = co_await loop.reactions().wait(deadline, on(connection.source(), got.want), on(also, hangup));
    if (how == woken::timed_out)
      co_return problem(reason::connect_timeout, phase::connect, "the HTTP proxy did not answer in time");
    if (how == woken::cancelled || (also && also->is(hangup)))
      co_return problem(reason::connect, phase::connect, "given up: nobody waits for it any more");
  }
  response_head head;
  if (parse_response_head(answer, head) != head_status::ok || head.status / 100 != 2)
    co_return problem(reason::connect, phase::connect,
                      "the HTTP proxy refused the tunnel with status " + std::to_string(head.status));
  co_return failure{};
}

task<failure> shake_hands(event_loop& loop, stream& connection, const dial_target& target, session_slot* sessions,
                          time_point deadline, event_source* also) {
  connection.start_tls(make_client(target.tls, target.server_name, sessions));
  for (;;) {
    auto const step = connection.try_handshake();
    if (step.ok()) co_return failure{};
    if (!step.again()) {
      bool const refused = handshake_refused(connection.tls());
      co_return problem(
          refused ? reason::tls : reason::connect, phase::tls_handshake,
          refused ? explain_handshake(connection.tls(), target.server_name) : "closed during the TLS handshake");
    }
    auto const how = co_await loop.reactions().wait(deadline, on(connection.source(), step.want), on(also, hangup));
    if (how == woken::timed_out)
      co_return problem(reason::connect_timeout, phase::tls_handshake, "the TLS handshake took too long");
    if (how == woken::cancelled || (also && also->is(hangup)))
      co_return problem(reason::connect, phase::tls_handshake, "given up: nobody waits for it any more");
  }
}

}  // namespace

task<dial_result> dial(event_loop& loop, resolver& names, const dial_target& target, session_slot* sessions,
                       time_point deadline, event_source* also) {
  const std::string& host = target.through ? target.through->host : target.host;
  auto const port = target.through ? target.through->port : target.port;

  dial_result result;
  auto const found = co_await names.resolve(loop, host, port, deadline);
  if (found.addresses.empty()) {
    result.problem = problem(reason::dns, phase::resolve, host + ": " + found.error);
    co_return result;
  }
  bool const literal = address_of_literal(host, port).size != 0;
  for (std::size_t i = 0; i < found.addresses.size(); ++i) {
    const auto& address = found.addresses[i];
    if (target.outside && !target.through && !literal && host != "localhost" && address.points_inward()) {
      result.problem = problem(reason::dns, phase::resolve,
                               host + " resolves to " + address.to_string() + ", which is no address of a cloud");
      continue;
    }
    // What is left is shared among the addresses that are left, so that a dead first one does not eat it all.
    auto const now = clock::now();
    auto const rest = found.addresses.size() - i;
    auto const share = rest > 1 ? now + (deadline - now) / static_cast<int>(rest) : deadline;
    auto attempt = co_await connect_one(loop, address, std::min(share, deadline), also);
    if (attempt.connection) {
      result.connection = std::move(attempt.connection);
      break;
    }
    result.problem = std::move(attempt.problem);
    if (loop.reactions().stopping() || (also && also->is(hangup)) || clock::now() >= deadline) break;
  }
  if (!result.connection) co_return result;
  if (target.through) {
    auto const refused = co_await open_tunnel(loop, *result.connection, *target.through, target, deadline, also);
    if (refused.at != phase::not_started) {
      result.connection.reset();
      result.problem = refused;
      co_return result;
    }
  }
  if (target.tls) {
    auto const refused = co_await shake_hands(loop, *result.connection, target, sessions, deadline, also);
    if (refused.at != phase::not_started) {
      result.connection.reset();
      result.problem = refused;
    }
  }
  co_return result;
}

}  // namespace tideover::net
