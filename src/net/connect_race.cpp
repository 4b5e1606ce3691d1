#include "tideover/net/connect_race.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>

namespace tideover::net {
namespace {

/// What a failed attempt says about the host, the least first. Of several failures the one that says most is told: "no
/// route" is all that IPv6 has to say on a machine without it, and must not hide that IPv4 was refused.
enum class telling : std::uint8_t {
  nothing,   // nothing was tried
  no_way,    // this machine has no route or no address of that family
  silence,   // no answer in time
  shortage,  // this machine ran out of something: the upstream must not be blamed for it (faults B6)
  refusal,   // somebody out there said no
};

struct attempt_end {
  std::unique_ptr<stream> connection;
  failure problem;
  telling says = telling::nothing;
};

attempt_end failed(telling says, reason why, std::string detail) {
  attempt_end end;
  end.says = says;
  end.problem.why = why;
  end.problem.at = phase::connect;
  end.problem.detail = std::move(detail);
  end.problem.ours = says == telling::shortage;
  return end;
}

/// What `socket` or `connect` said at once: nobody out there was asked.
attempt_end failed_here(int error, const socket_address& address) {
  bool const shortage = error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
  // No port is left; for IPv6 it may also mean that the machine has no address of that kind, which tells less, but is
  // not the upstream's fault either.
  bool const no_port = error == EADDRNOTAVAIL;
  bool const v6 = address.family() == AF_INET6;
  auto end = failed(shortage || (no_port && !v6) ? telling::shortage
                    : error == ECONNREFUSED      ? telling::refusal
                                                 : telling::no_way,
                    reason::connect, address.to_string() + ": " + std::strerror(error));
  end.problem.ours = shortage || no_port;
  return end;
}

task<attempt_end> connect_one(event_loop& loop, socket_address address, time_point by, event_source* also) {
  int const fd = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) co_return failed_here(errno, address);
  int const one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  // A peer that vanished without a word must not hold a connection for the kernel's quarter of an hour (faults H4).
  unsigned const unacknowledged_ms = 30000;
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof unacknowledged_ms);
  int const code = ::connect(fd, address.get(), address.size);
  int const error_at_once = code == 0 ? 0 : errno;
  if (code != 0 && error_at_once != EINPROGRESS) {
    ::close(fd);
    co_return failed_here(error_at_once, address);
  }
  attempt_end end;
  // Registered only now: a socket that is not connecting yet would report a hangup.
  auto connection = std::make_unique<stream>(loop.reactions(), fd);
  if (code != 0) {
    connection->source().clear(readable | writable);
    auto const how = co_await loop.reactions().wait(by, on(connection->source(), writable | hangup), on(also, hangup));
    if (how == woken::cancelled || (also && also->is(hangup)))
      co_return failed(telling::nothing, reason::connect, "given up: nobody waits for it any more");
    if (how == woken::timed_out)
      co_return failed(telling::silence, reason::connect_timeout,
                       "no connection to " + address.to_string() + " in time");
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error == ETIMEDOUT)
      co_return failed(telling::silence, reason::connect_timeout, address.to_string() + ": " + std::strerror(error));
    if (error != 0)
      co_return failed(telling::refusal, reason::connect, address.to_string() + ": " + std::strerror(error));
  }
  end.connection = std::move(connection);
  co_return end;
}

/// Shared by the attempts and by whoever waits for them: an attempt that lost ends a moment after the race.
struct race {
  event_source progress;  // an attempt has ended
  event_source over;      // whoever is still connecting may stop
  unsigned running = 0;
  attempt_end best;  // the winner, or the most telling failure so far

  void take(attempt_end end) {
    if (over.is(hangup) || best.connection) return;
    if (end.connection || end.says > best.says) best = std::move(end);
  }
};

task<void> run(event_loop& loop, std::shared_ptr<race> shared, socket_address address, time_point by) {
  auto end = co_await connect_one(loop, address, by, &shared->over);
  shared->take(std::move(end));
}

/// An attempt is a coroutine of its own, because a wait can watch four sources and a host may have more addresses.
void begin(event_loop& loop, const std::shared_ptr<race>& shared, const socket_address& address, time_point by) {
  ++shared->running;
  spawn(run(loop, shared, address, by), [&loop, shared](std::exception_ptr error) {
    if (error) shared->take(failed(telling::shortage, reason::connect, "the connection could not be set up"));
    --shared->running;
    shared->progress.raise(loop.reactions(), signalled);
  });
}

}  // namespace

task<dial_result> connect_any(event_loop& loop, std::vector<socket_address> addresses, time_point by,
                              event_source* also) {
  auto const shared = std::make_shared<race>();
  std::size_t next = 0;
  auto next_at = clock::now();
  bool given_up = false;
  for (;;) {
    auto const now = clock::now();
    if (next < addresses.size() && now >= next_at && now < by) {
      begin(loop, shared, addresses[next++], by);
      next_at = after(now, connect_stagger);
    }
    bool const all_begun = next == addresses.size() || now >= by;
    if (shared->best.connection || (shared->running == 0 && all_begun)) break;
    // No deadline of its own: the attempts have it, and each says what it missed.
    auto const wake = all_begun ? never : next_at;
    auto const how = co_await loop.reactions().wait(wake, on(shared->progress, signalled), on(also, hangup));
    given_up = how == woken::cancelled || (also && also->is(hangup));
    if (given_up) break;
    if (shared->progress.is(signalled)) {
      shared->progress.clear(signalled);
      next_at = clock::now();
    }
  }
  shared->over.raise(loop.reactions(), hangup);
  auto best = std::move(shared->best);
  if (given_up) best = failed(telling::nothing, reason::connect, "given up: nobody waits for it any more");
  if (next == 0 && !given_up)
    best = failed(telling::silence, reason::connect_timeout,
                  "no connection to " + addresses.front().to_string() + " in time");
  if (!best.connection && !given_up && next > 1)
    best.problem.detail += " (" + std::to_string(next) + " addresses tried)";
  dial_result result;
  result.connection = std::move(best.connection);
  result.problem = std::move(best.problem);
  co_return result;
}

}  // namespace tideover::net
