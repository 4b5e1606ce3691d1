// One thread's share of the proxy: event loop, doors, pools, scratch memory, sessions.
// Not shared: everything here belongs to the worker's thread; other threads reach it through the mailbox.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
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
  std::size_t listener = 0;  // which of the process: the same number on every worker
  int descriptor = -1;
  net::ssl_context tls;
  bool outlives_us = false;  // somebody else holds it open too: who waits in it is the next process's to serve
};

/// What a reload does to the listeners: certificates of those that stay, sockets that come, numbers of those that go.
struct door_changes {
  std::vector<std::pair<std::size_t, net::ssl_context>> kept;
  std::vector<listening_socket> opened;
  std::vector<std::size_t> closed;
};

/// One configuration on one worker: what it allows, and the connections that were made under it. An exchange holds the
/// one it began with to its end; the last to let go of an old one closes what is left of it.
struct worker_generation {
  explicit worker_generation(services_ptr allowed);
  const services_ptr shared;
  net::connection_pool pool;
  struct use {
    time_point last = time_point::min();  // of an exchange
    bool connecting = false;              // a spare is on its way
    time_point not_before{};              // after a spare failed
  };
  std::vector<use> uses;

  /// An exchange that may use this upstream does: keep a connection ready for the next one, if that spares a handshake.
  void used(std::size_t upstream, time_point now) { uses[upstream].last = now; }
};

/// Where callers come in. Sessions hold it: they learn from it that it closes.
struct door {
  listening_socket socket;
  net::event_source incoming;
  net::event_source closing_signal;
  bool closing = false;
};

class worker {
 public:
  worker(services_ptr shared, exchange_sink& sink, std::vector<listening_socket> sockets, std::uint64_t seed);
  ~worker();
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;

  /// The thread's function: serves until stop_now(), or until the last session ended after drain().
  void run();

  /// From any thread: requests that begin after `done` ran (on the worker's thread) are served by `next`; those that
  /// have begun keep what they have. `next` null: only doors change. False: the worker has ended, `done` will not run.
  bool adopt(services_ptr next, door_changes doors, std::function<void()> done);

  /// From any thread: stop accepting, end idle connections, let the others finish what they hold.
  void drain();
  /// From any thread: end everything now.
  void stop_now();
  /// From any thread: when its loop last went round, and whether it has ended.
  time_point last_turn() const { return time_point(duration(last_turn_.load(std::memory_order_relaxed))); }
  bool ended() const { return ended_.load(std::memory_order_relaxed); }

  // For sessions and exchanges on this worker.
  const std::shared_ptr<worker_generation>& generation() const { return generation_; }
  /// For what belongs to no exchange: one that has begun keeps to the generation it began with.
  const services& newest() const { return *generation_->shared; }
  exchange_sink& sink() { return sink_; }
  net::event_loop& loop() { return loop_; }
  net::reactor& reactions() { return loop_.reactions(); }
  bool draining() const { return draining_; }

  /// For reading; holds nothing across a wait, not even where it is. Large enough for the largest head that is
  /// accepted.
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
  void accept_at(const std::shared_ptr<door>& which);
  void close_door(door& which);
  net::task<void> accept_from(std::shared_ptr<door> which);
  void keep_spares(time_point now);
  net::task<void> connect_spare(std::shared_ptr<worker_generation> of, std::size_t upstream);
  void size_scratch();
  void stop_if_done();

  exchange_sink& sink_;
  net::event_loop loop_;
  std::shared_ptr<worker_generation> generation_;
  std::vector<std::shared_ptr<door>> doors_;
  std::unique_ptr<char[]> scratch_;
  std::size_t scratch_size_ = 0;
  std::string head_text_;
  std::vector<header_fields> spare_fields_;
  id_generator ids_;
  std::atomic<duration::rep> last_turn_{clock::now().time_since_epoch().count()};
  std::atomic<bool> ended_{false};
  std::size_t sessions_ = 0;
  std::size_t accepting_ = 0;     // doors at which somebody may still come in
  std::size_t paused_doors_ = 0;  // of which some wait at because nobody could be let in
  bool draining_ = false;
};

}  // namespace tideover::proxy
