#include "tideover/proxy/services.hpp"

#include "tideover/policy/reach.hpp"

namespace tideover::proxy {

std::optional<cloud_pass> services::upkeep_pass() const {
  return policy::reach::of_upkeep(*configuration, [&](const std::string& w) { return contingency->active(w); });
}

}  // namespace tideover::proxy
