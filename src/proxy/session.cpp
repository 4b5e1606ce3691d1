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

}  // namespace

net::task<void> serve(worker& home, std::unique_ptr<net::stream> caller, std::shared_ptr<door> entrance,
                      std::optional<ip_owner> from) {
  session_scope const scope(home, from);
  auto const welcome = scope.place_.said();
  if (welcome == policy::welcome::turned_away) co_return;
  if (entrance->socket.tls) {
    auto const by = after(clock::now(), home.newest().configuration->limits.head_timeout);
    auto const plain = co_await speaks_plain_http(home, *caller, by);
    if (!plain) co_return;
    if (*plain) {
      std::string nothing_more;
      {
        exchange x(home, *entrance, *caller, nothing_more);
        co_await x.refuse_plain_http();
      }
      co_await linger(home, *caller);
      co_return;
    }
    bool const secure = co_await shake_hands(home, *caller, entrance->socket.tls, by);
    if (!secure) co_return;
  }

  bool first = true;  // nothing was asked here yet
  std::string carry;  // what came behind the last request; an idle connection holds nothing else
  bool const overfull = welcome != policy::welcome::come_in;
  for (;;) {
    // A reload may come with every wait: limits and scratch memory are those of the moment.
    auto limits = home.newest().configuration->limits;
    char* scratch = home.scratch();
    std::size_t have = carry.size();
    std::size_t scanned = 0;
    std::size_t head_bytes = 0;
    if (have != 0) std::memcpy(scratch, carry.data(), have);
    // A connection may idle between requests, but a head that has begun must come to its end. Whoever is one too many
    // will only be told so: saying nothing must not keep a descriptor from others.
    auto const silence = overfull ? std::min<duration>(first_words_within, limits.head_timeout) : limits.keep_alive;
    auto deadline = after(clock::now(), have != 0 ? limits.head_timeout : silence);
    int unreadable = 0;
    for (;;) {
      if (have > scanned) {
        head_bytes = net::find_head_end({scratch, have}, scanned);
        if (head_bytes != 0) break;
        scanned = have;
        if (have >= limits.request_head) {
          unreadable = net::status_code(net::status_of_oversize({scratch, have}));
          break;
        }
      }
      auto const got = caller->try_read(scratch + have, home.scratch_size() - have);
      if (got.ok()) {
        if (have == 0) deadline = after(clock::now(), limits.head_timeout);
        have += got.bytes;
        continue;
      }
      if (!got.again()) co_return;
      carry.assign(scratch, have);
      auto const how = have == 0 ? co_await home.reactions().wait(deadline, on(caller->source(), net::readable),
                                                                  on(entrance->closing_signal, net::signalled))
                                 : co_await home.reactions().wait(deadline, on(caller->source(), net::readable));
      if (how == woken::cancelled) co_return;
      if (how == woken::timed_out) {
        if (have == 0) {
          caller->say_goodbye();
          co_return;
        }
        unreadable = 408;
        break;
      }
      if (have == 0 && entrance->closing && !caller->source().is(net::readable)) {
        auto const told_late = first ? co_await home.reactions().wait(after(clock::now(), first_words_within),
                                                                      on(caller->source(), net::readable))
                                     : woken::timed_out;
        if (told_late == woken::cancelled) co_return;
        if (told_late != woken::ready) {
          caller->say_goodbye();
          co_return;
        }
      }
      limits = home.newest().configuration->limits;
      scratch = home.scratch();
      std::memcpy(scratch, carry.data(), carry.size());
    }

    auto then = after_exchange::close;
    first = false;
    {
      exchange x(home, *entrance, *caller, carry);
      request_head head;
      head.fields = home.borrow_fields();
      if (unreadable == 0 && head_bytes > limits.request_head) unreadable = 431;
      if (unreadable == 0) {
        auto const parsed = net::parse_request_head({scratch, head_bytes}, head);
        if (parsed != net::head_status::ok) unreadable = net::status_code(parsed);
      }
      if (unreadable == 0 && overfull) {
        then = co_await x.refuse_entry(welcome);
      } else if (unreadable != 0) {
        then = co_await x.refuse_unreadable(unreadable);
      } else {
        then = co_await x.run({scratch, have}, std::move(head));
      }
    }
    switch (then) {
      case after_exchange::keep: break;
      case after_exchange::close: caller->say_goodbye(); co_return;
      case after_exchange::linger: co_await linger(home, *caller); co_return;
      case after_exchange::abort: co_return;
      case after_exchange::abort_later: {
        (void)co_await home.reactions().wait(after(clock::now(), reading_time), on(caller->source(), net::hangup));
        co_return;
      }
    }
    if (home.reactions().stopping()) co_return;
  }
}

}  // namespace tideover::proxy
