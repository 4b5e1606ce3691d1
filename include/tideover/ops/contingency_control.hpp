// Contingency while running: takes operators' decisions, keeps them, lets them expire, shows them to the workers.
// Not the rules (policy/contingency), the file (contingency_store) or the door (admin_api). Control thread only.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tideover/ops/contingency_store.hpp"
#include "tideover/ops/journal.hpp"
#include "tideover/policy/contingency.hpp"
#include "tideover/proxy/contingency_view.hpp"

namespace tideover::ops {

class contingency_control {
 public:
  /// Loads what was decided before. Where that cannot be read, contingency is on for everything: a broken disk must
  /// not send to the cloud what somebody had kept from it.
  contingency_control(config::contingency imposed, contingency_store store, journal& events,
                      proxy::contingency_view& view, std::int64_t unix_now, time_point now);

  struct order {
    std::vector<std::string> workflows;  // names or `all`
    std::string reason;
    std::string who;
    std::optional<duration> lasts;
  };
  void turn_on(const order& what, std::int64_t unix_now, time_point now);
  /// No names: everything that operators decided. Gives the names whose decisions were lifted.
  std::vector<std::string> turn_off(const std::vector<std::string>& workflows, const std::string& who,
                                    const std::string& reason);

  /// Lets decisions expire, and tries again to keep what the disk did not take.
  void tick(time_point now);
  /// Told after every decision: views of earlier configurations are tightened by it.
  std::function<void(const policy::contingency&)> on_change;

  /// Another configuration, whose exchanges look at `view`.
  void impose(config::contingency imposed, proxy::contingency_view& view);

  /// This process is on its way out: the next one may keep decisions from here on.
  void hand_over() { store_.hand_over(); }
  /// Why nothing may be decided here any more: the next one keeps decisions. Empty: it may.
  std::string taken_over() { return store_.taken_over(); }

  const policy::contingency& state() const { return state_; }
  /// Empty: what is in force now would be in force after a restart too.
  const std::string& not_kept() const { return not_kept_; }

 private:
  void changed();
  void note(const char* action, const policy::contingency_decision& d, const std::string& who, const std::string& why);

  contingency_store store_;
  journal& events_;
  proxy::contingency_view* view_;
  policy::contingency state_;
  std::string not_kept_;
  time_point next_try_{};
};

/// As the API shows it: active, all, workflows, sources, persisted.
nlohmann::ordered_json describe(const policy::contingency& state, const std::string& not_kept);

}  // namespace tideover::ops
