// The addresses at which callers come in, for all workers, through reloads: what a new configuration opens, keeps and
// closes. Not an accept loop: that is proxy/worker's. Control thread only.
#pragma once

#include <string>
#include <vector>

#include "tideover/config/snapshot.hpp"
#include "tideover/proxy/worker.hpp"

namespace tideover::app {

class listeners {
 private:
  struct entry {
    std::size_t number = 0;
    config::address at;  // as configured
    std::string bound;
  };

 public:
  explicit listeners(std::size_t workers) : workers_(workers) {}

  /// What a configuration changes. Sockets that it opened are closed with it unless they were handed over.
  class plan {
   public:
    plan() = default;
    plan(plan&& other) noexcept = default;
    plan& operator=(plan&&) = delete;
    ~plan();

    /// For one worker, once.
    proxy::door_changes take(std::size_t worker);

   private:
    friend class listeners;
    std::vector<entry> next;
    std::vector<std::pair<std::size_t, net::ssl_context>> kept;
    std::vector<std::vector<proxy::listening_socket>> opened;  // by worker
    std::vector<std::size_t> closed;
  };

  /// Binds what is new and reads every certificate. Throws std::runtime_error with a sentence; then nothing has
  /// changed.
  plan prepare(const config::snapshot& wanted);
  /// From now on this is what there is.
  void commit(const plan& made) { entries_ = made.next; }

  /// As bound, in the order of the file.
  std::vector<std::string> addresses() const;

 private:
  std::size_t const workers_;
  std::vector<entry> entries_;
  std::size_t next_number_ = 0;
};

}  // namespace tideover::app
