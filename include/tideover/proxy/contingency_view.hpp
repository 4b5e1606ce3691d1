// What workers see of contingency: is it on for this workflow, now? Written by the control thread, read before each
// exchange. Not the reasons (policy/contingency): a worker needs none.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "tideover/policy/contingency.hpp"

namespace tideover::proxy {

class contingency_view {
 public:
  /// In force for whoever asks after this returns.
  void show(const policy::contingency& state) {
    auto const named = state.named();
    std::lock_guard const lock(mutex_);
    named_ = {named.begin(), named.end()};
    reach_ = state.active_for_all() ? reach::everything : named_.empty() ? reach::nothing : reach::some;
  }

  /// For requests that came under an earlier configuration and have not begun to ask: whatever is kept from the cloud
  /// now is kept by them too, and what they kept already stays.
  void tighten(const policy::contingency& state) {
    auto const named = state.named();
    std::lock_guard const lock(mutex_);
    named_.insert(named.begin(), named.end());
    if (state.active_for_all() || reach_.load() == reach::everything)
      reach_ = reach::everything;
    else if (!named_.empty())
      reach_ = reach::some;
  }

  bool active(std::string_view workflow) const {
    switch (reach_.load()) {  // most of the time one read answers
      case reach::nothing: return false;
      case reach::everything: return true;
      case reach::some: break;
    }
    std::lock_guard const lock(mutex_);
    return named_.contains(workflow);
  }

 private:
  enum class reach : std::uint8_t { nothing, some, everything };
  std::atomic<reach> reach_{reach::nothing};
  mutable std::mutex mutex_;
  std::set<std::string, std::less<>> named_;
};

}  // namespace tideover::proxy
