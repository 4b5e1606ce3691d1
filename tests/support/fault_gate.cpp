#include "support/fault_gate.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <list>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "support/fault_pump.hpp"

namespace tideover::test {
namespace broken {

namespace {
wire_fault one(wire_fault::kind what, place at) {
  wire_fault f;
  f.what = what;
  f.at = std::move(at);
  return f;
}
}  // namespace

wire_fault stall(place at) { return one(wire_fault::kind::stall, std::move(at)); }
wire_fault cut(place at) { return one(wire_fault::kind::cut, std::move(at)); }
wire_fault reset(place at) { return one(wire_fault::kind::reset, std::move(at)); }
wire_fault half_close(place at) { return one(wire_fault::kind::half_close, std::move(at)); }
wire_fault flip(place at, unsigned char mask) {
  auto f = one(wire_fault::kind::flip, std::move(at));
  f.mask = mask;
  return f;
}
wire_fault insert(place at, std::string text) {
  auto f = one(wire_fault::kind::insert, std::move(at));
  f.text = std::move(text);
  return f;
}
wire_fault append(std::string text) {
  auto f = one(wire_fault::kind::append, {});
  f.text = std::move(text);
  return f;
}
wire_fault split(std::size_t piece) {
  wire_fault f;
  f.piece = piece;
  return f;
}
wire_fault slow(std::uint64_t bytes_per_second) {
  wire_fault f;
  f.bytes_per_second = bytes_per_second;
  return f;
}
wire_fault after(gate door, wire_fault what) {
  what.door = std::move(door);
  return what;
}

}  // namespace broken

namespace {

void set_linger_zero(int fd) {
  linger const now{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void drain(int event) {
  std::uint64_t count = 0;
  (void)!::read(event, &count, sizeof count);
}

}  // namespace

struct fault_gate::state {
  struct connection {
    std::thread thread;
    std::atomic<bool> done{false};
    std::atomic<last> order{last::running};
    descriptor nudge{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  };

  state(std::uint16_t up, const char* at, std::uint16_t number) : address(at), port(at, number), upstream(up) {}

  std::string const address;
  reserved_port port;
  std::atomic<std::uint16_t> upstream;
  orders told;

  std::mutex mutex;  // guards everything down to `connections`
  std::condition_variable changed;
  door wanted = door::forward;
  door in_force = door::refuse;
  bool stopping = false;
  unsigned accepted = 0;
  std::list<connection> connections;

  descriptor wake{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::thread acceptor;

  void poke(const descriptor& event) {
    std::uint64_t const one = 1;
    (void)!::write(event.get(), &one, sizeof one);
  }

  void nudge_all() {
    std::lock_guard const lock(mutex);
    for (auto& c : connections) poke(c.nudge);
  }

  void end_all(last how) {
    std::lock_guard const lock(mutex);
    for (auto& c : connections) {
      c.order = how;
      poke(c.nudge);
    }
  }

  void set(door how) {
    std::unique_lock lock(mutex);
    wanted = how;
    poke(wake);
    changed.wait(lock, [&] { return in_force == how; });
  }

  void accept_loop() {
    descriptor listener;
    std::unique_ptr<full_backlog> hole;
    door now = door::refuse;
    for (;;) {
      {
        std::lock_guard const lock(mutex);
        if (stopping) return;
        if (wanted != now || in_force != now) {
          bool const listening = wanted != door::refuse && wanted != door::blackhole;
          if (!listening) listener.close();
          if (wanted != door::blackhole) hole.reset();
          if (wanted == door::blackhole && !hole) hole = std::make_unique<full_backlog>(port);
          if (listening && !listener) listener = port.listen();
          now = in_force = wanted;
          changed.notify_all();
        }
      }
      pollfd entries[2] = {{wake.get(), POLLIN, 0}, {listener.get(), POLLIN, 0}};
      if (::poll(entries, 2, -1) < 0) continue;
      if (entries[0].revents != 0) {
        drain(wake.get());
        continue;
      }
      descriptor socket(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!socket) continue;
      std::lock_guard const lock(mutex);
      ++accepted;
      if (now == door::reset_on_accept) set_linger_zero(socket.get());
      if (now == door::reset_on_accept || now == door::close_on_accept) continue;
      connections.remove_if([](connection& c) {
        if (!c.done) return false;
        c.thread.join();
        return true;
      });
      auto& entry = connections.emplace_back();
      entry.thread = std::thread([this, &entry, now, fd = socket.release()] {
        serve(descriptor(fd), entry, now == door::ignore);
        entry.done = true;
      });
    }
  }

  void serve(descriptor down, connection& mine, bool ignored) {
    last end = last::running;
    if (ignored) {
      while (mine.order == last::running) {
        pollfd entry{mine.nudge.get(), POLLIN, 0};
        (void)::poll(&entry, 1, -1);
        drain(mine.nudge.get());
      }
      end = mine.order;
      if (end == last::with_reset) set_linger_zero(down.get());
      return;
    }
    wire up;
    try {
      up = wire::connect(upstream);
    } catch (const std::exception&) {
      set_linger_zero(down.get());
      return;
    }
    int const one = 1;
    ::setsockopt(down.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    pump there(down.get(), up.fd(), side::to_upstream, told);
    pump back(up.fd(), down.get(), side::to_daemon, told);
    for (;;) {
      auto const a = there.go(end);
      auto const b = back.go(end);
      if (mine.order != last::running) end = mine.order;
      if (end != last::running) break;
      // Who has been stalled will not end by itself once the other direction is over.
      if ((there.done() || there.stalled()) && (back.done() || back.stalled()) && (there.done() || back.done())) break;
      pollfd entries[5] = {{down.get(), static_cast<short>(a.from | b.to), 0},
                           {up.fd(), static_cast<short>(a.to | b.from), 0},
                           {mine.nudge.get(), POLLIN, 0},
                           {a.door, POLLIN, 0},
                           {b.door, POLLIN, 0}};
      // A socket that nothing is wanted of would still report its hangup, again and again.
      for (int i = 0; i < 2; ++i)
        if (entries[i].events == 0) entries[i].fd = -1;
      auto const by = std::min(a.by, b.by);
      int wait = -1;
      if (by != steady::time_point::max())
        wait = std::max(static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(by - steady::now()).count()), 0);
      (void)::poll(entries, 5, wait);
      if (entries[2].revents != 0) drain(mine.nudge.get());
    }
    if (end == last::with_reset) {
      set_linger_zero(down.get());
      set_linger_zero(up.fd());
    }
  }
};

fault_gate::fault_gate(std::uint16_t upstream, const char* address, std::uint16_t port)
    : state_(std::make_unique<state>(upstream, address, port)) {
  state_->acceptor = std::thread([s = state_.get()] { s->accept_loop(); });
  state_->set(door::forward);
}

fault_gate::~fault_gate() {
  {
    std::lock_guard const lock(state_->mutex);
    state_->stopping = true;
  }
  state_->poke(state_->wake);
  state_->acceptor.join();
  state_->end_all(last::in_order);
  for (auto& c : state_->connections) c.thread.join();
}

void fault_gate::set(door how) { state_->set(how); }

void fault_gate::set(side where, wire_fault what) {
  {
    auto const i = static_cast<std::size_t>(where);
    std::lock_guard const lock(state_->told.mutex);
    state_->told.faults[i] = std::move(what);
    ++state_->told.version[i];
  }
  state_->nudge_all();
}

void fault_gate::heal() {
  set(side::to_upstream, {});
  set(side::to_daemon, {});
  set(door::forward);
}

void fault_gate::drop_all() { state_->end_all(last::in_order); }
void fault_gate::reset_all() { state_->end_all(last::with_reset); }
void fault_gate::forward_to(std::uint16_t upstream) { state_->upstream = upstream; }

std::uint16_t fault_gate::port() const { return state_->port.number(); }
std::string fault_gate::url() const { return "http://" + state_->address + ":" + std::to_string(port()); }

unsigned fault_gate::connections() const {
  std::lock_guard const lock(state_->mutex);
  return state_->accepted;
}

unsigned fault_gate::open_connections() const {
  std::lock_guard const lock(state_->mutex);
  return static_cast<unsigned>(
      std::count_if(state_->connections.begin(), state_->connections.end(), [](const auto& c) { return !c.done; }));
}

std::uint64_t fault_gate::passed(side where) const { return state_->told.passed[static_cast<std::size_t>(where)]; }
std::uint64_t fault_gate::writes(side where) const { return state_->told.writes[static_cast<std::size_t>(where)]; }

}  // namespace tideover::test
