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
#include "tideover/net/socket_address.hpp"
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

worker_generation::worker_generation(services_ptr allowed)
    : shared(std::move(allowed)), pool(shared->upstreams.size()), uses(shared->upstreams.size()) {
  for (std::size_t i = 0; i < shared->upstreams.size(); ++i)
    if (shared->upstreams[i].target.outside) pool.set_outside(i);
}

worker::worker(services_ptr shared, exchange_sink& sink, std::vector<listening_socket> sockets, std::uint64_t seed)
    : sink_(sink), generation_(std::make_shared<worker_generation>(std::move(shared))), ids_(seed) {
  for (const auto& socket : sockets) {
    doors_.push_back(std::make_shared<door>());
    doors_.back()->socket = socket;
  }
  size_scratch();
  loop_.on_tick = [this](time_point now) {
    last_turn_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
    generation_->pool.sweep(now);
    keep_spares(now);
  };
}

worker::~worker() {
  for (auto& d : doors_)
    if (d->socket.descriptor >= 0) ::close(d->socket.descriptor);
}

/// Never smaller than it was: whoever reads between two waits may count on its size.
void worker::size_scratch() {
  auto const wanted = std::max(scratch_bytes, newest().configuration->limits.request_head + 1024);
  if (wanted <= scratch_size_) return;
  scratch_ = std::make_unique_for_overwrite<char[]>(wanted);
  scratch_size_ = wanted;
}

void worker::run() {
  for (const auto& d : doors_) accept_at(d);
  loop_.run();
  ended_ = true;
  // Nothing is awaited any more: let every coroutine see the end and unwind before the memory it uses goes.
  reactions().cancel_everything();
  generation_->pool.close_all();
}

void worker::accept_at(const std::shared_ptr<door>& which) {
  reactions().add(which->socket.descriptor, which->incoming);
  ++accepting_;
  net::spawn(accept_from(which), [this](std::exception_ptr) {
    --accepting_;
    stop_if_done();
  });
}

void worker::stop_if_done() {
  if (draining_ && sessions_ == 0 && accepting_ == 0) loop_.stop();
}

void worker::close_door(door& which) {
  which.closing = true;
  which.closing_signal.raise(reactions(), net::signalled);
}

bool worker::adopt(services_ptr next, door_changes doors, std::function<void()> done) {
  return loop_.inbox()->post([this, next = std::move(next), changes = std::move(doors), done = std::move(done)] {
    if (next) {
      // What is idle was made under rules that no longer hold; what is in use goes back to a pool that nobody asks.
      generation_->pool.close_all();
      generation_ = std::make_shared<worker_generation>(next);
      size_scratch();
    }
    for (const auto& [listener, tls] : changes.kept)
      for (auto& d : doors_)
        if (d->socket.listener == listener) d->socket.tls = tls;
    for (auto const listener : changes.closed)
      for (auto& d : doors_)
        if (d->socket.listener == listener) close_door(*d);
    std::erase_if(doors_, [](const auto& d) { return d->closing; });
    for (const auto& socket : changes.opened) {
      if (draining_) {
        ::close(socket.descriptor);
        continue;
      }
      doors_.push_back(std::make_shared<door>());
      doors_.back()->socket = socket;
      accept_at(doors_.back());
    }
    done();
  });
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
  stop_if_done();
}

void worker::drain() {
  loop_.inbox()->post([this] {
    if (draining_) return;
    draining_ = true;
    for (auto& d : doors_) close_door(*d);
    stop_if_done();
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
  auto& uses = generation_->uses;
  const auto& all = newest();
  for (std::size_t i = 0; i < uses.size(); ++i) {
    auto& u = uses[i];
    if (u.last == time_point::min() || now - u.last > spare_while || u.connecting || now < u.not_before) continue;
    if (!all.upstreams[i].target.tls || generation_->pool.idle(i) != 0) continue;
    if (all.upstreams[i].target.outside && !all.upkeep_pass()) continue;
    // Further URLs, which only local upstreams have, are nobody's to doubt.
    if (i < all.configuration->upstreams.size() && !all.health->way_is_clear(static_cast<std::uint16_t>(i))) continue;
    u.connecting = true;
    net::spawn(connect_spare(generation_, i),
               [of = generation_, i](std::exception_ptr) { of->uses[i].connecting = false; });
  }
}

net::task<void> worker::connect_spare(std::shared_ptr<worker_generation> of, std::size_t upstream) {
  const auto& all = *of->shared;
  auto const& timeouts = all.upstreams[upstream].settings->timeouts;
  auto dialled = co_await net::dial(loop_, *all.names, all.upstreams[upstream].target, of->pool.sessions(upstream),
                                    after(clock::now(), timeouts.connect), nullptr, all.upkeep_pass());
  auto const now = clock::now();
  if (dialled.connection && !draining_ && of == generation_)
    of->pool.give_back(upstream, std::move(dialled.connection), now);
  else
    of->uses[upstream].not_before = now + spare_pause;
}

net::task<void> worker::accept_from(std::shared_ptr<door> which) {
  auto& socket = which->socket;
  auto& source = which->incoming;
  bool paused = false;
  // One that closes still takes in whoever stands in the queue: the kernel would reset them.
  while (!reactions().stopping() && !(which->closing && socket.outlives_us)) {
    net::socket_address from;
    from.size = sizeof from.storage;
    int const fd = ::accept4(socket.descriptor, reinterpret_cast<sockaddr*>(&from.storage), &from.size,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      int const one = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      try {
        auto caller = std::make_unique<net::stream>(reactions(), fd);
        net::spawn(serve(*this, std::move(caller), which, from.owner()), [](std::exception_ptr error) {
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
    int const error = errno;
    if (error == EAGAIN || error == EWOULDBLOCK) {
      // Not before nobody waits any more: while some come in and the next cannot, it still pauses.
      if (std::exchange(paused, false) && --paused_doors_ == 0) spdlog::info("accepting connections goes on");
      if (which->closing) break;
      source.clear(net::readable);
      (void)co_await reactions().wait(never, on(source, net::readable), on(which->closing_signal, net::signalled));
      continue;
    }
    if (error == EINTR || error == ECONNABORTED || error == EPROTO) continue;
    if (which->closing) break;
    // Out of descriptors or memory: those who are here are served on; the next try comes a little later.
    sink_.accept_failed(error);
    if (!std::exchange(paused, true) && ++paused_doors_ == 1)
      spdlog::warn("accepting connections pauses: {}", std::error_code(error, std::generic_category()).message());
    net::event_source nothing;
    (void)co_await reactions().wait(after(clock::now(), accept_pause), on(nothing, net::signalled),
                                    on(which->closing_signal, net::signalled));
  }
  if (paused) --paused_doors_;
  ::close(socket.descriptor);
  socket.descriptor = -1;
}

}  // namespace tideover::proxy
