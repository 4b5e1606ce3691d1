// One thread's share of the proxy: event loop, listeners, pools, scratch memory, sessions.
// Not shared: everything here belongs to the worker's thread; other threads reach it through the mailbox.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tideover/core/http_message.hpp"
#include "tideover/core/ids.hpp"
#include "tideover/net/connection_pool.hpp"
#include "tideover/net/event_loop.hpp"
#include "tideover/net/tls.hpp"
#include "tideover/proxy/services.hpp"

namespace tideover::proxy {

/// A listening socket of this worker (SO_REUSEPORT), with its certificate if it speaks TLS.
struct listening_socket {
  int descriptor = -1;
  net::ssl_context tls;
};

class worker {
 public:
  worker(const services& shared, exchange_sink& sink, std::vector<listening_socket> sockets, std::uint64_t seed);
  ~worker();
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;

  /// The thread's function: serves until stop_now(), or until the last session ended after drain().
  void run();

  /// From any thread: stop accepting, end idle connections, let the others finish what they hold.
  void drain();
  /// From any thread: end everything now.
  void stop_now();
  /// From any thread: when its loop last went round, and whether it has ended.
  time_point last_turn() const { return time_point(duration(last_turn_.load(std::memory_order_relaxed))); }
  bool ended() const { return ended_.load(std::memory_order_relaxed); }

  // For sessions and exchanges on this worker.
  const services& shared() const { return shared_; }
  exchange_sink& sink() { return sink_; }
  net::event_loop& loop() { return loop_; }
  net::reactor& reactions() { return loop_.reactions(); }
  net::connection_pool& pool() { return pool_; }
  /// An exchange that may use this upstream does: keep a connection ready for the next one, if that spares a handshake.
  void used(std::size_t upstream, time_point now) { uses_[upstream].last = now; }
  bool draining() const { return draining_; }
  net::event_source& drain_signal() { return drain_signal_; }

  /// For reading; holds nothing across a wait. Large enough for the largest head that is accepted.
  char* scratch() { return scratch_.get(); }
  std::size_t scratch_size() const { return scratch_size_; }
  /// For writing heads; holds nothing across a wait.
  std::string& head_text() {
    head_text_.clear();
    return head_text_;
  }
  std::string next_request_id();
  /// Field lists are lent out with their capacity: growing one anew for each head costs more than reading the head.
  header_fields borrow_fields();
  void return_fields(header_fields&& fields);

  void session_began() { ++sessions_; }
  void session_ended();

 private:
  net::task<void> accept_from(std::size_t index);
  void keep_spares(time_point now);
  net::task<void> connect_spare(std::size_t upstream);

  const services& shared_;
  exchange_sink& sink_;
  net::event_loop loop_;
  net::connection_pool pool_;
  std::vector<listening_socket> sockets_;
  std::vector<std::unique_ptr<net::event_source>> socket_sources_;
  net::event_source drain_signal_;
  struct use {
    time_point last = time_point::min();  // of an exchange
    bool connecting = false;              // a spare is on its way
    time_point not_before{};              // after a spare failed
  };
  std::vector<use> uses_;
  std::unique_ptr<char[]> scratch_;
  std::size_t scratch_size_;
  std::string head_text_;
  std::vector<header_fields> spare_fields_;
  id_generator ids_;
  std::atomic<duration::rep> last_turn_{clock::now().time_since_epoch().count()};
  std::atomic<bool> ended_{false};
  std::size_t sessions_ = 0;
  bool draining_ = false;
};

}  // namespace tideover::proxy
