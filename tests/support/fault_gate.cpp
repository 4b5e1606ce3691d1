#include "support/fault_gate.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <list>
#include <mutex>
#include <stdexcept>
#include <thread>

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

using kind = wire_fault::kind;

enum class last : std::uint8_t { running, in_order, with_reset };

/// What a connection is told; written by the test, read by the connection's thread.
struct orders {
  std::mutex mutex;
  std::array<wire_fault, 2> faults;
  std::array<unsigned, 2> version{};
  std::array<std::atomic<std::uint64_t>, 2> passed{};
  std::array<std::atomic<std::uint64_t>, 2> writes{};
};

/// One direction of one connection.
class pump {
 public:
  pump(int from, int to, side where, orders& told) : from_(from), to_(to), where_(where), told_(told) {}

  /// Does whatever can be done without waiting, then says what to wait for.
  struct wish {
    short from = 0;
    short to = 0;
    int door = -1;
    steady::time_point by = steady::time_point::max();
  };
  wish go(last& end);

  bool done() const { return done_; }
  bool stalled() const { return stalled_; }

 private:
  void take_orders();
  bool reached();
  bool act(wish& wanted, last& end);
  bool write(wish& wanted, last& end);
  bool read(wish& wanted, last& end);

  int from_, to_;
  side where_;
  orders& told_;
  wire_fault fault_;
  unsigned version_ = 0;
  bool acted_ = false;
  std::optional<std::uint64_t> target_;
  std::uint64_t passed_ = 0;
  std::string recent_;      // the last bytes that passed, in case a text begins in them
  std::string pending_;     // read, not yet written
  std::size_t put_in_ = 0;  // the first so many pending bytes are the test's: no place is counted in them
  bool ended_ = false;      // the sender said so
  bool done_ = false;
  bool stalled_ = false;
  steady::time_point next_write_{};
};

void pump::take_orders() {
  auto const i = static_cast<std::size_t>(where_);
  std::lock_guard const lock(told_.mutex);
  if (version_ == told_.version[i]) return;
  version_ = told_.version[i];
  fault_ = told_.faults[i];
  acted_ = stalled_ = false;
  target_.reset();
}

/// Is the place of the fault where the next byte would be written?
bool pump::reached() {
  if (!target_ && fault_.at.text.empty()) target_ = fault_.at.bytes;
  if (!target_) {
    auto const window = recent_ + pending_.substr(put_in_);
    if (auto const at = window.find(fault_.at.text); at != std::string::npos)
      target_ = passed_ - recent_.size() + at + fault_.at.text.size();
  }
  return target_ && *target_ <= passed_ && put_in_ == 0;
}

/// True: something changed, look again. False: wait.
bool pump::act(wish& wanted, last& end) {
  if (fault_.door && !fault_.door->is_open()) {
    wanted.door = fault_.door->fd();
    return false;
  }
  switch (fault_.what) {
    case kind::none:
    case kind::append: break;
    case kind::stall: stalled_ = true; return false;
    case kind::cut: end = last::in_order; return false;
    case kind::reset: end = last::with_reset; return false;
    case kind::half_close:
      ::shutdown(to_, SHUT_WR);
      done_ = true;
      return false;
    case kind::flip:
      if (pending_.empty()) return !ended_ && read(wanted, end);
      pending_[0] = static_cast<char>(pending_[0] ^ static_cast<char>(fault_.mask));
      break;
    case kind::insert:
      pending_.insert(0, fault_.text);
      put_in_ = fault_.text.size();
      break;
  }
  acted_ = true;
  return true;
}

bool pump::read(wish& wanted, last& end) {
  char buffer[65536];
  auto const n = ::recv(from_, buffer, sizeof buffer, MSG_DONTWAIT);
  if (n > 0) {
    pending_.append(buffer, static_cast<std::size_t>(n));
    return true;
  }
  if (n == 0) {
    ended_ = true;
    if (fault_.what == kind::append && !acted_) {
      acted_ = true;
      put_in_ = fault_.text.size();
      pending_ += fault_.text;
    }
    return true;
  }
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
    wanted.from = POLLIN;
    return false;
  }
  end = last::with_reset;  // the sender reset: so it is passed on
  return false;
}

bool pump::write(wish& wanted, last& end) {
  auto size = pending_.size();
  if (put_in_ != 0) size = put_in_;
  if (!acted_ && target_ && *target_ > passed_ && put_in_ == 0)
    size = static_cast<std::size_t>(std::min<std::uint64_t>(size, *target_ - passed_));
  if (fault_.piece != 0) size = std::min(size, fault_.piece);
  if (fault_.bytes_per_second != 0) {
    auto const now = steady::now();
    if (now < next_write_) {
      wanted.by = next_write_;
      return false;
    }
    auto const share = std::max<std::uint64_t>(fault_.bytes_per_second / 50, 1);
    size = static_cast<std::size_t>(std::min<std::uint64_t>(size, share));
    next_write_ = now + std::chrono::nanoseconds(1'000'000'000 * size / fault_.bytes_per_second);
  }
  auto const n = ::send(to_, pending_.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n < 0) {
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
      end = last::with_reset;
      return false;
    }
    next_write_ = {};
    wanted.to = POLLOUT;
    return false;
  }
  auto const written = static_cast<std::size_t>(n);
  ++told_.writes[static_cast<std::size_t>(where_)];
  if (put_in_ != 0) {
    put_in_ -= written;
  } else {
    passed_ += written;
    told_.passed[static_cast<std::size_t>(where_)] += written;
    if (!fault_.at.text.empty()) {
      recent_.append(pending_, 0, written);
      if (recent_.size() > fault_.at.text.size()) recent_.erase(0, recent_.size() - fault_.at.text.size());
    }
  }
  pending_.erase(0, written);
  return true;
}

pump::wish pump::go(last& end) {
  wish wanted;
  while (!done_ && end == last::running) {
    take_orders();
    bool const somewhere = fault_.what != kind::none && fault_.what != kind::append;
    // Without a place the fault begins with the test's word, wherever the bytes are then.
    bool const anywhere = fault_.at.bytes == 0 && fault_.at.text.empty();
    bool const later = anywhere && fault_.door && !fault_.door->is_open();
    if (later) wanted.door = fault_.door->fd();
    if (somewhere && !acted_ && !later && reached()) {
      if (act(wanted, end)) continue;
      break;
    }
    if (!pending_.empty()) {
      if (write(wanted, end)) continue;
      break;
    }
    if (ended_) {
      ::shutdown(to_, SHUT_WR);
      done_ = true;
      break;
    }
    if (!read(wanted, end)) break;
  }
  return wanted;
}

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
