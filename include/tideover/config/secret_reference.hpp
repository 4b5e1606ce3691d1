// From {env: NAME}, {file: PATH} or {credential: NAME} to the secret itself. Whatever stands in such a place may be the
// secret, so no message repeats any of it. Not for where secrets go: that is the table's.
#pragma once

#include <string>
#include <string_view>

#include "tideover/config/load.hpp"
#include "tideover/config/yaml_document.hpp"
#include "tideover/core/secret.hpp"

namespace tideover::config {

struct resolved_secret {
  secret value;
  std::string error;  // empty: `value` is the secret
  place at;           // what `error` is about
  std::string key;    // env, file or credential, as far as known
  std::string file;   // that was read for `file:`; who may read it is the caller's question
};

/// Relative paths are meant from `folder`, which ends in `/` or is empty.
resolved_secret resolve_secret(const yaml_node& node, const std::string& folder, const surroundings& world);

bool is_world_readable(const std::string& path, const surroundings& world);

/// Not empty, no control characters, plain ASCII, no surrounding space. Says what is wrong, or nothing.
std::string objection_to_secret(std::string_view text);

}  // namespace tideover::config
