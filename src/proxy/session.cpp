#include "tideover/proxy/session.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

#include "tideover/net/http_head.hpp"
#include "tideover/proxy/exchange.hpp"

namespace tideover::proxy {

using net::on;
using net::woken;

namespace {

// A caller who has just come in has something to say, also when nobody else may come: it is on its way.
constexpr auto first_words_within = std::chrono::seconds(2);
// Enough for a program to take what it has got; SDKs leave by themselves when they have read an error event.
constexpr auto reading_time = std::chrono::milliseconds(250);

/// Keeps the counts right however the session ends.
struct session_scope {
  session_scope(worker& home, const std::optional<ip_owner>& from)
      : home_(home), place_(*home.newest().callers, from, home.newest().configuration->limits) {
    home_.session_began();
  }
  ~session_scope() { home_.session_ended(); }
  worker& home_;
  caller_count::place place_;  // in the process's count, whatever the configuration
};

/// The first byte of TLS is the kind of a record, none of which is a letter (RFC 8446 §5.1); the first of HTTP is one
/// of a method. Nothing: whoever came says nothing, or is gone.
net::task<std::optional<bool>> speaks_plain_http(worker& home, net::stream& caller, time_point by) {
  char first = 0;
  for (;;) {
    auto const seen = caller.try_peek(first);
    if (seen.ok()) co_return first >= 'A' && first <= 'Z';
    if (!seen.again()) co_return std::nullopt;
    auto const how = co_await home.reactions().wait(by, on(caller.source(), net::readable));
    if (how != woken::ready) co_return std::nullopt;
  }
}

net::task<bool> shake_hands(worker& home, net::stream& caller, const net::ssl_context& tls, time_point by) {
  caller.start_tls(net::make_server(tls));
  for (;;) {
    auto const step = caller.try_handshake();
    if (step.ok()) co_return true;
    if (!step.again()) co_return false;
    auto const how = co_await home.reactions().wait(by, on(caller.source(), step.want));
    if (how != woken::ready) co_return false;
  }
}

/// Closing with unread bytes would reset the connection and could take our answer with it (RFC 9112 §9.6):
/// half-close, read a while, then go.
net::task<void> linger(worker& home, net::stream& caller) {
  caller.say_goodbye();
  caller.shutdown_write();
  auto const by = after(clock::now(), std::chrono::seconds(2));
  std::size_t discarded = 0;
  while (discarded < (1u << 20)) {
    auto const got = caller.try_read(home.scratch(), home.scratch_size());
    if (got.ok()) {
      discarded += got.bytes;
      continue;
    }
    if (!got.again()) co_return;
    auto const how = co_await home.reactions().wait(by, on(caller.source(), net::readable));
    if (how != woken::ready) co_return;
  }
}

/// What a session knows from request to request. It is most of what an idle connection costs.
struct conversation {
  worker& home;
  net::stream& caller;
  door& entrance;
  policy::welcome welcome;
  bool first = true;           // nothing was asked here yet
  std::string carry;           // what came behind the last request; an idle connection holds nothing else
  std::size_t have = 0;        // bytes in scratch memory
  std::size_t head_bytes = 0;  // of which the next request's head takes so many
  int refused = 0;             // status for a head that is not read

  bool overfull() const { return welcome != policy::welcome::come_in; }
};

enum class arrival : std::uint8_t { request, nothing_more };

/// A caller who says nothing while the door closes: is something on its way all the same?
net::task<woken> speaks_late(conversation& c) {
  if (!c.first) co_return woken::timed_out;
  co_return co_await c.home.reactions().wait(after(clock::now(), first_words_within),
                                             on(c.caller.source(), net::readable));
}

/// Reads up to the end of the next head, into scratch memory.
net::task<arrival> next_request(conversation& c) {
  auto& home = c.home;
  auto& caller = c.caller;
  auto& have = c.have;
  // A reload may come with every wait: limits and scratch memory are those of the moment.
  const auto* limits = &home.newest().configuration->limits;
  char* scratch = home.scratch();
  std::size_t scanned = 0;
  have = c.carry.size();
  if (have != 0) std::memcpy(scratch, c.carry.data(), have);
  // A connection may idle between requests, but a head that has begun must come to its end. Whoever is one too many
  // will only be told so: saying nothing must not keep a descriptor from others.
  auto const silence = c.overfull() ? std::min<duration>(first_words_within, limits->head_timeout) : limits->keep_alive;
  auto deadline = after(clock::now(), have != 0 ? limits->head_timeout : silence);
  for (;;) {
    if (have > scanned) {
      c.head_bytes = net::find_head_end({scratch, have}, scanned);
      if (c.head_bytes != 0) {
        if (c.head_bytes > limits->request_head) c.refused = 431;
        co_return arrival::request;
      }
      scanned = have;
      if (have >= limits->request_head) {
        c.refused = net::status_code(net::status_of_oversize({scratch, have}));
        co_return arrival::request;
      }
    }
    auto const got = caller.try_read(scratch + have, home.scratch_size() - have);
    if (got.ok()) {
      if (have == 0) deadline = after(clock::now(), limits->head_timeout);
      have += got.bytes;
      continue;
    }
    if (!got.again()) co_return arrival::nothing_more;
    c.carry.assign(scratch, have);
    auto const or_closing = have == 0 ? on(c.entrance.closing_signal, net::signalled) : net::wait_for{};
    auto how = co_await home.reactions().wait(deadline, on(caller.source(), net::readable), or_closing);
    if (how == woken::timed_out && have != 0) {
      c.refused = 408;
      co_return arrival::request;
    }
    if (how == woken::ready && have == 0 && c.entrance.closing && !caller.source().is(net::readable))
      how = co_await speaks_late(c);
    if (how == woken::timed_out) caller.say_goodbye();
    if (how != woken::ready) co_return arrival::nothing_more;
    limits = &home.newest().configuration->limits;
    scratch = home.scratch();
    std::memcpy(scratch, c.carry.data(), c.carry.size());
  }
}

/// Whoever was told the worst may still be reading.
net::task<void> wait_for_reader(conversation& c) {
  (void)co_await c.home.reactions().wait(after(clock::now(), reading_time), on(c.caller.source(), net::hangup));
}

/// Before the handshake of a listener that speaks TLS. False: the connection is over.
net::task<bool> secure(worker& home, net::stream& caller, door& entrance) {
  auto const by = after(clock::now(), home.newest().configuration->limits.head_timeout);
  auto const plain = co_await speaks_plain_http(home, caller, by);
  if (!plain) co_return false;
  if (*plain) {
    std::string nothing_more;
    {
      auto const x = std::make_unique<exchange>(home, entrance, caller, nothing_more);
      co_await x->refuse_plain_http();
    }
    co_await linger(home, caller);
    co_return false;
  }
  co_return co_await shake_hands(home, caller, entrance.socket.tls, by);
}

/// The head that arrived, or why it is none.
int parse_arrived(conversation& c, request_head& head) {
  head.fields = c.home.borrow_fields();
  if (c.refused != 0) return c.refused;
  auto const parsed = net::parse_request_head({c.home.scratch(), c.head_bytes}, head);
  return parsed == net::head_status::ok ? 0 : net::status_code(parsed);
}

}  // namespace

net::task<void> serve(worker& home, std::unique_ptr<net::stream> caller, std::shared_ptr<door> entrance,
                      std::optional<ip_owner> from) {
  session_scope const scope(home, from);
  auto const welcome = scope.place_.said();
  if (welcome == policy::welcome::turned_away) co_return;
  if (entrance->socket.tls) {
    bool const is_secure = co_await secure(home, *caller, *entrance);
    if (!is_secure) co_return;
  }

  conversation c{.home = home, .caller = *caller, .entrance = *entrance, .welcome = welcome, .carry = {}};
  for (;;) {
    auto const came = co_await next_request(c);
    if (came == arrival::nothing_more) co_return;
    c.first = false;
    auto then = after_exchange::close;
    {
      // In memory of its own, which an idle connection does not hold.
      auto const x = std::make_unique<exchange>(home, *entrance, *caller, c.carry);
      request_head head;
      if (int const refused = parse_arrived(c, head); refused != 0)
        then = co_await x->refuse_unreadable(refused);
      else if (c.overfull())
        then = co_await x->refuse_entry(welcome);
      else
        then = co_await x->run({home.scratch(), c.have}, std::move(head));
    }
    switch (then) {
      case after_exchange::keep: break;
      case after_exchange::close: caller->say_goodbye(); co_return;
      case after_exchange::linger: co_await linger(home, *caller); co_return;
      case after_exchange::abort: co_return;
      case after_exchange::abort_later: co_await wait_for_reader(c); co_return;
    }
    if (home.reactions().stopping()) co_return;
  }
}

}  // namespace tideover::proxy
