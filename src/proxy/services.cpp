#include "tideover/proxy/services.hpp"

#include <algorithm>

namespace tideover::proxy {

bool services::cloud_may_be_used() const {
  return std::any_of(configuration->workflows.begin(), configuration->workflows.end(), [&](const auto& entry) {
    const auto& [name, w] = entry;
    return w.policy != policy_kind::local_only && !contingency->active(name);
  });
}

}  // namespace tideover::proxy
