// What differs between two configurations, key by key, for people: `tideover reload`, the log, the journal.
// Not a comparison of meanings: two ways to write the same thing differ here. Pure; secrets are compared, never shown.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tideover/config/snapshot.hpp"

namespace tideover::config {

enum class change_kind : std::uint8_t { added, removed, changed };
std::string_view token(change_kind kind);

struct change {
  std::string key;  // `workflows.legal.policy`
  change_kind what = change_kind::changed;
  std::string from;  // as it was written; empty: it was not there, or may not be shown
  std::string to;

  bool operator==(const change&) const = default;
};

/// By key, in the order of their names.
std::vector<change> changes_between(const snapshot& before, const snapshot& after);

/// Is this something that a running process cannot take up? Then its change waits for a restart.
bool needs_restart(std::string_view key);

/// Why a running process does not take up `after`, although it is valid: the file that is in force says nothing any
/// more, or is gone. An editor that truncates before it writes must not bring the built-in defaults into force, nor a
/// hand that slips. Empty: it may be taken up.
std::string would_forget_everything(const snapshot& before, const snapshot& after);

}  // namespace tideover::config
