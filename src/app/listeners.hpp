// The addresses at which callers come in, for all workers, through reloads: what a new configuration opens, keeps and
// closes, and certificates that were renewed. Not an accept loop: that is proxy/worker's. Control thread only.
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
    config::address at;  // as configured; of one that was handed down the place in the list counts
    std::string bound;
    bool handed = false;
  };

 public:
  /// `handed`: sockets that were opened for us; they take the first places of `listen` and stay open for good.
  listeners(std::size_t workers, std::vector<int> handed) : workers_(workers), handed_(std::move(handed)) {}

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
    std::string files;
  };

  /// Binds what is new and reads every certificate. Throws std::runtime_error with a sentence; then nothing has
  /// changed.
  plan prepare(const config::snapshot& wanted);
  /// From now on this is what there is.
  void commit(const plan& made);

  /// Has a file of a certificate changed since it was taken up, or refused? Looks at names, sizes and times only.
  bool certificates_renewed(const config::snapshot& current) const;

  /// As bound, in the order of the file.
  std::vector<std::string> addresses() const;

 private:
  std::vector<net::ssl_context> read_certificates(const config::snapshot& wanted, const std::string& files);
  void add_handed(plan& made, const config::listener& wanted, net::ssl_context tls, std::size_t place,
                  const config::snapshot& all);

  std::size_t const workers_;
  std::vector<int> const handed_;
  std::string files_used_, files_refused_;  // how the files of certificates looked
  std::vector<entry> entries_;
  std::size_t next_number_ = 0;
};

}  // namespace tideover::app
