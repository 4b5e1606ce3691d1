// What holds without a file, and what environment and flags put in its place: the layers below and above the file.
// Not for files (file_reader) nor for rules between keys (check).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tideover/config/file_reader.hpp"
#include "tideover/config/load.hpp"

namespace tideover::config {

/// The listeners, the `default` workflow and no upstreams: those need $OLLAMA_HOST, see add_default_upstreams.
snapshot built_in_defaults();

timeouts usual_timeouts(tier where);

/// "OpenAI" for `openai`; the name itself where nothing better is known.
std::string title_of(std::string_view name);

/// openai, anthropic and ollama. $OLLAMA_HOST is not looked at when `local_is_given` (a flag or variable will replace
/// the URL anyway).
void add_default_upstreams(snapshot& made, const surroundings& world, bool local_is_given, reading& notes);

/// Environment, then flags, over what the file said. Notes keep where each path now comes from.
void apply_overrides(snapshot& made, const overrides& flags, const surroundings& world, reading& notes);

}  // namespace tideover::config
