#include "tideover/config/changes.hpp"

namespace tideover::config {

std::string_view token(change_kind kind) {
  switch (kind) {
    case change_kind::added: return "added";
    case change_kind::removed: return "removed";
    case change_kind::changed: break;
  }
  return "changed";
}

std::vector<change> changes_between(const snapshot& before, const snapshot& after) {
  std::vector<change> all;
  auto old = before.settings.begin();
  auto fresh = after.settings.begin();
  while (old != before.settings.end() || fresh != after.settings.end()) {
    const bool only_old = fresh == after.settings.end() || (old != before.settings.end() && old->first < fresh->first);
    const bool only_new = old == before.settings.end() || (fresh != after.settings.end() && fresh->first < old->first);
    if (only_old) {
      all.push_back({old->first, change_kind::removed, old->second.shown, {}});
      ++old;
    } else if (only_new) {
      all.push_back({fresh->first, change_kind::added, {}, fresh->second.shown});
      ++fresh;
    } else {
      if (old->second.fingerprint != fresh->second.fingerprint)
        all.push_back({old->first, change_kind::changed, old->second.shown, fresh->second.shown});
      ++old;
      ++fresh;
    }
  }
  return all;
}

bool needs_restart(std::string_view key) { return key == "log.format"; }

std::string would_forget_everything(const snapshot& before, const snapshot& after) {
  if (before.settings.empty()) return {};
  if (after.source.empty())
    return "the configuration file " + before.source +
           " is gone, and without it the built-in defaults would come into force: put it back, or restart Tideover if "
           "that is meant";
  if (after.source_says_nothing)
    return "the configuration file " + after.source +
           " says nothing any more, and the built-in defaults would come into force: write it again, or write {} into "
           "it or restart Tideover if that is meant";
  return {};
}

}  // namespace tideover::config
