#include "tideover/proxy/worker.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "tideover/net/dialer.hpp"
#include "tideover/proxy/session.hpp"

namespace tideover::proxy {

using net::on;
using net::woken;

namespace {
constexpr std::size_t scratch_bytes = 64u << 10;
constexpr std::size_t max_spare_fields = 64;                   // two for each of so many requests at once
constexpr auto accept_pause = std::chrono::milliseconds(200);  // after EMFILE and its kind
// A spare is kept while traffic is this fresh, and not tried again for as long after it failed: in an outage the
// exchanges find out what there is to know.
constexpr auto spare_while = std::chrono::seconds(60);
constexpr auto spare_pause = std::chrono::seconds(10);
}  // namespace

worker::worker(const services& shared, exchange_sink& sink, std::vector<listening_socket> sockets, std::uint64_t seed)
    : shared_(shared),
      sink_(sink),
      pool_(shared.upstreams.size()),
      sockets_(std::move(sockets)),
      uses_(shared.upstreams.size()),
      scratch_size_(std::max(scratch_bytes, shared.configuration->limits.request_head + 1024)),
      ids_(seed) {
  for (std::size_t i = 0; i < shared.upstreams.size(); ++i)
    if (shared.upstreams[i].target.outside) pool_.set_outside(i);
  scratch_ = std::make_unique_for_overwrite<char[]>(scratch_size_);
  loop_.on_tick = [this](time_point now) {
    last_turn_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
    pool_.sweep(now);
    keep_spares(now);
  };
}

worker::~worker() {
  for (auto& s : sockets_)
    if (s.descriptor >= 0) ::close(s.descriptor);
}

void worker::run() {
  for (auto& s : sockets_) {
    socket_sources_.push_back(std::make_unique<net::event_source>());
    reactions().add(s.descriptor, *socket_sources_.back());
  }
  for (std::size_t i = 0; i < sockets_.size(); ++i) net::spawn(accept_from(i), [](std::exception_ptr) {});
  loop_.run();
  ended_ = true;
  // Nothing is awaited any more: let every coroutine see the end and unwind before the memory it uses goes.
  reactions().cancel_everything();
  pool_.close_all();
}

std::string worker::next_request_id() {
  auto const now = std::chrono::system_clock::now().time_since_epoch();
  return ids_.next(static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count()));
}

header_fields worker::borrow_fields() {
  if (spare_fields_.empty()) {
    header_fields fresh;
    fresh.list.reserve(16);
    return fresh;
  }
  auto fields = std::move(spare_fields_.back());
  spare_fields_.pop_back();
  return fields;
}

void worker::return_fields(header_fields&& fields) {
  if (spare_fields_.size() >= max_spare_fields || fields.list.capacity() == 0) return;
  fields.list.clear();
  spare_fields_.push_back(std::move(fields));
}

void worker::session_ended() {
  --sessions_;
  if (draining_ && sessions_ == 0) loop_.stop();
}

void worker::drain() {
  loop_.inbox()->post([this] {
    if (draining_) return;
    draining_ = true;
    drain_signal_.raise(reactions(), net::signalled);
    if (sessions_ == 0) loop_.stop();
  });
}

void worker::stop_now() {
  loop_.inbox()->post([this] {
    draining_ = true;
    reactions().cancel_everything();
    loop_.stop();
  });
}

/// Only for TLS: a plain connection costs little. Only where an exchange was just allowed to go: nothing is ever opened
/// to an upstream that no request may use.
void worker::keep_spares(time_point now) {
  if (draining_) return;
  for (std::size_t i = 0; i < uses_.size(); ++i) {
    auto& u = uses_[i];
    if (u.last == time_point::min() || now - u.last > spare_while || u.connecting || now < u.not_before) continue;
    if (!shared_.upstreams[i].target.tls || pool_.idle(i) != 0) continue;
    if (shared_.upstreams[i].target.outside && !shared_.upkeep_pass()) continue;
    // Further URLs, which only local upstreams have, are nobody's to doubt.
    if (i < shared_.configuration->upstreams.size() && !shared_.health->way_is_clear(static_cast<std::uint16_t>(i)))
      continue;
    u.connecting = true;
    net::spawn(connect_spare(i), [&u](std::exception_ptr) { u.connecting = false; });
  }
}

net::task<void> worker::connect_spare(std::size_t upstream) {
  auto const& timeouts = shared_.upstreams[upstream].settings->timeouts;
  auto dialled = co_await net::dial(loop_, *shared_.names, shared_.upstreams[upstream].target, pool_.sessions(upstream),
                                    after(clock::now(), timeouts.connect), nullptr, shared_.upkeep_pass());
  auto const now = clock::now();
  if (dialled.connection && !draining_)
    pool_.give_back(upstream, std::move(dialled.connection), now);
  else
    uses_[upstream].not_before = now + spare_pause;
}

net::task<void> worker::accept_from(std::size_t index) {
  auto& socket = sockets_[index];
  auto& source = *socket_sources_[index];
  while (!draining_ && !reactions().stopping()) {
    int const fd = ::accept4(socket.descriptor, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      int const one = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      try {
        auto caller = std::make_unique<net::stream>(reactions(), fd);
        net::spawn(serve(*this, std::move(caller), socket.tls), [](std::exception_ptr error) {
          // One exchange's trouble ends that connection, nothing else.
          if (!error) return;
          try {
            std::rethrow_exception(error);
          } catch (const std::exception& e) {
            spdlog::error("a connection ended with an unexpected error: {}", e.what());
          } catch (...) {
            spdlog::error("a connection ended with an unexpected error");
          }
        });
      } catch (const std::exception& e) {
        spdlog::warn("a connection could not be set up: {}", e.what());
      }
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      source.clear(net::readable);
      (void)co_await reactions().wait(never, on(source, net::readable), on(drain_signal_, net::signalled));
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO) continue;
    // Out of descriptors or memory: those who are here are served on; the next try comes a little later.
    spdlog::warn("accepting connections pauses: {}", std::error_code(errno, std::generic_category()).message());
    net::event_source nothing;
    (void)co_await reactions().wait(after(clock::now(), accept_pause), on(nothing, net::signalled),
                                    on(drain_signal_, net::signalled));
  }
  ::close(socket.descriptor);
  socket.descriptor = -1;
}

}  // namespace tideover::proxy
