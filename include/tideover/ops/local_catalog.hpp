// Keeps up what the local servers have: asks Ollama's /api/tags, /api/ps and /api/show, or another server's /v1/models,
// now and then and whenever somebody needs to know.
// Not a readiness monitor: it tells what is installed and loaded, not whether it works well.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tideover/net/dialer.hpp"
#include "tideover/policy/model_choice.hpp"
#include "tideover/policy/readiness.hpp"
#include "tideover/proxy/services.hpp"

namespace tideover::ops {

class local_catalog_watch {
 public:
  /// `ways`: the URLs of one local upstream; none: there is no local tier, the catalog stays unknown. Everything it
  /// refers to outlives it.
  local_catalog_watch(net::event_loop& control, net::resolver& names, std::vector<const proxy::upstream_route*> ways);

  /// What another knew of the same servers, so that nothing must be learnt anew; they are asked all the same. On the
  /// control loop, before anybody else has this one.
  void take_over(const local_catalog_watch& before);

  /// From any thread; never null.
  std::shared_ptr<const policy::local_catalog> current() const;
  /// From any thread; `done` runs on the control loop when every server has answered or has not.
  void refresh(std::function<void()> done);
  /// Why the last try failed at every server; empty when it did not.
  std::string problem() const;
  /// How each server answered last.
  std::vector<policy::api_fact> servers(time_point now) const;

  /// From any thread; see local_knowledge.
  std::shared_ptr<void> grows(std::string_view model, std::uint16_t url, std::uint64_t window);

  /// From the control loop's tick.
  void tick(time_point now);

  /// On the control loop: is nobody being asked?
  bool quiet() const { return asking_ == 0; }

  // What others found out about a model, by name and digest; kept as long as the process. From the control loop.
  void note_usual_context(std::string_view model);  // it was just loaded without options
  void note_fit(std::string_view model, bool fits);
  /// From any thread; see local_knowledge. Its server is asked anew at once.
  void note_remote(std::string_view model);

  static constexpr auto interval = std::chrono::seconds(30);
  static constexpr auto interval_while_unknown = std::chrono::seconds(2);
  static constexpr auto interval_while_troubled = std::chrono::seconds(5);
  static constexpr auto patience = std::chrono::seconds(3);
  static constexpr auto patience_for_loaded = std::chrono::seconds(1);  // /api/ps may hang while a model loads (OL §12)
  /// The first catalog shall not wait long for details: what is not told by then is asked for next time.
  static constexpr auto patience_for_details = std::chrono::seconds(1);
  static constexpr int details_at_once = 4;

 private:
  struct server {
    const proxy::upstream_route* way = nullptr;
    policy::api_answer answered = policy::api_answer::unknown;
    std::string problem;
    std::string loaded_json;  // the last answer of /api/ps
    time_point loading_since = never;
    policy::local_catalog catalog;
    std::map<std::string, policy::shown_model> shown;  // what /api/show told, by name and digest; control loop only
    bool details_missing = false;
  };
  /// What one round of questions found out about a server.
  struct finding {
    policy::api_answer answered = policy::api_answer::answers;
    std::string problem{};
    std::optional<policy::local_catalog> catalog{};
  };
  /// A window that a request makes larger. Known to the watch of the configuration that came after it, too.
  struct growth {
    std::string const model;
    std::uint16_t const url = 0;
    std::uint64_t const window = 0;
    std::atomic<bool> over = false;
  };
  struct grown {
    std::shared_ptr<growth> what;
    bool asked_about = false;  // since it is over, the server is being asked
  };
  struct questions;
  struct learned {
    std::uint64_t usual_context = 0;
    bool fits = true;
    bool remote = false;
  };
  void start();
  void ended();
  net::task<void> ask(server& whom);
  net::task<finding> ask_ollama(server& whom);
  net::task<finding> ask_other(server& whom);
  net::task<void> ask_capabilities(server& whom, policy::local_catalog& found);
  net::task<void> ask_in_turn(server& whom, std::shared_ptr<questions> open);
  void publish();

  net::event_loop& control_;
  net::resolver& names_;
  std::vector<server> servers_;              // written on the control loop, with the mutex held
  std::map<std::string, learned> by_files_;  // with the mutex held
  mutable std::mutex mutex_;
  std::shared_ptr<const policy::local_catalog> catalog_;
  std::vector<std::function<void()>> waiting_;
  std::vector<grown> growing_;  // with the mutex held
  std::size_t asking_ = 0;      // control loop only
  time_point next_{};
};

}  // namespace tideover::ops
